"""Reads JSON (a list of objects) and JSONL (one object a line). Numbers keep their exact text, "01" stays "01".

Nested values become JSON text. Refuses by line: broken or cut JSON, repeated keys, items that are no object, too deep
nesting. Takes UTF-8 (see `encodings`).
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from core.data import limits
from core.data.reading.collector import SURROGATE, about_replaced, strings_of
from core.data.reading.content import whole
from core.data.reading.json_walk import Number, Window, broken, decode, dump, elements
from core.data.table import Parsed, ReadOptions
from core.errors import LabError, counted

_CHUNK_ROWS = 65_536


def read_json(text: memoryview, options: ReadOptions) -> Parsed:
    """The table in a list of objects. Raises LabError."""
    return _collect(_items(Window(text)), options)


def read_jsonl(text: memoryview, options: ReadOptions) -> Parsed:
    """The table in a text with one object a line; blank lines are left out. Raises LabError."""
    return _collect(_lines(text), options)


def _items(window: Window) -> Iterator[tuple[Any, int]]:
    """Each object of the list, with the line where it begins."""
    if window.peek() != "[":
        raise LabError(
            "A list of objects was expected, but the JSON is something else" + (_about(window.rest()) or "."),
            'Write it as [{"text": "…", "label": "…"}, …], or as JSONL with one object a line.',
        )
    for row in elements(window):
        if window.peek() not in ("{", ""):
            raise _no_object(row, window.line)
        line = window.line
        yield decode(window, row), line
    if window.peek():
        raise broken(window.line, "something follows the end of the list")


def _lines(text: memoryview) -> Iterator[tuple[Any, int]]:
    """Each line's object, with the line's number."""
    data, number, row = whole(text), 0, 0
    start = len(data) - len(text)
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        number += 1
        if end - start > 4 * limits.MAX_JSON_ROW_CHARACTERS:  # at most four bytes a character
            raise limits.json_row_too_long(row + 1, number)
        window, start = Window(data[start:end], line=number), end + 1
        if window.peek():
            row += 1
            if window.peek() != "{":
                raise _no_object(row, number)
            yield decode(window, row), number
            if window.peek():
                raise broken(number, "something follows the object; JSONL has one object a line")


def _no_object(row: int, line: int) -> LabError:
    return LabError(
        f"Row {row:,} (line {line:,}) is not an object with named fields.",
        'Write each row as {"text": "…", "label": "…"}.',
    )


def _about(text: str) -> str:
    """The first field of an object at the top, so that the right list can be found in it."""
    match = re.match(r'\{\s*"([^"]{1,100})"', text)
    return f": one object, and its first field is {match[1]!r}." if match else ""


def _collect(items: Iterator[tuple[Any, int]], options: ReadOptions) -> Parsed:
    """Columns in the order in which the fields first occur; what is missing or null becomes ""."""
    cells: dict[str, list[str]] = {}
    chunks: dict[str, list[pa.Array]] = {}
    empty: Counter[str] = Counter()
    kinds: dict[str, set[str]] = {}
    replaced = 0

    def flush() -> None:
        nonlocal replaced
        for key, column in cells.items():
            array, count = strings_of(column)
            replaced += count
            chunks.setdefault(key, []).append(array)
            column.clear()

    for rows, (item, line) in enumerate(items):  # `rows` is how many came before
        for key, value in item.items():
            if key not in cells:
                if len(cells) == limits.MAX_COLUMNS:
                    raise limits.too_many_columns(limits.MAX_COLUMNS + 1)
                cells[key] = [""] * (rows % _CHUNK_ROWS)
                chunks[key] = [pa.array([""] * _CHUNK_ROWS, pa.string())] * (rows // _CHUNK_ROWS)
                kinds[key], empty[key] = set(), rows
            text, kind = _text(value, line)
            kinds[key].add(kind)
            empty[key] += value is None
            if len(text) > limits.MAX_CELL_CHARACTERS:
                raise limits.cell_too_long(f"row {rows + 1:,} (line {line:,}), field {key!r}")
            cells[key].append(text)
        if rows + 1 > limits.MAX_ROWS:
            raise limits.too_many_rows()
        if len(item) < len(cells):
            for key in cells.keys() - item.keys():
                cells[key].append("")
                empty[key] += 1
        if (rows + 1) % _CHUNK_ROWS == 0:
            flush()
    flush()
    names = tuple(SURROGATE.sub("\ufffd", key) for key in chunks)
    columns = tuple(pa.chunked_array(parts, pa.string()) for parts in chunks.values())
    return Parsed(
        names,
        columns,
        ReadOptions(format=options.format, encoding=options.encoding),
        tuple(_notices(empty, kinds, replaced)),
    )


def _text(value: Any, line: int) -> tuple[str, str]:
    """A value as a cell, and the word for its kind."""
    if isinstance(value, Number):
        return str.__str__(value), "numbers"
    if isinstance(value, str):
        return value, "text"
    if value is None:
        return "", ""
    if isinstance(value, bool):
        return ("true" if value else "false"), "true/false"
    try:
        return dump(value), "lists or objects"
    except RecursionError as error:
        raise LabError(f"The value in line {line:,} is nested too deeply.", "Flatten it.") from error


def _notices(empty: Counter[str], kinds: dict[str, set[str]], replaced: int) -> Iterator[str]:
    for key, count in empty.items():
        if count:
            one, many = "missing or null value became an empty cell", "missing or null values became empty cells"
            yield f"Column {key!r}: {counted(count, one, many)}."
    for key, found in kinds.items():
        found.discard("")
        if "lists or objects" in found:
            yield f"Column {key!r} holds lists or objects; they are kept as JSON text."
        if len(found) > 1:
            yield f"Column {key!r} mixes {' and '.join(sorted(found))}; all are kept as text."
    yield from about_replaced(replaced)
