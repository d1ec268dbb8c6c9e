"""What a finished run has to show: scores, confusion matrix, scored rows, worst mistakes. Reads its folder only."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.data.csv_safety import to_sheet
from core.data.reading.detection import records
from core.errors import LabError
from core.reports.scored_rows import ScoredRow, reader_of
from core.runs.folder import Run
from core.runs.status import read_json
from core.tasks import FIRST


@dataclass(frozen=True, slots=True)
class Report:
    """The evaluation of a run. `confusion[true][predicted]` counts rows (words, for tags); the worst mistake is first.

    `metrics` is empty when the run has no evaluation (not finished, or its folder is gone).
    """

    task: str
    metrics: dict[str, Any]
    label_names: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    predictions: tuple[ScoredRow, ...] = ()

    @property
    def mistakes(self) -> tuple[ScoredRow, ...]:
        """The rows that are wrong, the worst first; rows that are equally wrong as they stand in the file."""
        return tuple(sorted((item for item in self.predictions if item.is_wrong), key=lambda item: item.order))


def task_of(run: Run) -> str:
    """The task of a run, from its scores or from what it learned from; "" before either is there."""
    metrics = run.metrics()
    return str(metrics.get("task") or run.data().get("task") or (FIRST if metrics else ""))


def read_report(run: Run) -> Report:
    """The report of a run; an empty one when there is nothing to read. Damaged parts are left out, never raised."""
    folder = run.path / "evaluation"
    metrics, confusion, task = read_json(folder / "metrics.json"), read_json(folder / "confusion.json"), task_of(run)
    try:
        text = (folder / "predictions.csv").read_bytes().decode("utf-8")  # line ends in cells stay
    except (OSError, UnicodeDecodeError):
        text = ""
    return Report(
        task=task,
        metrics=metrics,
        label_names=tuple(str(name) for name in confusion.get("labels", ())),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion.get("counts", ())),
        predictions=_parse(text, task, metrics),
    )


def export_predictions(run: Run) -> bytes:
    """`predictions.csv` for a spreadsheet: cells that would be taken for formulas start with an apostrophe.

    Raises `LabError` when the run has no predictions.
    """
    path = run.file("evaluation/predictions.csv")
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, ValueError) as error:
        raise LabError("The predictions of this run cannot be read.", "Run it again.") from error
    return to_sheet(_rows(text))


def _parse(text: str, task: str, metrics: dict[str, Any]) -> tuple[ScoredRow, ...]:
    read = reader_of(task, metrics)
    found = []
    rows = _rows(text)
    names = next(rows, [])
    try:
        for cells in rows:
            if len(cells) != len(names):  # a line that ends too early
                break
            found.append(read(dict(zip(names, cells, strict=True))))
    except (KeyError, TypeError, ValueError):
        pass  # what was read so far stands
    return tuple(found)


def _rows(text: str) -> Iterator[list[str]]:
    """The cells of each line of a CSV. Python's own reader refuses cells of more than 131,072 characters, and contexts
    can be longer; its limit is one for the whole process."""
    return (cells for cells, _ in records(text, ",", quoting=True) if cells != [""])
