"""Keeps uploaded files, and finds the file behind a reference. Only "hub:" makes a request; all else is local.

An upload lives in `uploads/<SHA-256 of its content>/`: the name a person gave it is kept for display and never becomes
part of a path.
"""

import hashlib
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.data import hub, limits
from core.data.sample_sets import find_sample, samples
from core.data.saved_folder import is_saved
from core.errors import LabError
from core.workspace import newest_first, uploads_directory, write_atomically

_SUFFIXES = tuple(
    suffix + packed
    for suffix in (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".conll", ".bio", ".iob", ".iob2")
    for packed in (".gz", "")
)
_SUFFIXES += (".parquet", ".xlsx", ".xlsm", ".gz")
_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Upload:
    """A stored file; `name` is what the person called it and is only for display."""

    id: str
    name: str
    path: Path
    size_bytes: int

    @property
    def reference(self) -> str:
        """What `read_table` and a plan call it."""
        return f"upload:{self.id}"


def store_upload(content: bytes, name: str) -> Upload:
    """Keep a file; the same content twice is one upload, and the newest name counts. Raises LabError.

    Does not look inside: read it first, so that what cannot be read is not kept.
    """
    if not content:
        raise LabError("The file is empty.", "Choose a file with at least one row.")
    if len(content) > limits.MAX_FILE_BYTES:
        raise limits.file_too_large(len(content))
    identity = hashlib.sha256(content).hexdigest()
    suffix = next((suffix for suffix in _SUFFIXES if name.lower().endswith(suffix)), "")
    meta = json.dumps({"name": name, "suffix": suffix, "size_bytes": len(content)})
    folder = uploads_directory() / identity
    path = folder / f"content{suffix}"
    try:
        folder.mkdir(exist_ok=True)
        if not path.exists() or path.stat().st_size != len(content):
            write_atomically(path, content)
        write_atomically(folder / "meta.json", meta)  # last: it is what makes an upload whole
    except OSError as error:
        raise LabError(f"The file cannot be stored: {error.strerror}.", "Free some disk space.") from error
    return find_upload(identity)


def list_uploads() -> tuple[Upload, ...]:
    """Everything stored, the newest first; folders that are not whole uploads are left out."""
    found = {upload.path: upload for folder in uploads_directory().iterdir() if (upload := _open(folder))}
    return tuple(found[path] for path in newest_first(found))


def find_upload(identity: str) -> Upload:
    """One upload by its id. Raises LabError."""
    upload = _open(uploads_directory() / identity) if _ID.fullmatch(identity) else None
    if upload is None:
        raise LabError(f"There is no upload {identity[:80]!r}.", "Upload the file again.")
    return upload


def delete_upload(identity: str) -> None:
    """Remove one upload for good. Raises LabError when there is none."""
    shutil.rmtree(find_upload(identity).path.parent)


def find_source(reference: str) -> Path:
    """The local file behind "sample:<name>", "upload:<id>" or a path; the folder behind "folder:<path>" (of a data set
    that the `datasets` library saved) or "hub:<name>" (fetched when it is not here yet). Raises LabError.

    Web addresses, cloud paths and patterns (`*.csv`) are refused by their form alone; a file whose name really has such
    signs opens.
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
    path = Path(reference)
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


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _open(folder: Path) -> Upload | None:
    """The upload in a folder, or None when the folder is anything else."""
    if not _ID.fullmatch(folder.name):
        return None
    try:
        meta = json.loads((folder / "meta.json").read_text("utf-8"))
        suffix = meta["suffix"] if meta["suffix"] in _SUFFIXES else ""
        path = folder / PurePosixPath(f"content{suffix}")
        return Upload(folder.name, str(meta["name"]), path, path.stat().st_size)
    except (OSError, ValueError, KeyError, TypeError):
        return None
