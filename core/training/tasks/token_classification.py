"""Token classification: a tag for each word of a sentence, such as the entity it belongs to or its part of speech."""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from core.data.cells import cell_of, items_of
from core.data.dataset.browse import natural_order
from core.data.dataset.dataset import MAX_LABELS
from core.data.dataset.notices import shown
from core.data.dataset.row_selection import rows_in_words
from core.data.decisions.preparation import named_labels
from core.data.table import Table
from core.errors import LabError, counted
from core.models.inference_settings import InferenceSettings
from core.models.loading import TOKEN_CLASSIFICATION, pad_id
from core.runs.status import write_json
from core.tasks.token_classification import SPEC
from core.training.batches.examples import Examples, Prepared, Rows
from core.training.batches.words import WordBatcher, encode_words, first_token_logits
from core.training.plan.plan import Plan
from core.training.scores import tagging
from core.training.scores.classification import cross_entropy
from core.training.tasks.task import (
    Batches,
    Loss,
    RandomText,
    Task,
    cells_at,
    rows_without_label,
    weighted_cross_entropy,
)
from core.training.tasks.text import write_predictions

OUTSIDE = "O"  # what a word beyond the maximum length is scored as: nothing was said about it


_HOW_TO_USE = """\
```python
from transformers import pipeline

model = pipeline("token-classification", model=".", ignore_labels=[])
model("The text to be tagged")
```

This pipeline cuts texts by itself. The tag of a word is that of its first token; the words are those that blanks part.
Words behind the cut count as tagged with “O”.
"""


class TokenClassification(Task):
    """A softmax over the tags at the first token of each word (Devlin et al. 2019, § 5.3).

    Words that do not fit into `max_length` are not learned. In the scores they count as answered with “O”, which is
    wrong where they are tagged with anything else: a shorter limit never makes scores better.
    """

    spec = SPEC

    def read(self, table: Table, plan: Plan, label_names: Sequence[str] | None = None) -> Examples:
        mapping = plan.mapping()
        dataset, corrected = rows_without_label(
            table, plan, mapping.column_of("tokens"), is_other_file=label_names is not None
        )
        words = [tuple(items_of(text)) for text in dataset.texts]
        tags = [items_of(cell) for cell in cells_at(corrected, mapping.column_of("tags"), dataset)]
        _check(words, tags, dataset.row_ids)
        named = dict(named_labels(mapping, natural_order(set(chain.from_iterable(tags)))))
        names = tuple(named.values()) if label_names is None else tuple(label_names)
        if len(names) < 2:
            raise LabError(f"All words have the tag {shown(names)}.", "Choose a column with at least two tags.")
        if len(names) > MAX_LABELS:
            raise LabError(
                f"There are {len(names):,} different tags; the limit is {MAX_LABELS:,}.",
                "Choose the column that holds the tags.",
            )
        place = {name: number for number, name in enumerate(names)}
        labels = tuple(tuple(place.get(named[tag], -1) for tag in row) for row in tags)
        _refuse_unknown(tags, labels, dataset.row_ids)
        return Examples(dataset, Rows(dataset.row_ids, tuple(words), labels), names)

    def encode(self, tokenizer: PreTrainedTokenizerFast, rows: Rows, plan: Plan, *, multiple: int = 1) -> WordBatcher:
        words = encode_words(tokenizer, rows.texts, max_length=plan.max_length, unknown=str(tokenizer.unk_token))
        return WordBatcher.of(words, rows.labels, pad_id(tokenizer), multiple)

    def head(self, plan: Plan) -> str:
        return TOKEN_CLASSIFICATION

    def loss(self, plan: Plan, train: Rows, label_count: int) -> Loss | None:
        return weighted_cross_entropy(plan, np.bincount(_flat(train.labels), minlength=label_count))

    def outputs(self, output: Any, batch: dict[str, torch.Tensor]) -> list[np.ndarray]:
        """Logits (word, label) of each row; words beyond the maximum length are missing at its end."""
        return first_token_logits(output.logits, batch["labels"])

    def quick_scores(self, outputs: Sequence[np.ndarray], batches: Batches, rows: Rows, names: Sequence[str]) -> dict:
        true, predicted = _named(rows.labels, names), _predicted(outputs, rows, names)
        return tagging.quick(true, predicted, _loss(outputs, rows))

    def evaluate(
        self, folder: Path, prepared: Prepared, outputs: Sequence[np.ndarray], batches: Batches
    ) -> dict[str, Any]:
        rows, names = prepared.test, prepared.label_names
        true, predicted = _named(rows.labels, names), _predicted(outputs, rows, names)
        counts = _confusion(true, predicted, names)
        write_json(folder / "confusion.json", {"labels": list(names), "counts": counts, "split": prepared.scored_split})
        write_predictions(
            folder,
            rows,
            {"tags": [cell_of(tags) for tags in true], "predicted": [cell_of(tags) for tags in predicted]},
            texts=[cell_of(words) for words in rows.texts],
        )
        majority = Counter(chain.from_iterable(prepared.train.labels)).most_common(1)[0][0]
        scores = tagging.full(true, predicted, _loss(outputs, rows), majority_tag=names[majority])
        return {**scores, "cut_words": scores["tokens"] - sum(map(len, outputs))}

    def random_rows(self, counts: Sequence[int], text: RandomText, *, has_pairs: bool, sequences: int) -> Rows:
        words = [tuple(text(count - 2)) for count in counts]
        return Rows(range(len(counts)), words, [(0,) * len(each) for each in words])

    def how_to_use(self, settings: InferenceSettings, *, has_pairs: bool, mask: str) -> str:
        return _HOW_TO_USE


def _check(words: Sequence[Sequence[str]], tags: Sequence[Sequence[str]], row_ids: Sequence[int]) -> None:
    """Raises `LabError` for rows whose words and tags differ in number, and for rows without words."""
    pairs = list(zip(row_ids, words, tags, strict=True))
    if wrong := [(row, len(items), len(given)) for row, items, given in pairs if len(items) != len(given)]:
        row, items, given = wrong[0]
        raise LabError(
            f"Words and tags do not have the same number in {rows_in_words([row for row, _, _ in wrong])}: "
            f"row {row + 1:,} has {counted(items, 'word')} and {counted(given, 'tag')}.",
            "Give each word one tag, or drop these rows.",
        )
    if empty := [row for row, items, _ in pairs if not items]:
        raise LabError(f"There is no word in {rows_in_words(empty)}.", "Drop these rows, or fill them in.")


def _refuse_unknown(tags: Sequence[Sequence[str]], labels: Sequence[Sequence[int]], row_ids: Sequence[int]) -> None:
    strange = [row for row, numbers in zip(row_ids, labels, strict=True) if -1 in numbers]
    if strange:
        pairs = zip(chain.from_iterable(tags), chain.from_iterable(labels), strict=True)
        found = natural_order({tag for tag, number in pairs if number < 0})
        raise LabError(
            f"The training data does not know the tag {shown(found)}: {rows_in_words(strange)}.",
            "Use only tags of the training data, or remove these rows.",
        )


def _flat(labels: Sequence[Sequence[int]]) -> np.ndarray:
    """The tags of all words: (word,)."""
    return np.fromiter(chain.from_iterable(labels), np.int64)


def _named(labels: Sequence[Sequence[int]], names: Sequence[str]) -> list[list[str]]:
    return [[names[number] for number in row] for row in labels]


def _predicted(outputs: Sequence[np.ndarray], rows: Rows, names: Sequence[str]) -> list[list[str]]:
    """The likeliest tag of each word, “O” for those that were cut."""
    found = _named([logits.argmax(axis=1) for logits in outputs], names)
    return [tags + [OUTSIDE] * (len(words) - len(tags)) for tags, words in zip(found, rows.texts, strict=True)]


def _loss(outputs: Sequence[np.ndarray], rows: Rows) -> float:
    """Mean cross-entropy over the words that were read, each counting once, as the network computes it."""
    labels = [row[: len(logits)] for row, logits in zip(rows.labels, outputs, strict=True)]
    return cross_entropy(np.concatenate(outputs), _flat(labels))


def _confusion(
    true: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], names: Sequence[str]
) -> list[list[int]]:
    """How many words of each tag were given each tag: [true][predicted]; an “O” that is no tag here is left out."""
    counts = Counter(zip(chain.from_iterable(true), chain.from_iterable(predicted), strict=True))
    return [[counts[one, other] for other in names] for one in names]
