"""Finds out how a file's text is encoded and turns it into UTF-8. Where that is unclear it asks, and never guesses."""

import codecs
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from core.data.reading.content import Buffer, chunks_of, spool
from core.data.table import nul_found
from core.errors import LabError

REPLACE = "utf-8-replace"
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OFFERED = ("cp1252", "latin-1", "gb18030", "cp932", "big5", "euc_kr", "cp1251", "cp1250")
_NOT_TEXT = {"utf-7", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"}
_PREVIEW_CHARACTERS = 400


class EncodingUnclear(LabError):
    """The text is not UTF-8 and carries no mark. `candidates` holds (encoding, how the text would look)."""

    def __init__(self, problem: str, remedy: str, candidates: tuple[tuple[str, str], ...]) -> None:
        super().__init__(problem, remedy)
        self.candidates = candidates


def to_utf8(buffer: Buffer, encoding: str | None) -> tuple[Buffer, int, str, tuple[str, ...]]:
    """The text in UTF-8, where it starts (after a byte order mark), the encoding used, and what was noticed.

    Raises EncodingUnclear when `encoding` is None and the text is neither UTF-8 nor marked; LabError for NUL characters
    or when the text does not fit the encoding given.
    """
    notices: tuple[str, ...] = ()
    if encoding is None:
        encoding = _marked(buffer) or _utf16_without_mark(buffer) or "utf-8"
        if encoding != "utf-8":
            notices = (f"The text is encoded in {encoding.upper()}.",)
    encoding = _canonical(encoding)
    if encoding == "utf-8":
        fault = None if _is_utf8(buffer) else _first_fault(buffer)
        if fault is not None:
            raise _unclear(buffer, fault)
    else:
        lost: list[int] = []
        buffer = spool(_transcode(buffer, encoding, lost))
        if sum(lost):
            notices = (f"{sum(lost):,} bytes are not UTF-8; each stands as the sign \ufffd.",)
    start = len(codecs.BOM_UTF8) if buffer[:3] == codecs.BOM_UTF8 else 0
    if (position := buffer.find(b"\0")) >= 0:
        raise nul_found(f"first in line {line_of(buffer, position):,}")
    return buffer, start, encoding, notices


def line_of(buffer: Buffer, position: int) -> int:
    """The number of the line (from 1) that holds this byte."""
    return sum(chunk.count(b"\n") for chunk in chunks_of(buffer[:position])) + 1


def _canonical(encoding: str) -> str:
    if encoding == REPLACE:
        return encoding
    try:
        if encoding.lower() in _NOT_TEXT:
            raise LookupError
        name = codecs.lookup(encoding).name
        "a".encode(name)  # refuses codecs that are not for text, such as base64
    except (LookupError, ValueError) as error:
        raise LabError(
            f"The encoding {encoding!r} is not known.", "Use a name such as utf-8, cp1252 or gb18030."
        ) from error
    return "utf-8" if name == "utf-8-sig" else name


def _marked(buffer: Buffer) -> str | None:
    head = buffer[:4]
    return next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)


def _utf16_without_mark(buffer: Buffer) -> str | None:
    """Western text in UTF-16 has a zero in every second byte."""
    head = buffer[:4096]
    if len(head) < 4 or len(buffer) % 2:
        return None
    even, odd = head[0::2].count(0) / len(head[0::2]), head[1::2].count(0) / len(head[1::2])
    if even < 0.02 and odd > 0.4:
        return "utf-16-le"
    return "utf-16-be" if odd < 0.02 and even > 0.4 else None


def _is_utf8(buffer: Buffer) -> bool:
    """Whether all of it is UTF-8; several times as fast as decoding."""
    offsets = pa.py_buffer(np.array([0, len(buffer)], np.int64))  # pa.array would import pandas
    whole = pa.Array.from_buffers(pa.large_binary(), 1, [None, offsets, pa.py_buffer(buffer)])
    try:
        whole.cast(pa.large_string())
    except pa.ArrowInvalid:
        return False
    return True


def _first_fault(buffer: Buffer) -> int | None:
    """The position of the first byte that is not UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    seen = 0
    for chunk in chunks_of(buffer):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError as error:
            return seen - pending + error.start
        seen += len(chunk)
    pending = len(decoder.getstate()[0])
    return seen - pending if pending else None


def _transcode(buffer: Buffer, encoding: str, lost: list[int]) -> Iterator[bytes]:
    replacing = encoding == REPLACE
    decoder = codecs.getincrementaldecoder("utf-8" if replacing else encoding)("replace" if replacing else "strict")
    first = True
    try:
        for chunk in (*chunks_of(buffer), b""):
            text = decoder.decode(chunk, not chunk)
            if replacing:
                lost.append(text.count("\ufffd") - chunk.count("\ufffd".encode()))
            if first and text:
                text, first = text.removeprefix("\ufeff"), False
            yield text.encode("utf-8")
    except UnicodeError as error:
        raise LabError(
            f"The text does not fit the encoding {encoding}: {error}.", "Choose another encoding, or save it as UTF-8."
        ) from error


def _unclear(buffer: Buffer, fault: int) -> LabError:
    line = line_of(buffer, fault)
    if buffer[fault] == 0xED and buffer[fault + 1 : fault + 2] >= b"\xa0":
        return LabError(
            f"Line {line:,} holds half of a character (a lone surrogate), which UTF-8 does not allow.",
            f"Save the file again as UTF-8, or read it with the encoding {REPLACE}.",
        )
    candidates = _candidates(buffer, fault)
    return EncodingUnclear(
        f"The text is not UTF-8: line {line:,} holds the byte 0x{buffer[fault]:02x}.",
        f"Choose its encoding; likely ones are {', '.join(name for name, _ in candidates)}.",
        candidates,
    )


def _candidates(buffer: Buffer, fault: int) -> tuple[tuple[str, str], ...]:
    """Encodings that can decode the text around the fault, the likeliest first, each with a look at it."""
    from charset_normalizer import from_bytes

    start = buffer.rfind(b"\n", max(0, fault - 2000), fault) + 1
    start = start or max(0, fault - 200)
    stop = buffer.rfind(b"\n", start, start + 60_000)
    sample = buffer[start : stop if stop > fault else start + 60_000]
    best = from_bytes(sample).best()
    names = [best.encoding] if best else []
    found: dict[str, str] = {}
    for name in (*names, *_OFFERED):
        canonical = codecs.lookup(name).name
        try:
            text = sample.decode(canonical)
        except UnicodeDecodeError:
            continue
        if canonical not in found and canonical not in _NOT_TEXT:
            found[canonical] = _preview(text)
    found[REPLACE] = _preview(sample.decode("utf-8", "replace"))
    return tuple(found.items())


def _preview(text: str) -> str:
    """The lines that hold anything beyond ASCII, where readings differ."""
    lines = [line for line in text.splitlines() if not line.isascii()]
    return "\n".join(lines)[:_PREVIEW_CHARACTERS]
