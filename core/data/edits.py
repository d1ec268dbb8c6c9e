"""Corrections to single cells, kept as a layer over an untouched file: applied when it is read, undone one by one.

An edit remembers what stood in the cell, so that it is never put into another cell when the file is read differently.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.data import limits
from core.data.draft import rows_in_words
from core.data.table import Table
from core.errors import LabError


@dataclass(frozen=True, slots=True)
class Edit:
    """One corrected cell: `row` is the 0-based row of the file, `before` what the file has there."""

    row: int
    column: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Edits:
    """Corrections to one file, in the order in which they were made; the last for a cell counts."""

    content_hash: str
    cells: tuple[Edit, ...] = ()
    version: ClassVar[int] = 1

    def __len__(self) -> int:
        return len(self._latest())

    def set(self, table: Table, row: int, column: str, value: str) -> "Edits":
        """One correction more; `table` is the untouched one. Raises LabError for a cell that is not there.

        Giving a cell what it already shows changes nothing.
        """
        self._refuse_another(table)
        if isinstance(row, bool) or not isinstance(row, int) or not 0 <= row < len(table):
            raise LabError(
                f"There is no row {row + 1 if isinstance(row, int) else row!r} to correct.",
                f"The table has the rows 1 to {len(table):,}.",
            )
        before = table.column(column)[row].as_py()
        if not isinstance(value, str):
            raise LabError(f"A cell holds text; {type(value).__name__} came.", "Give a text.")
        if len(value) > limits.MAX_CELL_CHARACTERS:
            raise limits.cell_too_long(f"row {row + 1:,}, column {column!r}")
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise LabError("The text holds a character that no text has (NUL or half a character).", "Type it again.")
        shown = self._latest().get((row, column))
        if value == (before if shown is None else shown.after):
            return self
        return replace(self, cells=(*self.cells, Edit(row, column, before, value)))

    def undo(self) -> "Edits":
        """The corrections without the last one."""
        return replace(self, cells=self.cells[:-1])

    def apply(self, table: Table) -> Table:
        """The table with the corrections in it, and a notice of how many. Raises LabError when they do not fit."""
        self._refuse_another(table)
        columns: dict[str, list[Edit]] = {}
        for edit in self:
            columns.setdefault(edit.column, []).append(edit)
        if not columns:
            return table
        data = table.data
        for name, edits in columns.items():
            edits.sort(key=lambda edit: edit.row)
            column = _corrected(table.column(name), edits)
            data = data.set_column(table.columns.index(name), name, column)
        count = sum(map(len, columns.values()))
        where = rows_in_words(sorted({edit.row for edit in self}))
        notice = f"{count:,} cells were corrected by hand, in {where}; the file itself is unchanged."
        return replace(table, data=data, notices=(*table.notices, notice))

    def __iter__(self) -> Iterator[Edit]:
        """The corrections that show: the last of each cell, those that lead back to the original left out."""
        return iter(self._latest().values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        cells = [[edit.row, edit.column, edit.before, edit.after] for edit in self.cells]
        return {"version": self.version, "content_hash": self.content_hash, "cells": cells}

    @classmethod
    def from_dict(cls, values: Any) -> "Edits":
        """The reverse of `to_dict`. Raises LabError for anything that is no list of corrections."""
        try:
            known = values["version"] == cls.version and isinstance(values["content_hash"], str)
            cells = tuple(Edit(row, column, before, after) for row, column, before, after in values["cells"])
        except (TypeError, KeyError, ValueError) as error:
            raise _not_understood() from error
        if not known or not all(
            type(cell.row) is int
            and 0 <= cell.row < 1 << 31
            and all(isinstance(text, str) for text in (cell.column, cell.before, cell.after))
            for cell in cells
        ):
            raise _not_understood()
        return cls(values["content_hash"], cells)

    def _latest(self) -> dict[tuple[int, str], Edit]:
        latest = {(edit.row, edit.column): edit for edit in self.cells}
        return {cell: edit for cell, edit in latest.items() if edit.before != edit.after}

    def _refuse_another(self, table: Table) -> None:
        if table.content_hash != self.content_hash:
            raise LabError("These corrections belong to another file.", "Open the file they were made for.")


def _corrected(column: pa.ChunkedArray, edits: list[Edit]) -> pa.ChunkedArray:
    """A column with some cells replaced, which must hold what they held when they were corrected."""
    rows = np.array([edit.row for edit in edits], np.int64)
    there = rows[rows < len(column)]
    found = column.take(pa.array(there)).to_pylist()
    strange = [
        edit.row for edit, cell in zip(edits, [*found, *[None] * len(edits)], strict=False) if edit.before != cell
    ]
    if strange:
        raise LabError(
            f"Corrections do not fit what the file shows in {rows_in_words(strange)}.",
            "Read the file as it was read when they were made (delimiter, encoding, header), or discard them.",
        )
    mask = np.zeros(len(column), bool)
    mask[rows] = True
    return pa.chunked_array(
        [pc.replace_with_mask(column.combine_chunks(), mask, pa.array([e.after for e in edits], column.type))]
    )


def _not_understood() -> LabError:
    return LabError("The corrections are not understood.", "Make them again on the page “Datasets”.")
