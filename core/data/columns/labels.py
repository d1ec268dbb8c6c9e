"""The labels that a mapping finds in a table, and which choice a cell calls the right one."""

from collections.abc import Sequence

import numpy as np

from core.data.cells import items_of
from core.data.column_mapping import ColumnMapping
from core.data.dataset.browse import natural_order
from core.data.dataset.notices import shown
from core.data.dataset.row_selection import is_usable_label
from core.data.table import Table
from core.data.views import take
from core.errors import LabError
from core.tasks import spec_of

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def labels_of(table: Table, mapping: ColumnMapping, row_ids: np.ndarray | None = None) -> tuple[str, ...]:
    """The labels that stand in the data, in the order a person would give them; those of `label_order` first.

    `row_ids` are the rows to look at; None stands for all. Raises LabError when a column is not there.
    """

    def cells(column: str) -> list[str]:
        every = table.column(column)
        return (every if row_ids is None else take(every, row_ids)).unique().to_pylist()

    role = spec_of(mapping.task).label_role
    columns = () if role is None else mapping.all(role.name)
    if role is None or len(columns) != 1:  # several: one of 0 and 1 for each label
        found = columns
    elif role.holds == "label":
        found = natural_order(filter(is_usable_label, cells(columns[0])))
    else:
        found = natural_order({item for cell in cells(columns[0]) for item in items_of(cell, mapping.separator)})
    first = [label for label in mapping.label_order if label in found]
    return (*first, *(label for label in found if label not in first))


def choice_numbers(cells: Sequence[str], choices: Sequence[str]) -> list[int]:
    """The 0-based number of the right choice for each cell: numbers from 0 or from 1, letters, or column names.

    Raises LabError when the cells are none of these alike.
    """
    plain = [cell.strip() for cell in cells]
    count = len(choices)
    if all(cell in choices for cell in plain):
        return [choices.index(cell) for cell in plain]
    if all(len(cell) == 1 and cell.upper() in _LETTERS[:count] for cell in plain):
        return [_LETTERS.index(cell.upper()) for cell in plain]
    values = [int(cell) if cell.isdecimal() and cell.isascii() and len(cell) < 4 else -1 for cell in plain]
    if values and min(values) >= 0:
        if max(values) < count:
            return values
        if min(values) >= 1 and max(values) == count:
            return [value - 1 for value in values]
    raise LabError(
        f"The right choice is not always one of the {count:,}: {shown(natural_order(set(cells)), 4)}.",
        f"Write a number from 0 to {count - 1}, a letter, or the column's name.",
    )


def is_choice(cell: str, choices: Sequence[str]) -> bool:
    """Whether a cell can name one of the choices: a number from 0, a letter, or a column's name."""
    plain = cell.strip()
    is_letter = len(plain) == 1 and plain.upper() in _LETTERS[: len(choices)]
    is_place = plain.isdecimal() and plain.isascii() and len(plain) < 4 and int(plain) < len(choices)
    return plain in choices or is_letter or is_place
