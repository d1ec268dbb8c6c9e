"""The changes that people make to what is kept for a file, each a pure function of what is kept at that moment.

`decisions.update` runs them. A change says only what is new (one cell, one step, one column, one name), so
that what somebody else changed meanwhile stays; where both changed the same, the last one counts, and
`core.data.decisions.meanwhile` says so.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from core.data.column_mapping import ColumnMapping
from core.data.dataset.edits import Edits
from core.data.dataset.recipe import Recipe
from core.data.dataset.steps import Step
from core.data.decisions.saved_splits import SavedSplits
from core.data.table import Table
from core.errors import LabError


@dataclass(frozen=True, slots=True)
class TypedCell:
    """What somebody typed into a cell: `row` is the 0-based row of the file, `id` that of the correction."""

    row: int
    column: str
    value: str
    id: str


def new_id(author: str) -> str:
    """A name for one correction or step; `author` is whoever may take it back as their own: one tab of a browser."""
    return f"{author}.{secrets.token_hex(4)}"


def last_of(ids: Sequence[str], author: str) -> str | None:
    """The newest of some ids that is an author's own, or None.

    >>> last_of(("a.1", "b.1", "a.2", "b.2"), "a")
    'a.2'
    """
    return next((id for id in reversed(ids) if id.startswith(f"{author}.")), None)


def check_cell(table: Table, cell: TypedCell) -> None:
    """Raises LabError when a cell cannot hold what was typed, whatever else is kept."""
    Edits(table.content_hash).set(table, cell.row, cell.column, cell.value)


def correct(table: Table, cells: Iterable[TypedCell]) -> Callable[[Edits | None], Edits]:
    """Cells of the untouched `table` get what was typed.

    Refused (LabError) when the corrections that are kept belong to another reading of the file: together with them none
    could be applied.
    """
    cells = tuple(cells)

    def change(now: Edits | None) -> Edits:
        edits = now or Edits(table.content_hash)
        edits.apply(table)
        for cell in cells:
            edits = edits.set(table, cell.row, cell.column, cell.value, id=cell.id)
        return edits

    return change


def undo_correction(id: str) -> Callable[[Edits | None], Edits | None]:
    """One correction less. Where a later one gave its cell another text, that one stays."""

    def change(now: Edits | None) -> Edits | None:
        left = None if now is None else now.without(id)
        return left if left is not None and left.cells else None

    return change


def add_step(step: Step, id: str, *, shown: Recipe) -> Callable[[Recipe | None], Recipe]:
    """A step more, unless somebody else has added the same since the recipe that was `shown`."""

    def change(now: Recipe | None) -> Recipe:
        recipe = now or Recipe()
        is_there = recipe.steps.count(step) > shown.steps.count(step)
        return recipe if is_there else recipe.then(step, id=id)

    return change


def undo_step(id: str) -> Callable[[Recipe | None], Recipe | None]:
    """One step less, wherever it stands; those after it are done without it."""

    def change(now: Recipe | None) -> Recipe | None:
        left = None if now is None else now.without(id)
        return left if left is not None and left.steps else None

    return change


def forget_splits(shown: SavedSplits) -> Callable[[SavedSplits | None], None]:
    """No splits, if they are still those that were `shown`. Raises LabError for others."""

    def change(now: SavedSplits | None) -> None:
        if now is not None and now != shown:
            raise LabError(
                "These splits were replaced meanwhile by others, which are still kept.", "Look at these first."
            )

    return change


def choose_columns(
    shown: ColumnMapping, role: str, columns: str | Sequence[str] | None, *, there: Sequence[str]
) -> Callable[[ColumnMapping | None], ColumnMapping]:
    """Another choice for one part of a task; what is kept for the other parts stays.

    shown: the choice of columns as it was on screen, for what is not kept yet. there: the columns of the table.
    """
    return _changed(shown, there, lambda mapping: mapping.with_columns(role, columns))


def choose_separator(
    shown: ColumnMapping, separator: str | None, *, there: Sequence[str]
) -> Callable[[ColumnMapping | None], ColumnMapping]:
    """Another sign that parts the labels of a cell; `shown` and `there` as for `choose_columns`."""
    return _changed(shown, there, lambda mapping: replace(mapping, separator=separator))


def name_labels(
    shown: ColumnMapping, labels: Sequence[str], names: Mapping[str, str], places: Mapping[str, int]
) -> Callable[[ColumnMapping | None], ColumnMapping]:
    """Names and numbers for some labels; those of all others stay.

    labels: the labels that stand in the data, in the order of their numbers as they were `shown`.
    names: the new name of a label; "" gives it back its own. places: the new number of a label.
    Raises LabError when two labels would get one name.
    """

    def change(now: ColumnMapping | None) -> ColumnMapping:
        mapping = shown
        if now is not None and now.task == shown.task and now.label_column == shown.label_column:
            mapping = now
        kept = [label for label in mapping.label_order if label in labels]
        order = [*kept, *(label for label in labels if label not in kept)]
        for label, place in places.items():
            order.remove(label)
            order.insert(place, label)
        absent = [label for label in mapping.label_order if label not in order]
        titles = {label: name.strip() or label for label, name in names.items()}
        return mapping.with_labels([*order, *absent], titles)

    return change


def _changed(
    shown: ColumnMapping, there: Sequence[str], change_columns: Callable[[ColumnMapping], ColumnMapping]
) -> Callable[[ColumnMapping | None], ColumnMapping]:
    def change(now: ColumnMapping | None) -> ColumnMapping:
        if now is not None and now.task != shown.task and now.label_order:
            return now  # names of labels for another task are worth more than columns that are quickly chosen again
        if now is not None and now.task == shown.task and now.used() <= set(there):
            return change_columns(now)
        return change_columns(shown)

    return change
