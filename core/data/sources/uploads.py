"""Keeps uploaded files.

An upload is its bytes and the form that its name promises (CSV, plain text, …), since the two together decide how it is
read. It lives in `uploads/<id>/`, where the id is the SHA-256 of its bytes; the same bytes under a name that promises
another form are another upload, with an id of their own. An id keeps its form for good, also after the upload is
deleted, so that a reference never comes to mean other rows. The name itself is for display and never part of a path.
"""

import contextlib
import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from core.data import limits
from core.data.reading.detection import FORMAT_OF_SUFFIX, format_by_name
from core.errors import LabError
from core.workspace import UPLOAD_ID, cannot_write, newest_first, uploads_directory, write_atomically

_SUFFIXES = (*(f".{suffix}{packed}" for suffix in FORMAT_OF_SUFFIX for packed in (".gz", "")), ".gz")
_CLAIMING = Lock()  # held for a file of a few bytes


@dataclass(frozen=True, slots=True)
class Upload:
    """A stored file; `name` is what the person called it and is only for display."""

    id: str
    name: str
    path: Path
    size_bytes: int

    @property
    def reference(self) -> str:
        """What `open_table` and a plan call it."""
        return f"upload:{self.id}"


def store_upload(content: bytes, name: str) -> Upload:
    """Keep a file; the same content in the same form is one upload, and the newest name counts. Raises LabError.

    Does not look inside: read it first, so that what cannot be read is not kept.
    """
    if not content:
        raise LabError("The file is empty.", "Choose a file with at least one row.")
    if len(content) > limits.MAX_FILE_BYTES:
        raise limits.file_too_large(len(content))
    digest = hashlib.sha256(content).hexdigest()
    suffix = next((suffix for suffix in _SUFFIXES if name.lower().endswith(suffix)), "")
    new: list[Path] = []
    try:
        folders = [uploads_directory() / identity for identity in _ids(digest, format_by_name(name))]
        new += [folder for folder in folders if not folder.exists()]
        folder = next(each for each in folders if _claimed(each, suffix))
        _fill(folder, content, name)
    except OSError as error:
        for folder in new:
            if _open(folder) is None:  # nobody else was faster
                shutil.rmtree(folder, ignore_errors=True)
        raise cannot_write(error, "the file could not be stored") from error
    return find_upload(folder.name)


def _ids(digest: str, form: str | None) -> tuple[str, str]:
    """What bytes with this SHA-256 can be called: by it, or, where another form of them was first, by one of both."""
    return digest, hashlib.sha256(f"{digest}.{form or ''}".encode()).hexdigest()


def _claimed(folder: Path, suffix: str) -> bool:
    """Whether a folder is for files of this form; one that nobody has claimed yet is from now on. Raises OSError."""
    with _CLAIMING:
        if (meta := _meta(folder)) is not None:
            return format_by_name(f"x{meta['suffix']}") == format_by_name(f"x{suffix}")
        folder.mkdir(exist_ok=True)
        write_atomically(folder / "meta.json", json.dumps({"suffix": suffix}))
        return True


def _fill(folder: Path, content: bytes, name: str) -> None:
    """Put a file into its folder, the name last: it is what makes an upload whole. Raises OSError."""
    meta = _meta(folder) or {"suffix": ""}
    path = folder / f"content{meta['suffix']}"
    if not path.exists() or path.stat().st_size != len(content):
        write_atomically(path, content)
    if meta.get("name") != name:
        whole = {"name": name, "suffix": meta["suffix"], "size_bytes": len(content)}
        write_atomically(folder / "meta.json", json.dumps(whole))


def list_uploads() -> tuple[Upload, ...]:
    """Everything stored, the newest first; folders that are not whole uploads are left out."""
    found = {upload.path: upload for folder in uploads_directory().iterdir() if (upload := _open(folder))}
    return tuple(found[path] for path in newest_first(found))


def find_upload(identity: str) -> Upload:
    """One upload by its id. Raises LabError."""
    upload = _open(uploads_directory() / identity) if UPLOAD_ID.fullmatch(identity) else None
    if upload is None:
        raise LabError(f"There is no upload {identity[:80]!r}.", "Upload the file again.")
    return upload


def delete_upload(identity: str) -> None:
    """Remove one upload for good; what stays is which form its id stands for. Raises LabError when there is none."""
    folder = find_upload(identity).path.parent
    suffix = (_meta(folder) or {"suffix": ""})["suffix"]
    try:
        for each in folder.iterdir():
            if each.name != "meta.json":
                each.unlink()
        write_atomically(folder / "meta.json", json.dumps({"suffix": suffix}))  # last: before, the disk may be full
    except OSError as error:
        raise cannot_write(error, "the upload could not be deleted") from error


def content_hash_of(path: Path, digest: str) -> str:
    """What decisions about a file are kept under: the SHA-256 of its bytes, which is `digest`; of an upload that has
    another id, because another form of its bytes came first, this id."""
    upload = _open(path.parent)
    if upload is not None and upload.path == path and upload.id in _ids(digest, format_by_name(path.name)):
        return upload.id
    return digest


def _open(folder: Path) -> Upload | None:
    """The upload in a folder, or None when the folder is anything else."""
    meta = _meta(folder)
    if meta is None:
        return None
    try:
        path = folder / f"content{meta['suffix']}"
        return Upload(folder.name, str(meta["name"]), path, path.stat().st_size)
    except (OSError, KeyError):
        return None


def _meta(folder: Path) -> dict[str, Any] | None:
    """What is written down about the upload in a folder; None when there is nothing, or nothing sound."""
    if not UPLOAD_ID.fullmatch(folder.name):
        return None
    with contextlib.suppress(OSError, ValueError):
        meta = json.loads((folder / "meta.json").read_text("utf-8"))
        if isinstance(meta, dict) and "suffix" in meta:
            return meta | {"suffix": meta["suffix"] if meta["suffix"] in _SUFFIXES else ""}
    return None
