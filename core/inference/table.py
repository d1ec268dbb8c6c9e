"""Predicting for every row of a table with a model of any task: the table's cells in, columns for a CSV out."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from core.data.cells import items_of
from core.data.column_mapping import ROLES, ColumnMapping, Role
from core.data.csv_safety import to_sheet
from core.data.table import Table
from core.errors import LabError
from core.inference.answer import answer
from core.inference.choose import choose
from core.inference.predict import predict, predict_labels, predict_scores, task_of_model
from core.inference.tag import tag_words
from core.models.loading import Model
from core.training.tasks.token_classification import cell_of

_LEARNED = ("label", "labels", "score", "tags", "answer", "answer_start")  # parts that are not needed to predict
_ROWS_AT_ONCE = 256  # questions, of which each takes many windows: so many are in memory at a time

Columns = dict[str, Sequence[Any]]
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class PredictedTable:
    """What goes into the CSV, in the order of the file: `row` is the 0-based row, as in a run's `predictions.csv`.

    `cut_count` rows were longer than what is read of them (`Model.inference`).
    """

    columns: Columns
    cut_count: int

    def __len__(self) -> int:
        return len(self.columns["row"])

    def to_csv(self) -> bytes:
        """The whole table, with formulas escaped."""
        return to_sheet([tuple(self.columns), *zip(*self.columns.values(), strict=True)])


def inputs_of(task: str) -> tuple[Role, ...]:
    """The parts of a task that are read to predict; empty where nothing is predicted for a row (masked language)."""
    return () if task == "masked-language" else tuple(role for role in ROLES[task] if role.name not in _LEARNED)


def predict_table(
    model: Model,
    table: Table,
    mapping: ColumnMapping,
    *,
    on_progress: Progress | None = None,
) -> PredictedTable:
    """Predict every row of a table; `mapping` names the columns of the parts that `inputs_of` gives.

    The columns of the result are called as in a run's `predictions.csv`. Choices are named as in the training file, or
    by numbers from 0 where there were not as many. `on_progress` hears how many rows are done. Raises `LabError` when
    the model has learned another task than the mapping's, and as the functions that predict.
    """
    if task_of_model(model) != mapping.task or not inputs_of(mapping.task):
        raise LabError(
            f"The model “{model.title}” cannot predict rows for the task {mapping.task}.", "Choose another model."
        )
    missing = [role.title for role in inputs_of(mapping.task) if role.is_required and not mapping.all(role.name)]
    if missing:
        raise LabError(f"No column is chosen for “{missing[0]}”.", "Choose the column that holds it.")
    columns, cut_count = _PREDICT[mapping.task](model, table, mapping, on_progress or (lambda _: None))
    return PredictedTable({"row": range(len(table)), **columns}, cut_count)


def _texts(table: Table, text: str, pair: str | None) -> tuple[Columns, list[str], list[str] | None]:
    """The columns that repeat what was read, then texts and second texts."""
    texts, pairs = table[text], None if pair is None else table[pair]
    return {"text": texts} | ({} if pairs is None else {"pair": pairs}), texts, pairs


def _label(model: Model, table: Table, mapping: ColumnMapping, on_progress: Progress) -> tuple:
    read, texts, pairs = _texts(table, mapping["text"], mapping["pair"])
    found = predict(model, texts, pairs, on_progress=on_progress)
    said = {"predicted": found.labels, "probability": found.confidences.tolist()}
    return read | said | _chances(found.label_names, found.probabilities), found.cut_count


def _labels(model: Model, table: Table, mapping: ColumnMapping, on_progress: Progress) -> tuple:
    read, texts, pairs = _texts(table, mapping["text"], mapping["pair"])
    found = predict_labels(model, texts, pairs, on_progress=on_progress)
    said = {"predicted": [json.dumps(labels, ensure_ascii=False) for labels in found.labels]}
    return read | said | _chances(found.label_names, found.probabilities), found.cut_count


def _score(model: Model, table: Table, mapping: ColumnMapping, on_progress: Progress) -> tuple:
    read, texts, pairs = _texts(table, mapping["text"], mapping["pair"])
    found = predict_scores(model, texts, pairs, on_progress=on_progress)
    return read | {"predicted": found.values.tolist()}, found.cut_count


def _tags(model: Model, table: Table, mapping: ColumnMapping, on_progress: Progress) -> tuple:
    """Words as in training: parted by blanks, or a JSON list."""
    read, texts, _ = _texts(table, mapping["tokens"], None)
    found = tag_words(model, [items_of(text) for text in texts], on_progress=on_progress)
    said = {"predicted": [cell_of([each.tag for each in tags]) for tags in found.tags]}
    return read | said, found.cut_count


def _answer(model: Model, table: Table, mapping: ColumnMapping, on_progress: Progress) -> tuple:
    read, questions, contexts = _texts(table, mapping["question"], mapping["context"])
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


def _choice(model: Model, table: Table, mapping: ColumnMapping, on_progress: Progress) -> tuple:
    read, beginnings, questions = _texts(table, mapping["context"], mapping["question"])
    choices = list(zip(*(table[column] for column in mapping.all("choices")), strict=True))
    found = choose(model, beginnings, choices, questions, on_progress=on_progress)
    count = len(mapping.all("choices"))
    names = model.inference.choices
    own = names if len(names) == count else [str(number) for number in range(count)]
    said = {
        "choices": [json.dumps(each, ensure_ascii=False) for each in choices],
        "predicted": [own[number] for number in found.numbers],
        "probability": found.probabilities.max(axis=1).tolist(),
    }
    return read | said | _chances(own, found.probabilities), found.cut_count


_PREDICT: dict[str, Callable[..., tuple]] = {
    "sequence-classification": _label,
    "multi-label": _labels,
    "regression": _score,
    "token-classification": _tags,
    "question-answering": _answer,
    "multiple-choice": _choice,
}


def _chances(names: Sequence[str], probabilities: Any) -> Columns:
    """A column of probabilities for each label."""
    return {f"p_{name}": column.tolist() for name, column in zip(names, probabilities.T, strict=True)}
