"""Looks at a long UTF-8 text through a window that moves on, so that decoding it needs little memory."""

import codecs
import re

_SPACE = re.compile(r"[ \t\r\n]*+")
_CHUNK_BYTES = 1 << 20


class Window:
    """A stretch of the text, the position in it where reading stands, and the number of the line there."""

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
            self.move(_SPACE.match(self.text, self.position).end())
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
