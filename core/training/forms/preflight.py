"""What can be known of a plan before a training starts: its rows and columns, and what model and machine allow.

Needs no torch. What only the worker can find out (a damaged model, memory that runs out) is said by the run.
"""

from dataclasses import replace

from core.data.column_mapping import ColumnMapping
from core.data.columns.check import check_mapping
from core.data.columns.labels import labels_of
from core.data.dataset.dataset import Dataset
from core.data.dataset.notices import shown
from core.data.dataset.row_selection import select_rows
from core.data.decisions.fixed import selected_data
from core.data.decisions.preparation import Preparation
from core.data.sources.references import open_table
from core.data.table import Table
from core.errors import LabError
from core.models.catalogue import locate
from core.tasks import spec_of
from core.training.estimate.shapes import shape_of
from core.training.estimate.speeds import device_here
from core.training.estimate.token_lengths import Lengths, lengths_of
from core.training.forms.editable import GROUPS, OF_THE_MODEL, checked
from core.training.plan.plan import Plan

_FINE_IN_OTHERS = ("one_label", "one_score")  # findings that only matter where something is to be learned
_AS_IT_IS = (
    "Such a file is read as it is: what was fixed on the page Datasets counts once the fixed table is saved as JSONL "
    "there and uploaded."
)


def check_start(plan: Plan, *, is_here: bool) -> None:
    """Raises `LabError` for what would end this training before its first step, as far as it can be known now.

    `is_here`: it will run on this machine, whose limits then count.
    """
    check_limits(plan, is_here=is_here)
    check_data(plan)


def check_limits(plan: Plan, *, is_here: bool) -> None:
    """Raises `LabError` for a setting that the model, or this machine, does not allow. An unknown model allows all."""
    is_known = locate(plan.model) is not None
    names = [name for group in GROUPS.values() for name in group if is_known or name not in OF_THE_MODEL]
    values = {name: getattr(plan, name) for name in names}
    checked(values, shape_of(plan.model), device_here(plan.precision) if is_here else None)


def check_data(plan: Plan) -> None:
    """Read all files of a plan. Raises `LabError` for columns that are not there and rows that the task cannot read."""
    table, dataset = _rows_of(plan)
    mapping = plan.mapping()
    names = dataset.label_names
    if not spec_of(plan.task).has_classes:
        names = labels_of(table, mapping, dataset.row_ids.array)
    preparation = Preparation.from_json(plan.preparation)
    if preparation.splits is not None and plan.test_data is None and plan.validation_data is None:
        preparation.splits.restore(dataset)
    for part, source in (("validation", plan.validation_data), ("test", plan.test_data)):
        if source is None:
            continue
        try:
            check_other_file(open_table(source, options=plan.reading), mapping, names, preparation)
        except LabError as error:
            raise misfit(part, error) from error


def lengths_of_plan(plan: Plan) -> Lengths:
    """How many rows a plan learns from, and how long their texts are. Raises `LabError` as `check_data`."""
    table, dataset = _rows_of(plan)
    return lengths_of(plan.mapping(), table, dataset.row_ids.array)


def check_other_file(
    table: Table, mapping: ColumnMapping, label_names: tuple[str, ...], preparation: Preparation
) -> None:
    """Raises `LabError` when a validation or test file cannot be read as the training file is; see `misfit`.

    `label_names`: those of the training file, as `preparation` calls them.
    """
    titles = mapping.label_titles
    mapping = replace(mapping, label_order=(), label_titles=())
    if lacking := _lacking(table, mapping):
        raise LabError(
            f"there is no column {shown(lacking)}.", "Name its columns as in the first file, or choose another file."
        )
    if spec_of(mapping.task).has_classes:
        preparation.dataset_of_other(table, mapping, label_names)
        return
    for finding in check_mapping(table, mapping):
        if finding.severity == "fix" and finding.key not in _FINE_IN_OTHERS:
            raise LabError(finding.what, finding.remedy)
    known = {*label_names, *titles}
    if label_names and (strange := [name for name in labels_of(table, mapping) if name not in known]):
        raise LabError(f"The first file has no label {shown(strange)}.", "Correct these labels, or drop their rows.")


def misfit(part: str, error: LabError) -> LabError:
    """An error of reading or checking the file for `part` ("validation" or "test"), under its name."""
    return LabError(f"The {part} file does not fit: {error.problem}", f"{error.remedy} {_AS_IT_IS}")


def _rows_of(plan: Plan) -> tuple[Table, Dataset]:
    """The table after corrections, and the rows that corrections and fixes leave. Raises `LabError` for unfit ones."""
    table, mapping = open_table(plan.data, options=plan.reading), plan.mapping()
    if lacking := _lacking(table, mapping):
        columns = ", ".join(repr(name) for name in table.columns)
        raise LabError(f"There is no column {shown(lacking)} in {table.name}.", f"The columns are {columns}.")
    preparation = Preparation.from_json(plan.preparation)
    corrected = table if preparation.edits is None else preparation.edits.apply(table)
    selection = select_rows(corrected, mapping)
    if preparation.recipe is not None:
        selection = preparation.recipe.apply(selection).selection
    left = replace(table, data=selected_data(corrected, mapping, selection))
    for finding in check_mapping(left, mapping, selection.row_ids):
        if finding.severity == "fix":
            raise LabError(finding.what, finding.remedy)
    return corrected, preparation.dataset(table, mapping)


def _lacking(table: Table, mapping: ColumnMapping) -> list[str]:
    return [name for _, names in mapping.columns for name in names if name not in table.columns]
