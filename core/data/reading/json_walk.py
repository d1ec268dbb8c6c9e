"""Walks through JSON in a window, value by value, so that a long file needs little memory. Numbers keep their text.

Refuses by line: broken or cut JSON, repeated keys, too deep nesting. What the values mean is not its business.
"""

import codecs
import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from core.data import limits
from core.errors import LabError

_SPACE = re.compile(r"[ \t\r\n]*+")
_CHUNK_BYTES = 1 << 20


class Window:
    """A stretch of a long UTF-8 text that moves on, so that decoding it needs little memory; the position in it where
    reading stands, and the number of the line there."""

    __slots__ = ("_bytes", "_decoder", "_next", "line", "position", "text")

    def __init__(self, data: memoryview | bytes, *, line: int = 1) -> None:
        self._bytes, self._next = data, 0
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.text, self.position, self.line = "", 0, line
        self.grow()

    def grow(self) -> bool:
        """Let go of what was read and double what is left (by one chunk at least); False at the end of the text."""
        if self._next >= len(self._bytes):
            return False
        size = max(_CHUNK_BYTES, self.room())
        more = self._decoder.decode(bytes(self._bytes[self._next : self._next + size]))
        self._next += size
        self.text, self.position = self.text[self.position :] + more, 0
        return True

    def room(self) -> int:
        """How many characters lie ahead in the window."""
        return len(self.text) - self.position

    def peek(self) -> str:
        """The next character that is no white space, "" at the end of the text; moves up to it."""
        while True:
            space = _SPACE.match(self.text, self.position)
            self.move(space.end() if space else self.position)
            if self.room():
                return self.text[self.position]
            if not self.grow():
                return ""

    def step(self) -> None:
        """Move over one character."""
        self.position += 1

    def move(self, position: int) -> None:
        """Go on to a position in the window, and count the lines between."""
        self.line += self.text.count("\n", self.position, position)
        self.position = position

    def rest(self) -> str:
        """What lies ahead in the window, for a message; perhaps not all of the text."""
        return self.text[self.position :]


class Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


class _RepeatedKey(ValueError):
    pass


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise _RepeatedKey(counts.most_common(1)[0][0])
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=Number, parse_float=Number, parse_constant=Number)


def decode(window: Window, row: int) -> Any:
    """The value that begins here; the window grows until it is whole, up to the limit. `row` names it in an error."""
    line = window.line
    while True:
        try:
            item, end = _DECODER.raw_decode(window.text, window.position)
        except json.JSONDecodeError as error:
            if window.room() > limits.MAX_JSON_ROW_CHARACTERS:
                raise limits.json_row_too_long(row, line) from error
            if window.grow():
                continue
            where = line + window.text.count("\n", window.position, error.pos)
            raise broken(where, f"{error.msg}, at character {error.colno}") from error
        except _RepeatedKey as error:
            raise _repeated(line, error.args[0]) from error
        except RecursionError as error:
            raise LabError(f"The value that begins in line {line:,} is nested too deeply.", "Flatten it.") from error
        if end == len(window.text) and isinstance(item, Number) and window.grow():
            continue  # there may be more digits
        window.move(end)
        return item


def elements(window: Window) -> Iterator[int]:
    """For each element of the list that begins here its number, from 1; the caller reads it before the next one."""
    window.step()
    number = 0
    while window.peek() != "]":
        number += 1
        yield number
        _separator(window, "]", "the list", "items")
    window.step()


def members(window: Window) -> Iterator[str]:
    """The name of each field of the object that begins here; the caller reads its value before the next one."""
    line = window.line
    window.step()
    seen: set[str] = set()
    while window.peek() != "}":
        if window.peek() != '"':
            raise broken(window.line, "the name of a field is missing")
        name = decode(window, 1)
        if name in seen:
            raise _repeated(line, name)
        seen.add(name)
        if window.peek() != ":":
            raise broken(window.line, f"a colon is missing after {name[:100]!r}")
        window.step()
        window.peek()
        yield name
        _separator(window, "}", "the object", "fields")
    window.step()


def dump(value: Any) -> str:
    """JSON text of a nested value, its numbers as they were written."""
    if isinstance(value, Number):
        return str.__str__(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{dump(key)}: {dump(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(dump, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def broken(line: int, what: str) -> LabError:
    """The text is no JSON from this line on."""
    return LabError(f"The JSON is broken in line {line:,}: {what}.", "Fix it there, or export the file again.")


def _repeated(line: int, name: str) -> LabError:
    return LabError(
        f"The object that begins in line {line:,} has the field {name!r} more than once.",
        "Keep one of them; which one counts cannot be told.",
    )


def _separator(window: Window, closing: str, whole: str, parts: str) -> None:
    """Move over the comma between two parts; nothing to move over before the closing sign."""
    if window.peek() == ",":
        comma = window.line
        window.step()
        if window.peek() == closing:
            raise broken(comma, f"a comma stands before the end of {whole}")
    elif window.peek() != closing:
        ended = window.peek() == ""
        raise broken(
            window.line, f"the file ends inside {whole}" if ended else f"a comma is missing between two {parts}"
        )
