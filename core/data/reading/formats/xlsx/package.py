"""Opens a workbook's package, a zip of XML files, and walks through its parts. What they mean is not its business.

A workbook is made by a stranger. Nothing is parsed before its size is known, no document type and so no entity is
accepted, and no name in it leads outside it.
"""

import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from xml.parsers import expat

from core.data import limits
from core.data.reading.content import CHUNK_BYTES, Buffer
from core.errors import LabError

WORKBOOK = "xl/workbook.xml"
_TYPES = "[Content_Types].xml"
_ENTRY = b"PK\x01\x02"
_MOST_ENTRIES = 10_000
FEW_MARKS = 500_000  # in parts that are small in any real workbook
_DEEPEST = 100
_FREE_BYTES = 20_000_000  # below, the ratio does not matter
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
Start = Callable[[str, dict[str, str]], None]


def is_workbook(content: Buffer) -> bool:
    """Whether the zip archive names the parts that every workbook has."""
    return content.find(_TYPES.encode()) >= 0 and content.find(WORKBOOK.encode()) >= 0


@contextmanager
def opened(content: Buffer) -> Iterator[zipfile.ZipFile]:
    """The archive. Raises LabError, also for what goes wrong while it is used."""
    if len(content) > limits.MAX_FILE_BYTES:
        raise limits.file_too_large(len(content))
    whole = bytes(content)
    if whole.count(_ENTRY) > _MOST_ENTRIES:
        raise broken(f"it holds more than {_MOST_ENTRIES:,} parts")
    try:
        with zipfile.ZipFile(io.BytesIO(whole)) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise broken(str(error)[:200] or type(error).__name__) from error


def walk(
    archive: zipfile.ZipFile,
    part: str,
    start: Start,
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
    *,
    most_marks: int = limits.MAX_SPREADSHEET_MARKS,
) -> None:
    """Call the handlers for each element of a part, by its name without prefix. Raises LabError.

    The part is unpacked once before, only to know its size: a bomb is refused before anything is parsed.
    """
    _check_size(archive, part, most_marks)
    depth = 0

    def opens(name: str, values: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise broken(f"the part {part!r} is nested too deeply")
        start(name.rpartition(":")[2], values)

    def closes(name: str) -> None:
        nonlocal depth
        depth -= 1
        if end is not None:
            end(name.rpartition(":")[2])

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler, parser.EndElementHandler = opens, closes
    if text is not None:
        parser.CharacterDataHandler = text
    try:
        for chunk in _chunks(archive, part):
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise broken(f"the part {part!r} is no valid XML ({error})") from error


def broken(what: str) -> LabError:
    """The workbook is not what it should be."""
    return LabError(
        f"The Excel file is broken: {what.rstrip('.')}.",
        "Open it in a spreadsheet program and save it again, or as CSV.",
    )


def _check_size(archive: zipfile.ZipFile, part: str, most_marks: int) -> None:
    try:
        info = archive.getinfo(part)
    except KeyError as error:
        raise broken(f"the part {part!r} is missing") from error
    if info.flag_bits & 1 or info.compress_type not in _METHODS:
        raise broken(f"the part {part!r} is encrypted or packed in an unknown way")
    most = min(limits.MAX_SPREADSHEET_BYTES, max(_FREE_BYTES, info.compress_size * limits.MAX_SPREADSHEET_RATIO))
    size = marks = 0
    for chunk in _chunks(archive, part):
        size += len(chunk)
        marks += chunk.count(b"<")
        if size > most or marks > most_marks:
            raise limits.spreadsheet_too_large()


def _chunks(archive: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    with archive.open(part) as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _refuse_doctype(*_: object) -> None:
    raise LabError(
        "The Excel file declares a document type, through which XML can reach for other files or grow without end.",
        "No spreadsheet program writes that. Save the table as CSV.",
    )
