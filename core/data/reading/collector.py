"""Gathers rows of strings into Arrow columns, a chunk at a time, within the limits. Knows no format."""

import re
from collections.abc import Sequence

import pyarrow as pa

from core.data import limits

SURROGATE = re.compile("[\ud800-\udfff]")
_CHUNK_ROWS = 16_384
_CHUNK_CHARACTERS = 64_000_000


class Collector:
    """Add rows, then take `columns()`. A longer row widens the table; what is missing in a row is an empty cell.

    `replaced` counts half characters (lone surrogates) that became U+FFFD.
    """

    __slots__ = ("_cells", "_chunk_size", "_chunks", "_rows_before", "_size", "replaced", "rows")

    def __init__(self, width: int = 0) -> None:
        self._cells: list[list[str]] = [[] for _ in range(width)]
        self._chunks: list[list[pa.Array]] = [[] for _ in range(width)]
        self._chunk_size = self._size = self._rows_before = 0  # sizes in characters
        self.rows = self.replaced = 0

    def add(self, cells: Sequence[str], where: str = "") -> None:
        """One more row; `where` names it in an error. Raises LabError when a limit is reached."""
        if len(cells) > len(self._cells):
            self._widen(len(cells))
        size = sum(map(len, cells))
        if size > limits.MAX_CELL_CHARACTERS and max(map(len, cells)) > limits.MAX_CELL_CHARACTERS:
            raise limits.cell_too_long(where or f"row {self.rows + 1:,}")
        self._size += size
        if self._size > limits.MAX_CONTENT_BYTES:
            raise limits.content_too_large()
        for column, cell in zip(self._cells, cells, strict=False):
            column.append(cell)
        for column in self._cells[len(cells) :]:
            column.append("")
        self.rows += 1
        self._chunk_size += size
        if self.rows > limits.MAX_ROWS:
            raise limits.too_many_rows()
        if self.rows - self._rows_before == _CHUNK_ROWS or self._chunk_size > _CHUNK_CHARACTERS:
            self._flush()

    def columns(self) -> tuple[pa.ChunkedArray, ...]:
        """Everything added, one column of strings each."""
        self._flush()
        return tuple(pa.chunked_array(parts, pa.string()) for parts in self._chunks)

    def _widen(self, width: int) -> None:
        if width > limits.MAX_COLUMNS:
            raise limits.too_many_columns(width)
        for _ in range(width - len(self._cells)):
            self._cells.append([""] * (self.rows - self._rows_before))
            blank = pa.array([""], pa.string()).take(pa.array([0] * self._rows_before, pa.int64()))
            self._chunks.append([blank])

    def _flush(self) -> None:
        for column, parts in zip(self._cells, self._chunks, strict=True):
            array, replaced = strings_of(column)
            self.replaced += replaced
            parts.append(array)
            column.clear()
        self._rows_before, self._chunk_size = self.rows, 0


def strings_of(column: Sequence[str]) -> tuple[pa.Array, int]:
    """The cells as an array; half characters (lone surrogates) are replaced by U+FFFD, and counted."""
    try:
        return pa.array(column, pa.string()), 0
    except UnicodeEncodeError:
        cleaned = [SURROGATE.subn("\ufffd", cell) for cell in column]
        return pa.array([cell for cell, _ in cleaned], pa.string()), sum(count for _, count in cleaned)


def about_replaced(count: int) -> tuple[str, ...]:
    """The notice that says how many half characters were replaced; none for 0."""
    return (f"{count:,} half characters (lone surrogates) were replaced by the sign \ufffd.",) if count else ()
