"""Predicting for every row of a table with a model of any task: the table's cells in, columns for a CSV out."""

from collections.abc import Callable
from dataclasses import dataclass

from core.data.column_mapping import ColumnMapping
from core.data.csv_safety import to_sheet
from core.data.table import Table
from core.errors import LabError
from core.inference.predict import task_of_model
from core.inference.predictors import PREDICTORS, Columns
from core.models.loading import Model
from core.tasks import Role, spec_of


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
    spec = spec_of(task)
    return spec.inputs if spec.predicts_rows else ()


def predict_table(
    model: Model,
    table: Table,
    mapping: ColumnMapping,
    *,
    on_progress: Callable[[int], None] | None = None,
) -> PredictedTable:
    """Predict every row of a table; `mapping` names the columns of the parts that `inputs_of` gives.

    The columns of the result are called as in a run's `predictions.csv`. Choices are named as in the training file, or
    by numbers from 0 where there were not as many. `on_progress` hears how many rows are done. Raises `LabError` when
    the model has learned another task than the mapping's, and as the functions that predict.
    """
    predict_rows = PREDICTORS[mapping.task].table
    if predict_rows is None or task_of_model(model) != mapping.task:
        raise LabError(
            f"The model “{model.title}” cannot predict rows for the task {mapping.task}.", "Choose another model."
        )
    missing = [role.title for role in inputs_of(mapping.task) if role.is_required and not mapping.all(role.name)]
    if missing:
        raise LabError(f"No column is chosen for “{missing[0]}”.", "Choose the column that holds it.")
    columns, cut_count = predict_rows(model, table, mapping, on_progress or (lambda _: None))
    return PredictedTable({"row": range(len(table)), **columns}, cut_count)
