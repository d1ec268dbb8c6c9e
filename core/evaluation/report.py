"""What a finished run has to show: scores, confusion matrix, worst mistakes. Reads its evaluation folder only."""

import csv
import io
from dataclasses import dataclass, field
from typing import Any

from core.data.formulas import escape_formula
from core.errors import LabError
from core.runs.folder import Run
from core.runs.status import read_json


@dataclass(frozen=True, slots=True)
class Prediction:
    """One scored row: `row` is the 0-based row of the data file, `probability` that of the predicted label."""

    row: int
    text: str
    pair: str | None
    label: str
    predicted: str
    probability: float


@dataclass(frozen=True, slots=True)
class Report:
    """The evaluation of a run. `confusion[true][predicted]` counts rows; `mistakes` come most confident first.

    `metrics` is empty when the run has no evaluation (not finished, or its folder is gone).
    """

    metrics: dict[str, Any]
    label_names: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    predictions: tuple[Prediction, ...] = ()
    mistakes: tuple[Prediction, ...] = field(default=())


def read_report(run: Run) -> Report:
    """The report of a run; an empty one when there is nothing to read. Damaged parts are left out, never raised."""
    folder = run.path / "evaluation"
    confusion = read_json(folder / "confusion.json")
    try:
        text = (folder / "predictions.csv").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    predictions = _parse(text)
    mistakes = [item for item in predictions if item.label != item.predicted]
    return Report(
        metrics=read_json(folder / "metrics.json"),
        label_names=tuple(str(name) for name in confusion.get("labels", ())),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion.get("counts", ())),
        predictions=predictions,
        mistakes=tuple(sorted(mistakes, key=lambda item: -item.probability)),
    )


def export_predictions(run: Run) -> bytes:
    """`predictions.csv` for a spreadsheet: cells that would be taken for formulas start with an apostrophe.

    Raises `LabError` when the run has no predictions.
    """
    path = run.file("evaluation/predictions.csv")
    try:
        rows = list(csv.reader(io.StringIO(path.read_text("utf-8"), newline="")))
    except (OSError, ValueError, csv.Error) as error:
        raise LabError("The predictions of this run cannot be read.", "Run it again.") from error
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([[escape_formula(cell) for cell in row] for row in rows])
    return buffer.getvalue().encode("utf-8")


def _parse(text: str) -> tuple[Prediction, ...]:
    found = []
    try:
        for row in csv.DictReader(io.StringIO(text, newline="")):
            number, probability = int(row["row"]), float(row["probability"])
            found.append(Prediction(number, row["text"], row.get("pair"), row["label"], row["predicted"], probability))
    except (KeyError, TypeError, ValueError, csv.Error):
        pass  # what was read so far stands
    return tuple(found)
