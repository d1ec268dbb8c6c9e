"""Where rows begin and end in a whole text: is its quoting sound, on which line is a row, what of rows that do not fit.

A text is soundly quoted when each quote that opens follows a delimiter or a line end, each that closes comes before
one, and the others come in pairs (RFC 4180). Parsers forgive more, and then swallow rows.

Of the rows that do not fit, one kind is joined to the row before it, as it can be told for certain: a text whose line
break was written as it is. In `label<tab>text` files without quoting, a message with a line break in it leaves a line
with no tab at all. Only a few such lines in a long file, below a last column of free text, are joined; each is named.
Where a person asks for it, rows of different lengths are filled up with empty cells. All else stays refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import InvalidRow

from core.data import limits
from core.data.reading.content import whole
from core.data.reading.detection import records
from core.errors import counted

_QUOTE, _NEWLINE, _RETURN = ord('"'), ord("\n"), ord("\r")
_BLOCK = 1 << 20  # fits into the processor's cache
_FEWEST_ROWS = 1000  # in a file whose broken lines are joined
_LARGEST_SHARE = 0.001  # of its rows, that may be broken


@dataclass(frozen=True, slots=True)
class Structure:
    """`fault` is the position of the first unsound quote, or None; `lines` counts line feeds, `lines_in_cells` those
    inside quotes, `returns` carriage returns outside quotes that no line feed follows."""

    fault: int | None
    quotes: int
    lines: int
    lines_in_cells: int
    returns: int


def scan(text: memoryview, delimiter: str, *, quoting: bool) -> Structure:
    """The structure of a UTF-8 text, which is all of a buffer from some byte on; without `quoting` no quote counts."""
    array = np.frombuffer(text, np.uint8)
    data = whole(text)
    before = len(data) - len(text)
    if data.find(b"\r", before) < 0 and not (quoting and data.find(b'"', before) >= 0):  # nothing to look at
        counts = (np.count_nonzero(array[start : start + _BLOCK] == _NEWLINE) for start in range(0, len(array), _BLOCK))
        return Structure(None, 0, int(sum(counts)), 0, 0)
    beside = np.zeros(256, bool)
    beside[[_QUOTE, _NEWLINE, _RETURN, *delimiter.encode()]] = True
    quotes, lines, inside, returns, fault, last = 0, 0, 0, 0, None, None
    for start in range(0, len(array), _BLOCK):
        block = array[start : start + _BLOCK]
        newlines = np.flatnonzero(block == _NEWLINE)
        lines += len(newlines)
        found = np.flatnonzero(block == _QUOTE) if quoting else newlines[:0]
        alone = np.flatnonzero(block == _RETURN)
        alone = alone[array[np.minimum(alone + start + 1, len(array) - 1)] != _NEWLINE]
        returns += int(((quotes + np.searchsorted(found, alone)) % 2 == 0).sum())
        if len(found) or quotes % 2:
            inside += int(((quotes + np.searchsorted(found, newlines)) % 2).sum())
        if len(found) and fault is None:
            positions = found + start
            closes = (quotes + np.arange(len(found))) % 2 == 1
            neighbours = np.where(closes, positions + 1, positions - 1)
            edge = (neighbours < 0) | (neighbours >= len(array))
            sound = edge | beside[array[np.clip(neighbours, 0, len(array) - 1)]]
            if not sound.all():
                fault = int(positions[np.argmin(sound)])
        if len(found):
            last = int(found[-1]) + start
        quotes += len(found)
    if quoting and fault is None and quotes % 2:
        fault = last
    return Structure(fault, quotes, lines, inside, returns)


def even_lines(text: memoryview, delimiter: str) -> bool:
    """Whether every line that is not blank holds the same number of delimiters, quotes set aside."""
    array = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(array == _NEWLINE)
    if not len(ends) or ends[-1] != len(array) - 1:
        ends = np.append(ends, len(array))
    counts = np.diff(np.searchsorted(np.flatnonzero(array == ord(delimiter)), ends), prepend=0)
    lengths = np.diff(ends, prepend=-1) - 1
    return len(np.unique(counts[lengths > 1])) == 1


def record_starts(text: memoryview, *, quoting: bool, blank: bool) -> np.ndarray:
    """The position of each record's first byte; blank lines count as records only when `blank`. For error messages."""
    array = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero((array == _NEWLINE) | (array == _RETURN))
    if quoting:
        ends = ends[np.searchsorted(np.flatnonzero(array == _QUOTE), ends) % 2 == 0]
    pairs = np.flatnonzero((np.diff(ends) == 1) & (array[ends[:-1]] == _RETURN) & (array[ends[1:]] == _NEWLINE))
    starts = np.append(0, np.delete(ends, pairs) + 1)
    starts = starts[starts < len(array)]
    if blank:
        return starts
    return starts[(array[starts] != _NEWLINE) & (array[starts] != _RETURN)]


def line_at(text: memoryview, position: int) -> int:
    """The number (from 1) in the file of the line that holds this byte of a text, which is all of a buffer from some
    byte on; lines end in LF, CR LF or CR."""
    data = whole(text)
    before = np.frombuffer(data, np.uint8)[: len(data) - len(text) + position]
    returns = np.flatnonzero(before == _RETURN)
    alone = returns[(returns + 1 >= len(before)) | (before[np.minimum(returns + 1, len(before) - 1)] != _NEWLINE)]
    return int((before == _NEWLINE).sum()) + len(alone) + 1


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


def fill_rows(
    columns: Sequence[pa.ChunkedArray], ragged: Ragged, *, delimiter: str, quoting: bool
) -> tuple[tuple[pa.ChunkedArray, ...], str]:
    """All rows in their order, in as many columns as the longest one has cells, and a notice.

    `columns` hold the rows that fit, `ragged` every other one with its number among all. Raises LabError for more
    columns than the limit.
    """
    others = [next(records(row.text.rstrip("\r\n"), delimiter, quoting))[0] for row in ragged.first]
    width = max(len(columns), *map(len, others))
    if width > limits.MAX_COLUMNS:
        raise limits.too_many_columns(width)
    fitting = len(columns[0]) if columns else 0
    order = np.zeros(fitting + len(others), np.int64)
    places = np.array([row.number - 1 for row in ragged.first], np.int64)
    is_other = np.zeros(len(order), bool)
    is_other[places] = True
    order[is_other] = fitting + np.arange(len(others))
    order[~is_other] = np.arange(fitting)
    blank = pa.array([""], pa.string()).take(pa.array(np.zeros(fitting, np.int64)))
    filled = []
    for position in range(width):
        upper = columns[position].chunks if position < len(columns) else [blank]
        lower = pa.array([row[position] if position < len(row) else "" for row in others], pa.string())
        filled.append(pa.chunked_array([*upper, lower], pa.string()).take(pa.array(order)))
    have = counted(len(others), "row has", "rows have")
    notice = f"{have} another number of cells than the first; shorter rows end in empty cells."
    return tuple(filled), notice
