"""Gets a file's bytes, unpacked, within the limits. Knows nothing of what they mean."""

import contextlib
import gzip
import io
import mmap
import stat
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import cast

from core.data import limits
from core.errors import LabError
from core.workspace import cannot_write

Buffer = bytes | mmap.mmap
GZIP_MAGIC = b"\x1f\x8b"
CHUNK_BYTES = 1 << 20
_READ_BYTES = 16 << 20


def load(source: Path | bytes, on_piece: Callable[[Buffer | memoryview], object]) -> Buffer:
    """The bytes of a file as they are, at most MAX_FILE_BYTES; `on_piece` hears of each piece as soon as it is there,
    one after the other. Raises LabError.

    The file is not memory-mapped: if another program cut it short meanwhile, that would end this process.
    """
    if isinstance(source, bytes):
        if len(source) > limits.MAX_FILE_BYTES:
            raise limits.file_too_large(len(source))
        on_piece(source)
        return source
    try:
        status = source.stat()
        if not stat.S_ISREG(status.st_mode):
            raise LabError(f"{source.name!r} is not a file.", "Choose a single file.")
        if status.st_size > limits.MAX_FILE_BYTES:
            raise limits.file_too_large(status.st_size)
        with source.open("rb") as file:
            content, filled = _memory(max(status.st_size, 1)), 0
            view = memoryview(content)
            while count := file.readinto(view[filled : filled + _READ_BYTES]):
                on_piece(view[filled : filled + count])
                filled += count
            rest = file.read(limits.MAX_FILE_BYTES + 1 - filled)
            if rest or filled < len(content):  # the file grew or shrank since its size was asked for
                on_piece(rest)
                content = bytes(view[:filled]) + rest
    except OSError as error:
        raise LabError(
            f"The file {source.name!r} cannot be read: {error.strerror}.", "Check its name and permissions."
        ) from error
    if len(content) > limits.MAX_FILE_BYTES:
        raise limits.file_too_large(len(content))
    return content


def unpack(content: Buffer) -> Buffer:
    """The content of a gzip file, on disk rather than in memory; anything else as it is. Raises LabError."""
    return spool(_gunzip(content)) if content[: len(GZIP_MAGIC)] == GZIP_MAGIC else content


def spool(chunks: Iterable[bytes]) -> Buffer:
    """Chunks written one by one to a nameless temporary file, mapped into memory; at most MAX_CONTENT_BYTES."""
    size = 0
    try:
        with tempfile.TemporaryFile() as file:
            for chunk in chunks:
                size += len(chunk)
                if size > limits.MAX_CONTENT_BYTES:
                    raise limits.content_too_large()
                file.write(chunk)
            file.flush()
            return mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else b""
    except OSError as error:
        where = f"Look at the folder for temporary files, {tempfile.gettempdir()!r}; TMPDIR names another one."
        raise cannot_write(error, "the file could not be unpacked", otherwise=where) from error


def chunks_of(buffer: Buffer) -> Iterator[bytes]:
    """The buffer in pieces of CHUNK_BYTES."""
    for start in range(0, len(buffer), CHUNK_BYTES):
        yield buffer[start : start + CHUNK_BYTES]


def whole(view: memoryview) -> Buffer:
    """The buffer that a view shows a part of; it can be searched without a copy."""
    return cast(Buffer, view.obj)


def _memory(size: int) -> mmap.mmap:
    """Memory to read a file into, in large pages where the system has them: it hands these out twice as fast."""
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return mmap.mmap(-1, size)
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):  # a kernel without large pages
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def _gunzip(content: Buffer) -> Iterator[bytes]:
    packed = content if isinstance(content, mmap.mmap) else io.BytesIO(content)
    try:
        with gzip.GzipFile(fileobj=packed, mode="rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise LabError(
            f"The gzip file is damaged or cut short: {error}.", "Download or pack the file again."
        ) from error
