"""Mends the one kind of broken row that can be told for certain: a text whose line break was written as it is.

In `label<tab>text` files without quoting, a message with a line break in it leaves a line with no tab at all. Only a
few such lines in a long file, below a last column of free text, are joined; each is named. All else stays refused.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import InvalidRow

_FEWEST_ROWS = 1000
_LARGEST_SHARE = 0.001


class Ragged:
    """Collects the rows that do not fit: the first ones (`most` of them), and how many there are."""

    __slots__ = ("_most", "count", "first")

    def __init__(self, most: int = 100) -> None:
        self.first: list[InvalidRow] = []
        self.count, self._most = 0, most

    def skip(self, row: InvalidRow) -> str:
        """What pyarrow calls for each such row."""
        self.count += 1
        if len(self.first) < self._most:
            self.first.append(row)
        return "skip"


def join_broken_lines(
    columns: Sequence[pa.ChunkedArray], ragged: Ragged, lines: Sequence[int]
) -> tuple[tuple[pa.ChunkedArray, ...], list[str]] | None:
    """The columns with each broken line joined to the row before it, and notices; None when that would be a guess.

    `columns` hold the rows that fit, `lines` the numbers of the broken lines in the file.
    """
    broken = ragged.first
    if len(lines) != ragged.count or any(row.actual_columns != 1 for row in broken):
        return None
    rows = len(columns[0]) if columns else 0
    if rows < _FEWEST_ROWS or len(broken) > rows * _LARGEST_SHARE or not _ends_in_text(columns):
        return None
    cells = columns[-1].to_pylist()
    for before, row in enumerate(broken):
        position = row.number - 1 - before - 1  # of the last fitting row above
        if position < 0:
            return None
        cells[position] += "\n" + row.text.rstrip("\r\n")
    notices = [
        f"Line {line:,} holds no delimiter; it was joined to the row before it as the rest of its text."
        for line in lines
    ]
    return (*columns[:-1], pa.chunked_array([pa.array(cells, pa.string())])), notices


def _ends_in_text(columns: Sequence[pa.ChunkedArray]) -> bool:
    """The last column is free text (long, mostly different), and another one holds few values, as labels do."""
    *others, last = columns
    if pc.count_distinct(last).as_py() < 0.5 * len(last) or not others:
        return False
    length = pc.mean(pc.utf8_length(last)).as_py()
    longest = max(pc.mean(pc.utf8_length(column)).as_py() for column in others)
    fewest = min(pc.count_distinct(column).as_py() for column in others)
    return length > 20 and length > 3 * longest and fewest <= 100
