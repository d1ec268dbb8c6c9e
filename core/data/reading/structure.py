"""Looks at where quotes and line ends stand in a whole text, fast: is its quoting sound, and on which line is a row.

A text is soundly quoted when each quote that opens follows a delimiter or a line end, each that closes comes before
one, and the others come in pairs (RFC 4180). Parsers forgive more, and then swallow rows.
"""

from dataclasses import dataclass

import numpy as np

_QUOTE, _NEWLINE, _RETURN = ord('"'), ord("\n"), ord("\r")
_BLOCK = 1 << 20  # fits into the processor's cache


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
    before = len(text.obj) - len(text)
    if text.obj.find(b"\r", before) < 0 and not (quoting and text.obj.find(b'"', before) >= 0):  # nothing to look at
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
    before = np.frombuffer(text.obj, np.uint8)[: len(text.obj) - len(text) + position]
    returns = np.flatnonzero(before == _RETURN)
    alone = returns[(returns + 1 >= len(before)) | (before[np.minimum(returns + 1, len(before) - 1)] != _NEWLINE)]
    return int((before == _NEWLINE).sum()) + len(alone) + 1
