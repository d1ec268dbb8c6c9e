"""Words in a column of texts: how many in each, counted on the bytes; and the words themselves, for comparing texts.

The count is that of `str.split()`: runs of anything but white space as Unicode has it.
"""

import re
import sys
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np
import pyarrow as pa

from core.data.views import Strings

# White space of more than one byte, as UTF-8: U+0085, U+00A0, U+1680, U+2000-200A, 2028, 2029, 202F, 205F, U+3000.
_WIDE = re.compile(
    b"\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80",
)
# Scripts written without spaces: Thai, Lao, Myanmar, Khmer, Japanese and Chinese (with all their extensions).
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
UNSPACED += "\uff66-\uff9f\U00020000-\U0003ffff"
_ASCII = re.compile(r"\w+(?:'\w+)*", re.ASCII)
_BEGINS_UNSPACED = re.compile(f"[{UNSPACED}]")
_BLOCK_ROWS = 4_096  # of usual length: these fit into the processor's cache


def count_words(texts: Strings) -> np.ndarray:
    """`len(text.split())` of each text, without making the words: (text,)."""
    counts, start = np.zeros(len(texts), np.int32), 0
    for block in texts.blocks(_BLOCK_ROWS):
        counts[start : start + len(block)] = _count(block)
        start += len(block)
    return counts


def bytes_of(block: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """The UTF-8 of a block of strings end to end, and where each begins (one more than there are): no copy."""
    _, offsets, data = block.buffers()
    offsets = np.frombuffer(offsets, np.int32)[block.offset : block.offset + len(block) + 1]
    content = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    return content[offsets[0] : offsets[-1]], offsets - offsets[0]


def _count(block: pa.Array) -> np.ndarray:
    content, offsets = bytes_of(block)
    counts = np.zeros(len(block), np.int32)
    if not len(content):
        return counts
    space = content == 32
    if content.view(np.int8).min() < 32:  # in few texts: control characters, or more than ASCII (as negative numbers)
        space |= (content - np.uint8(9) < 5) | (content - np.uint8(28) < 4)  # bytes wrap: 9-13 and 28-31
        if content.max() > 127:
            for match in _WIDE.finditer(content.tobytes()):
                space[match.start() : match.end()] = True
    begins = np.empty(len(content), bool)
    np.greater(space[:-1], space[1:], out=begins[1:])
    lengths = np.diff(offsets)
    filled = lengths > 0
    starts = offsets[:-1][filled]
    begins[starts] = ~space[starts]  # a text's first byte has nothing before it
    most = (int(lengths.max()) + 1) // 2  # words in one text
    kind = np.min_scalar_type(most)  # NumPy adds short numbers several times faster
    counts[filled] = np.add.reduceat(begins.view(np.uint8), starts, dtype=kind)
    return counts


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    """Runs of unspaced script, or of letters, digits and combining marks, with apostrophes inside."""
    unspaced = re.compile(f"[{UNSPACED}]")
    marks = _ranges(
        [
            code
            for code in range(0x300, sys.maxunicode + 1)
            if unicodedata.category(chr(code))[0] == "M" and not unspaced.match(chr(code))
        ]
    )
    unit = rf"[^\W{UNSPACED}]"
    return re.compile(rf"[{UNSPACED}]+|{unit}(?:{unit}+|[{marks}]+|['’](?={unit}))*")


def _ranges(codes: list[int]) -> str:
    """Code points as the inside of a character class."""
    parts, start = [], codes[0]
    for code, following in zip(codes, [*codes[1:], -1], strict=True):
        if following != code + 1:
            parts.append(f"{chr(start)}-{chr(code)}")
            start = following
    return "".join(parts)


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, punctuation left out; where a script has no spaces, each character.

    >>> words_of("Don't stop, 你好!")
    ["don't", 'stop', '你', '好']
    """
    return _runs(text, lambda run: run)


def terms_of(text: str) -> list[str]:
    """Words as `words_of`, but pairs of neighbours where a script has no spaces: most Chinese words have two signs.

    >>> terms_of("很好看 film")
    ['很好', '好看', 'film']
    """
    return _runs(text, lambda run: [run[start : start + 2] for start in range(max(1, len(run) - 1))])


def _runs(text: str, parted: Callable[[str], Iterable[str]]) -> list[str]:
    text = text.lower()
    if text.isascii():
        return _ASCII.findall(text)
    found = []
    for run in _pattern().findall(text):
        if _BEGINS_UNSPACED.match(run):
            found += parted(run)
        else:
            found.append(run)
    return found
