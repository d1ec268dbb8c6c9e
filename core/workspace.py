"""Where the app keeps what people make: uploads and runs. Knows paths and safe writing, nothing about their content."""

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path

from core.errors import LabError
from core.memory import FileCache

PROJECT_ROOT = Path(__file__).resolve().parent.parent
RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
UPLOAD_ID = re.compile(r"[0-9a-f]{64}")
STAGED = re.compile(r"\..+\.[0-9a-f]{16}")  # the name of a file that `write_atomically` has not finished

_names: FileCache[str] = FileCache(1_024)  # of runs
_ROOM = "Make room (runs, uploads and fetched data sets can be deleted on their pages), then try again."
_ELSEWHERE = "Make the folder writable, or start the app with BERTLAB_WORKSPACE set to a folder that is."
_CAUSES = {
    errno.ENOSPC: ("The disk is full", _ROOM),
    errno.EDQUOT: ("Your share of the disk is full", _ROOM),
    errno.EROFS: ("The disk can only be read, not written", _ELSEWHERE),
    errno.EACCES: ("The folder must not be written to", _ELSEWHERE),
    errno.EPERM: ("The folder must not be written to", _ELSEWHERE),
    errno.EIO: ("The disk reports an error of its own", "Check the disk, or use a folder on another one."),
    errno.ESTALE: ("The disk does not answer", "Check the connection to the network drive, then try again."),
}


def workspace() -> Path:
    """The folder of everything people made; `BERTLAB_WORKSPACE` names another one. Created when missing."""
    path = Path(os.environ.get("BERTLAB_WORKSPACE") or PROJECT_ROOT / "workspace").resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path


def runs_directory() -> Path:
    """`workspace/runs`: one folder per training run."""
    path = workspace() / "runs"
    path.mkdir(exist_ok=True)
    return path


def uploads_directory() -> Path:
    """`workspace/uploads`: one folder per uploaded file, named by the hash of its content."""
    path = workspace() / "uploads"
    path.mkdir(exist_ok=True)
    return path


def has_upload(id: str) -> bool:
    """Whether the file of the upload with this id is there, and not only the note of one that was deleted."""
    return UPLOAD_ID.fullmatch(id) is not None and any((uploads_directory() / id).glob("content*"))


def run_id(folder: Path) -> str:
    """What the run in a folder is called in addresses: the folder's name, or for one outside the workspace a name
    made of it and of the whole path, so that two folders of the same name are two runs."""
    if folder.parent == runs_directory() and RUN_ID.fullmatch(folder.name):
        return folder.name
    slug = re.sub(r"[^A-Za-z0-9]+", "-", folder.name)[:40].strip("-")
    return f"{slug or 'run'}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}"


def run_folders() -> dict[str, Path]:
    """The folders of all runs by their ids: those in `workspace/runs`, and those elsewhere that are still there."""
    inside = {
        path.name: path for path in runs_directory().iterdir() if RUN_ID.fullmatch(path.name) and not path.is_symlink()
    }
    outside = {note.name: path for note in _outside().iterdir() if (path := _noted(note)) is not None}
    return {id: path for id, path in (outside | inside).items() if path.is_dir()}


def run_folder(id: str) -> Path | None:
    """The folder of the run with this id; None when there is none. An id is never taken for a path."""
    if not RUN_ID.fullmatch(id):
        return None
    inside = runs_directory() / id
    path = inside if os.path.lexists(inside) else _noted(_outside() / id)
    return path if path is not None and not path.is_symlink() and path.is_dir() else None


def remember_outside(folder: Path) -> None:
    """Keep where a run lies that is not in `workspace/runs`, so that it is listed. Raises `LabError` on a full disk."""
    folder = folder.resolve()
    id = run_id(folder)
    if (runs_directory() / id) == folder or _noted(_outside() / id) == folder:
        return
    try:
        write_atomically(_outside() / id, os.fsencode(folder))
    except OSError as error:
        raise cannot_write(error, "the run could not be noted") from error


def _outside() -> Path:
    """`workspace/outside`: a file for each run elsewhere, named by its id, that holds the path of its folder."""
    path = workspace() / "outside"
    path.mkdir(exist_ok=True)
    return path


def _noted(note: Path) -> Path | None:
    try:
        folder = Path(os.fsdecode(note.read_bytes()))
    except OSError:
        return None
    return folder if folder.is_absolute() and run_id(folder) == note.name else None


def newest_first(paths: Iterable[Path]) -> list[Path]:
    """Sort by time of change, the latest first; what is deleted meanwhile is left out."""
    times = {}
    for path in paths:
        with contextlib.suppress(OSError):
            times[path] = path.stat().st_mtime_ns
    return sorted(times, key=lambda path: (times[path], path.name), reverse=True)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a whole file or nothing: staged beside `path`, flushed to disk, then renamed over it.

    A reader sees the old content or the new one, also after a crash or on a full disk (`OSError` is raised then and the
    old file stays).
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    staged = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with staged.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise


def run_name(folder: Path) -> str:
    """The name that a person gave the run in a folder, or that of the folder.

    Read again only when its file has changed, which also holds the ids of all rows.
    """
    path = folder / "data.json"
    try:
        return _names.get(path, lambda: _name(path)) or folder.name
    except OSError:
        return folder.name


def _name(path: Path) -> str:
    try:
        return str(json.loads(path.read_bytes()).get("name") or "")
    except (ValueError, AttributeError, RecursionError):
        return ""


def is_full(error: OSError) -> bool:
    """Whether a write failed because the disk, or the person's share of it, is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def is_of_disk(error: OSError) -> bool:
    """Whether it is the disk, or the right to write to it, that an operation failed by, rather than a network."""
    return error.errno in _CAUSES


def cannot_write(error: OSError, what: str, *, otherwise: str = _ELSEWHERE) -> LabError:
    """The `LabError` for a write that failed, by the number that the system gives (`errno`); `what` came of it.

    `otherwise` is the remedy where the number alone tells none.
    """
    problem, remedy = _CAUSES.get(error.errno or 0, (str(error.strerror or error), otherwise))
    return LabError(f"{problem}: {what}.", remedy)


def remove_folder(path: Path) -> None:
    """Remove a folder with all it holds; renamed first, so that half of it is never taken for it.

    Nothing there is no error. A removal that was cut short leaves `.removing-NAME`, which the next one takes along.
    """
    doomed = path.with_name(f".removing-{path.name}")
    shutil.rmtree(doomed, ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        path.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)
