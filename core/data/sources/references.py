"""Finds and opens the file behind a reference: a sample, an upload, a data set of the Hub, a saved folder, or a path.

Only "hub:" makes a request; all else is local.
"""

import contextlib
import re
from dataclasses import replace
from pathlib import Path

from core.data.reading.formats.saved_folder import is_saved
from core.data.reading.read_table import read_table
from core.data.sources import hub
from core.data.sources.sample_sets import find_sample, samples
from core.data.sources.uploads import content_hash_of, find_upload, list_uploads
from core.data.table import ReadOptions, Table
from core.errors import LabError


def open_table(source: Path | str | bytes, *, name: str | None = None, options: ReadOptions | None = None) -> Table:
    """The table behind a reference (see `find_source`), in a file, or in the bytes themselves; read by `read_table`.

    Its `content_hash` is the id of the upload, where it is one. Raises `LabError` as these two.
    """
    if isinstance(source, str):
        name = name or display_name(source)
        source = find_source(source)
    table = read_table(source, name=name, options=options)
    if isinstance(source, Path):
        return replace(table, content_hash=content_hash_of(source, table.content_hash))
    return table


def find_source(reference: str) -> Path:
    """The local file behind "sample:<name>", "upload:<id>" or a path (~ is the home folder); the folder behind
    "folder:<path>" (of a data set that the `datasets` library saved) or "hub:<name>" (fetched when it is not here yet).

    Web addresses, cloud paths and patterns (`*.csv`) are refused by their form alone; a file whose name really has such
    signs opens. Raises LabError.
    """
    kind, _, rest = reference.partition(":")
    if kind == "sample":
        return _existing(find_sample(rest).path)
    if kind == "upload":
        return find_upload(rest).path
    if kind == "hub":
        return hub.fetch(rest, at_hand=_at_hand())
    if kind == "folder":
        path = _local(rest)
        if path.is_file():
            raise LabError(
                f"{rest[:200]!r} is a file, and a folder was expected.",
                "Upload the file, or name it without “folder:” in a plan or on the command line.",
            )
        if not is_saved(path):
            raise LabError(
                f"{rest[:200]!r} is no folder of a data set that the `datasets` library saved.",
                "Choose the folder that save_to_disk wrote.",
            )
        return path
    return _local(reference)


def _at_hand() -> list[str]:
    """What opens without a network, by the names a person knows."""
    names = [f"“{sample.reference}”" for sample in samples()]
    names += [f"“hub:{name}”" for name in hub.fetched()]
    return names + [f"your upload “{upload.name[:80]}”" for upload in list_uploads()[:10]]


def _local(reference: str) -> Path:
    """A path on this machine. Raises LabError."""
    address = re.match(r"\s*[A-Za-z][A-Za-z0-9+.-]+:(//)?", reference)
    if (address and (address[1] or not _is_there(Path(reference)))) or reference.startswith(("//", "\\\\")):
        raise LabError(
            f"{reference[:200]!r} is an address, and only files on this machine are opened.",
            "Download the file first, then choose it here.",
        )
    if "\0" in reference or not reference.strip():
        raise LabError(f"{reference[:200]!r} is not the path of a file.", "Choose a file.")
    path = _at_home(Path(reference))
    if not _is_there(path) and re.search(r"[*?\[\]{}]", reference):
        raise LabError(f"{reference[:200]!r} is a pattern, not a file.", "Name one file.")
    return _existing(path)


def display_name(reference: str) -> str:
    """What to call the file behind a reference on screen. Raises LabError."""
    kind, _, rest = reference.partition(":")
    if kind == "hub":
        return hub.check_name(rest)
    return find_upload(rest).name if kind == "upload" else find_source(reference).name


def _existing(path: Path) -> Path:
    if not _is_there(path):
        raise LabError(f"There is no file {str(path)[:200]!r}.", "Check the path.")
    return path


def _at_home(path: Path) -> Path:
    """A path that begins with ~ in full, unless something of that very name is here."""
    if not str(path).startswith("~") or _is_there(path):
        return path
    with contextlib.suppress(RuntimeError):  # the home of nobody
        return path.expanduser()
    return path


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
