"""How a model of each task predicts: for texts, and for the rows of a table. One function each a task."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from core.data.cells import cell_of, items_of
from core.data.column_mapping import ColumnMapping
from core.data.table import Table
from core.errors import LabError
from core.explore.fill_mask.fill_mask import fill_mask
from core.inference.answer import answer
from core.inference.choose import choose
from core.inference.predict import predict, predict_labels, predict_scores
from core.inference.tag import tag_words
from core.models.loading import Model

_ROWS_AT_ONCE = 256  # questions, of which each takes many windows: so many are in memory at a time

Texts = Sequence[Any]
Pairs = Sequence[str] | None
Choices = Sequence[Sequence[str]] | None
Columns = dict[str, Sequence[Any]]
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Predictor:
    """texts: what the model says of each text, from texts, second texts and choices (see `Run.predict`).

    table: the columns for a CSV, and how many rows were cut; None where nothing is said of a row.
    reads_pairs, reads_choices: what `texts` makes use of.
    """

    texts: Callable[[Model, Texts, Pairs, Choices], Any]
    table: Callable[[Model, Table, ColumnMapping, Progress], tuple[Columns, int]] | None
    reads_pairs: bool = True
    reads_choices: bool = False


def _say_tags(model: Model, texts: Texts, pairs: Pairs, choices: Choices) -> Any:
    return tag_words(model, [items_of(text) if isinstance(text, str) else text for text in texts])


def _say_answers(model: Model, texts: Texts, pairs: Pairs, choices: Choices) -> Any:
    if pairs is None:
        raise LabError("There are questions but no passages.", "Give the passages as second texts.")
    return answer(model, texts, pairs)


def _say_choices(model: Model, texts: Texts, pairs: Pairs, choices: Choices) -> Any:
    if choices is None:
        raise LabError("There is nothing to choose from.", "Give `choices`, a list for each beginning.")
    return choose(model, texts, choices, pairs)


def _read(table: Table, text: str, pair: str | None = None) -> Columns:
    """The columns that repeat what was read: “text” and, of pairs, “pair”."""
    columns = {"text": text} | ({} if pair is None else {"pair": pair})
    return {name: table[column] for name, column in columns.items()}


def _label(model: Model, table: Table, mapping: ColumnMapping, on_progress: Progress) -> tuple[Columns, int]:
    read = _read(table, mapping.column_of("text"), mapping["pair"])
    found = predict(model, read["text"], read.get("pair"), on_progress=on_progress)
    said = {"predicted": found.labels, "probability": found.confidences.tolist()}
    return read | said | _chances(found.label_names, found.probabilities), found.cut_count


def _labels(model: Model, table: Table, mapping: ColumnMapping, on_progress: Progress) -> tuple[Columns, int]:
    read = _read(table, mapping.column_of("text"), mapping["pair"])
    found = predict_labels(model, read["text"], read.get("pair"), on_progress=on_progress)
    said = {"predicted": [json.dumps(labels, ensure_ascii=False) for labels in found.labels]}
    return read | said | _chances(found.label_names, found.probabilities), found.cut_count


def _score(model: Model, table: Table, mapping: ColumnMapping, on_progress: Progress) -> tuple[Columns, int]:
    read = _read(table, mapping.column_of("text"), mapping["pair"])
    found = predict_scores(model, read["text"], read.get("pair"), on_progress=on_progress)
    return read | {"predicted": found.values.tolist()}, found.cut_count


def _tags(model: Model, table: Table, mapping: ColumnMapping, on_progress: Progress) -> tuple[Columns, int]:
    """Words as in training: parted by blanks, or a JSON list."""
    read = _read(table, mapping.column_of("tokens"))
    found = tag_words(model, [items_of(text) for text in read["text"]], on_progress=on_progress)
    said = {"predicted": [cell_of([each.tag for each in tags]) for tags in found.tags]}
    return read | said, found.cut_count


def _answer(model: Model, table: Table, mapping: ColumnMapping, on_progress: Progress) -> tuple[Columns, int]:
    read = _read(table, mapping.column_of("question"), mapping.column_of("context"))
    questions, contexts = read["text"], read["pair"]
    found = []
    for start in range(0, len(questions), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        found += answer(model, questions[part], contexts[part], row_ids=range(start, len(questions)))
        on_progress(len(found))
    said = {
        "predicted": [each.best.text for each in found],
        "start": ["" if each.best.start is None else each.best.start for each in found],
        "score": [each.best.probability for each in found],
        "no_answer_score": [each.no_answer.probability for each in found],
    }
    return read | said, 0


def _choice(model: Model, table: Table, mapping: ColumnMapping, on_progress: Progress) -> tuple[Columns, int]:
    read = _read(table, mapping.column_of("context"), mapping["question"])
    choices = list(zip(*(table[column] for column in mapping.all("choices")), strict=True))
    found = choose(model, read["text"], choices, read.get("pair"), on_progress=on_progress)
    count = len(mapping.all("choices"))
    names = model.inference.choices
    own = names if len(names) == count else [str(number) for number in range(count)]
    said = {
        "choices": [json.dumps(each, ensure_ascii=False) for each in choices],
        "predicted": [own[number] for number in found.numbers],
        "probability": found.probabilities.max(axis=1).tolist(),
    }
    return read | said | _chances(own, found.probabilities), found.cut_count


def _chances(names: Sequence[str], probabilities: Any) -> Columns:
    """A column of probabilities for each label."""
    return {f"p_{name}": column.tolist() for name, column in zip(names, probabilities.T, strict=True)}


PREDICTORS = {
    "sequence-classification": Predictor(lambda model, texts, pairs, _: predict(model, texts, pairs), _label),
    "multi-label": Predictor(lambda model, texts, pairs, _: predict_labels(model, texts, pairs), _labels),
    "regression": Predictor(lambda model, texts, pairs, _: predict_scores(model, texts, pairs), _score),
    "token-classification": Predictor(_say_tags, _tags, reads_pairs=False),
    "question-answering": Predictor(_say_answers, _answer),
    "multiple-choice": Predictor(_say_choices, _choice, reads_choices=True),
    "masked-language": Predictor(
        lambda model, texts, *_: [fill_mask(model, text) for text in texts], None, reads_pairs=False
    ),
}
