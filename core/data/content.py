"""Gets a file's bytes, unpacked, within the limits. Knows nothing of what they mean."""

import gzip
import io
import mmap
import stat
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from core.data import limits
from core.errors import LabError

Buffer = bytes | mmap.mmap
GZIP_MAGIC = b"\x1f\x8b"
CHUNK_BYTES = 1 << 20


def load(source: Path | bytes) -> bytes:
    """The bytes of a file as they are, at most MAX_FILE_BYTES. Raises LabError.

    Not memory-mapped: a file that another program cuts short meanwhile would end this process.
    """
    if isinstance(source, bytes):
        if len(source) > limits.MAX_FILE_BYTES:
            raise limits.file_too_large(len(source))
        return source
    try:
        status = source.stat()
        if not stat.S_ISREG(status.st_mode):
            raise LabError(f"{source.name!r} is not a file.", "Choose a single file.")
        if status.st_size > limits.MAX_FILE_BYTES:
            raise limits.file_too_large(status.st_size)
        with source.open("rb") as file:
            content = file.read(limits.MAX_FILE_BYTES + 1)
    except OSError as error:
        raise LabError(
            f"The file {source.name!r} cannot be read: {error.strerror}.", "Check its name and permissions."
        ) from error
    if len(content) > limits.MAX_FILE_BYTES:
        raise limits.file_too_large(len(content))
    return content


def unpack(content: bytes) -> Buffer:
    """The content of a gzip file, on disk rather than in memory; anything else as it is. Raises LabError."""
    return spool(_gunzip(content)) if content.startswith(GZIP_MAGIC) else content


def spool(chunks: Iterable[bytes]) -> Buffer:
    """Chunks written one by one to a nameless temporary file, mapped into memory; at most MAX_CONTENT_BYTES."""
    size = 0
    with tempfile.TemporaryFile() as file:
        for chunk in chunks:
            size += len(chunk)
            if size > limits.MAX_CONTENT_BYTES:
                raise limits.content_too_large()
            file.write(chunk)
        file.flush()
        return mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else b""


def chunks_of(buffer: Buffer) -> Iterator[bytes]:
    """The buffer in pieces of CHUNK_BYTES."""
    for start in range(0, len(buffer), CHUNK_BYTES):
        yield buffer[start : start + CHUNK_BYTES]


def _gunzip(content: bytes) -> Iterator[bytes]:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise LabError(
            f"The gzip file is damaged or cut short: {error}.", "Download or pack the file again."
        ) from error
