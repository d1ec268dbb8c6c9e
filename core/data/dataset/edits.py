"""Corrections to single cells, kept as a layer over an untouched file: applied when it is read, undone one by one.

An edit remembers what stood in the cell, so that it is never put into another cell when the file is read differently,
and has an id, so that whoever takes one back takes back this one and not another's.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.data import limits
from core.data.dataset.row_selection import rows_in_words
from core.data.table import Table
from core.errors import LabError, counted


@dataclass(frozen=True, slots=True)
class Edit:
    """One corrected cell: `row` is the 0-based row of the file, `before` what the file has there.

    id: which correction this is (`core.data.decisions.changes.new_id`); of one that is only to be applied "".
    """

    row: int
    column: str
    before: str
    after: str
    id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Edits:
    """Corrections to one file, in the order in which they were made; the last for a cell counts."""

    content_hash: str
    cells: tuple[Edit, ...] = ()
    _memo: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    version: ClassVar[int] = 1

    def __len__(self) -> int:
        return len(self._latest())

    def set(self, table: Table, row: int, column: str, value: str, *, id: str = "") -> "Edits":
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
        return replace(self, cells=(*self.cells, Edit(row, column, before, value, id)))

    def without(self, id: str) -> "Edits":
        """The corrections without one, by its id; the same when it is not there (any more)."""
        left = tuple(edit for edit in self.cells if edit.id != id)
        return self if len(left) == len(self.cells) else replace(self, cells=left)

    def at(self, row: int, column: str) -> Edit | None:
        """The correction that a cell shows, or None."""
        return self._latest().get((row, column))

    def settled(self) -> "Edits":
        """What is shown, without how it came about: equal for all histories that end in the same cells."""
        cells = sorted(self, key=lambda edit: (edit.row, edit.column))
        return Edits(self.content_hash, tuple(replace(edit, id="") for edit in cells))

    @property
    def digest(self) -> str:
        """A short name for what is shown."""
        if "digest" not in self._memo:
            shown = sorted((edit.row, edit.column, edit.before, edit.after) for edit in self)
            text = repr((self.content_hash, shown)).encode("utf-8", "surrogatepass")
            self._memo["digest"] = sha256(text).hexdigest()[:16]
        return self._memo["digest"]

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
        cells = counted(count, "cell was", "cells were")
        notice = f"{cells} corrected by hand, in {where}; the file itself is unchanged."
        return replace(table, data=data, notices=(*table.notices, notice))

    def __iter__(self) -> Iterator[Edit]:
        """The corrections that show: the last of each cell, those that lead back to the original left out."""
        return iter(self._latest().values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        cells = [
            [edit.row, edit.column, edit.before, edit.after, *([edit.id] if edit.id else [])] for edit in self.cells
        ]
        return {"version": self.version, "content_hash": self.content_hash, "cells": cells}

    @classmethod
    def from_dict(cls, values: Any) -> "Edits":
        """The reverse of `to_dict`. Raises LabError for anything that is no list of corrections.

        What was kept before corrections had ids is given some: without, none of them could be taken back.
        """
        try:
            known = values["version"] == cls.version and isinstance(values["content_hash"], str)
            cells = tuple(
                Edit(row, column, before, after, *(id or (f"kept.{place}",)))
                for place, (row, column, before, after, *id) in enumerate(values["cells"])
            )
        except (TypeError, KeyError, ValueError) as error:
            raise _not_understood() from error
        if not known or not all(
            type(cell.row) is int
            and 0 <= cell.row < 1 << 31
            and all(isinstance(text, str) for text in (cell.column, cell.before, cell.after, cell.id))
            for cell in cells
        ):
            raise _not_understood()
        return cls(values["content_hash"], cells)

    def _latest(self) -> dict[tuple[int, str], Edit]:
        """The correction that each cell shows, the one made last at the end."""
        if "latest" not in self._memo:
            latest: dict[tuple[int, str], Edit] = {}
            for edit in self.cells:
                latest.pop((edit.row, edit.column), None)
                latest[edit.row, edit.column] = edit
            self._memo["latest"] = {cell: edit for cell, edit in latest.items() if edit.before != edit.after}
        return self._memo["latest"]

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
