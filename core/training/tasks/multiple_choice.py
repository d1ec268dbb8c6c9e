"""Multiple choice: which of several texts continues a beginning, or answers a question about it."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import numpy as np
import torch
from transformers import BatchEncoding, PreTrainedTokenizerFast

from core.data.columns.labels import choice_numbers
from core.data.table import Table
from core.errors import LabError
from core.models.inference_settings import InferenceSettings
from core.models.loading import MULTIPLE_CHOICE, pad_id
from core.tasks.multiple_choice import SPEC
from core.training.batches.encoding import Encoded, encode, pad
from core.training.batches.examples import Examples, Prepared, Rows
from core.training.plan.plan import Plan
from core.training.scores import choice
from core.training.scores.classification import softmax
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


@dataclass(frozen=True, slots=True)
class ChoiceBatches:
    """Batches of rows with several sequences each, one for every choice; row i has those from `count` · i on."""

    encoded: Encoded  # (row · choice)
    labels: np.ndarray | None  # int64 (row,), the position of the right choice
    count: int  # choices of a row
    cut_count: int  # rows of which a choice, or the beginning before it, was cut
    pad_id: int
    multiple: int = 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row's longest choice: (row,)."""
        return self.encoded.lengths.reshape(-1, self.count).max(axis=1)

    def __len__(self) -> int:
        return len(self.encoded) // self.count

    def __call__(self, positions: Sequence[int]) -> dict[str, torch.Tensor]:
        """What `pad` gives as (batch, choice, pos), and `labels` (batch,)."""
        rows = np.asarray(positions)
        sequences = (rows[:, None] * self.count + np.arange(self.count)).ravel().tolist()
        flat = pad(self.encoded, sequences, self.pad_id, multiple=self.multiple)
        batch = {name: each.view(len(rows), self.count, -1) for name, each in flat.items()}
        if self.labels is not None:
            batch["labels"] = torch.from_numpy(self.labels[rows])
        return batch

    def set_epoch(self, epoch: int) -> None:
        """The same sequences in every epoch."""


def choice_batches(
    tokenize: Callable[..., BatchEncoding],
    rows: Rows,
    *,
    max_length: int,
    pad_id: int,
    multiple: int = 1,
) -> ChoiceBatches:
    """A sequence for each choice: the beginning, then the question (where there is one) joined with the choice.

    This is the form of transformers' `run_swag.py`. Cut token by token, whichever of the two is longer. `rows.labels`
    may be empty; every row has the same number of choices. `tokenize` as in `core.training.batches.encoding.encode`.
    """
    assert rows.choices is not None
    count = len(rows.choices[0]) if len(rows) else 1
    questions = rows.pairs if rows.pairs is not None else [""] * len(rows)
    firsts = [text for text in rows.texts for _ in range(count)]
    seconds = [
        f"{question} {each}" if question else each
        for question, choices in zip(questions, rows.choices, strict=True)
        for each in choices
    ]
    encoded = encode(tokenize, firsts, seconds, max_length=max_length)
    cut_count = int(encoded.is_cut.reshape(-1, count).any(axis=1).sum())
    labels = np.asarray(rows.labels, np.int64) if len(rows.labels) else None
    return ChoiceBatches(encoded, labels, count, cut_count, pad_id, multiple)


_HOW_TO_USE = """\
```python
from transformers import AutoModelForMultipleChoice, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(".")
network = AutoModelForMultipleChoice.from_pretrained(".")
batch = tokenizer([beginning] * len(choices), choices, truncation=True, padding=True, return_tensors="pt")
logits = network(**{name: values[None] for name, values in batch.items()}).logits
```

Where there is a question, each choice is the question, a blank and the choice. The choice with the highest logit is the
answer.
"""


class MultipleChoice(Task):
    """One score for each choice, a softmax over them (transformers, `…ForMultipleChoice`); trained on cross-entropy.

    The names of the labels are what the file writes for the choices in order: “0”, “1” …, “1”, “2” …, letters, or the
    names of their columns. A second file is read in the same way.
    """

    spec = SPEC

    def read(self, table: Table, plan: Plan, label_names: Sequence[str] | None = None) -> Examples:
        columns = plan.choice_columns
        if len(columns) < 2:
            raise LabError("Only one column is chosen for the choices.", "Choose two or more.")
        mapping = plan.mapping()
        dataset, corrected = rows_without_label(
            table, plan, plan.text_column, mapping.pair_column, is_other_file=label_names is not None
        )
        choices = tuple(zip(*(cells_at(corrected, column, dataset) for column in columns), strict=True))
        cells = [cell.strip() for cell in cells_at(corrected, mapping.column_of("label"), dataset)]
        if label_names is not None and set(cells) <= set(label_names):  # “1” must mean what it means in training
            numbers = [label_names.index(cell) for cell in cells]
        else:
            numbers = choice_numbers(cells, columns)
        questions = None if plan.pair_column is None else dataset.pairs
        rows = Rows(dataset.row_ids, dataset.texts, tuple(numbers), questions, choices)
        return Examples(dataset, rows, tuple(label_names or _spelling(cells, numbers, columns)))

    def encode(self, tokenizer: PreTrainedTokenizerFast, rows: Rows, plan: Plan, *, multiple: int = 1) -> ChoiceBatches:
        return choice_batches(tokenizer, rows, max_length=plan.max_length, pad_id=pad_id(tokenizer), multiple=multiple)

    def head(self, plan: Plan) -> str:
        return MULTIPLE_CHOICE

    def head_options(self, label_names: Sequence[str]) -> dict[str, Any]:
        return {}  # one output for any choice: the network has no labels

    def inference_options(self, plan: Plan, prepared: Prepared) -> dict[str, Any]:
        return {"choices": tuple(prepared.label_names)}

    def loss(self, plan: Plan, train: Rows, label_count: int) -> Loss | None:
        return weighted_cross_entropy(plan, np.bincount(np.asarray(train.labels, np.int64), minlength=label_count))

    def outputs(self, output: Any, batch: dict[str, torch.Tensor]) -> list[np.ndarray]:
        """The scores of each row's choices: (choice,)."""
        return list(output.logits.float().cpu().numpy())

    def quick_scores(self, outputs: Sequence[np.ndarray], batches: Batches, rows: Rows, names: Sequence[str]) -> dict:
        return choice.quick(np.stack(outputs), np.asarray(rows.labels))

    def evaluate(
        self, folder: Path, prepared: Prepared, outputs: Sequence[np.ndarray], batches: Batches
    ) -> dict[str, Any]:
        """`predictions.csv` names right and predicted choice as the file does; its choices are a JSON list."""
        rows, names = prepared.test, prepared.label_names
        logits, labels = np.stack(outputs), np.asarray(rows.labels, np.int64)
        chances = softmax(logits)
        write_predictions(
            folder,
            rows,
            {
                "choices": [json.dumps(choices, ensure_ascii=False) for choices in rows.choices or ()],
                "right": [names[label] for label in labels],
                "predicted": [names[label] for label in chances.argmax(axis=1)],
                "probability": chances.max(axis=1).tolist(),
            },
        )
        majority = Counter(prepared.train.labels).most_common(1)[0][0]
        return choice.full(logits, labels, majority_position=majority)

    def random_rows(self, counts: Sequence[int], text: RandomText, *, has_pairs: bool, sequences: int) -> Rows:
        halves = [(count - 3) // 2 for count in counts]
        choices = [tuple(" ".join(text(half)) for _ in range(sequences)) for half in halves]
        beginnings = [" ".join(text(half)) for half in halves]
        return Rows(range(len(counts)), beginnings, [0] * len(counts), None, choices)

    def how_to_use(self, settings: InferenceSettings, *, has_pairs: bool, mask: str) -> str:
        return _HOW_TO_USE


def _spelling(cells: Sequence[str], numbers: Sequence[int], columns: Sequence[str]) -> tuple[str, ...]:
    """How the file writes the choices in order, by the cells of its rows and what they mean."""
    count = len(columns)
    styles = (tuple(columns), tuple(ascii_uppercase[:count]), tuple(map(str, range(1, count + 1))))
    for style in styles:
        if all(style[number] in (cell, cell.upper()) for cell, number in zip(cells, numbers, strict=True)):
            return style
    return tuple(map(str, range(count)))
