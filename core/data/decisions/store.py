"""Keeps what people decide about a file (how it is read, columns, corrections, recipe, splits) in the workspace, by its
hash. The upload itself is never touched.

`update` is the only way to change what is kept: a change is a function of what is kept at that moment, and runs under a
lock on the file's hash, so that of two people, tabs, threads or processes none overwrites the other's. One small JSON
file a kind, written whole or not at all, and read again only when it has changed on disk.
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from core.data.column_mapping import ColumnMapping
from core.data.dataset.edits import Edits
from core.data.dataset.recipe import Recipe
from core.data.decisions.saved_splits import SavedSplits
from core.data.table import ReadOptions
from core.errors import LabError
from core.memory import FileCache
from core.workspace import cannot_write, has_upload, workspace, write_atomically

_HASH = re.compile(r"[0-9a-f]{64}")
_MOST_BYTES = 200_000_000
_NAMES: dict[type, str] = {
    ReadOptions: "reading", ColumnMapping: "mapping", Edits: "edits", Recipe: "recipe", SavedSplits: "splits"
}  # fmt: skip
_TITLES = {Recipe: "fixes", SavedSplits: "splits"}

Kept = TypeVar("Kept", ReadOptions, ColumnMapping, Edits, Recipe, SavedSplits)
_parsed: FileCache[tuple[Any, dict[str, Any] | None]] = FileCache(32)


class OtherReading(LabError):
    """What was kept names rows, and the file was read in another way then: there they were others."""


@dataclass(frozen=True, slots=True)
class Updated(Generic[Kept]):
    """What was kept before a change, which others may have made meanwhile, and what is kept after it."""

    before: Kept | None
    after: Kept | None


def load(content_hash: str, kind: type[Kept], reading: ReadOptions | None = None) -> Kept | None:
    """What is kept of a kind (`ReadOptions`, `ColumnMapping`, `Edits`, `Recipe`, `SavedSplits`), or None.

    Raises LabError when it is damaged, and OtherReading when it names the rows of another reading than this one.
    """
    kept, made_for = _read(_path(content_hash, kind), kind)
    if made_for is not None and reading is not None and made_for != _deciding_rows(reading):
        raise OtherReading(
            f"The {_TITLES[kind]} kept for this file were made for another reading of it.",
            "Read the file as then (sheet, split, header, delimiter, quotes), or forget them and make others.",
        )
    return kept


def update(
    content_hash: str,
    kind: type[Kept],
    change: Callable[[Kept | None], Kept | None],
    *,
    reading: ReadOptions | None = None,
    reference: str = "",
) -> Updated[Kept]:
    """Keep what `change` makes of what is kept now; None removes it. `change` is pure and quick: others wait for it.

    reading: how the file was read, as its table says; kept beside a choice that names rows.
    reference: where the file was opened from. What is kept for an upload goes with it, so a change that comes after its
    deletion is refused; a sample, a data set of the Hub and a folder are always there.
    Raises LabError for that, as `load`, whatever `change` raises, and when it cannot be written. Then nothing changes.
    """
    with _locked(content_hash) as lock:
        _refuse_deleted(reference, lock)
        before = load(content_hash, kind, reading)
        after = change(before)
        if after is None:
            _path(content_hash, kind).unlink(missing_ok=True)
        elif after is not before and after != before:
            _write(content_hash, after, reading)
    return Updated(before, after)


def save(content_hash: str, choice: Kept, *, reading: ReadOptions | None = None, reference: str = "") -> Updated[Kept]:
    """Keep a choice in the place of whatever is there, also of what is damaged or was made for another reading.

    For choices that are one decision as a whole: splits, and how a file is read. The rest as `update`.
    """
    with _locked(content_hash) as lock:
        _refuse_deleted(reference, lock)
        before = None
        with contextlib.suppress(LabError):
            before = load(content_hash, type(choice), reading)
        _write(content_hash, choice, reading)
    return Updated(before, choice)


def delete(content_hash: str, kind: type | None = None) -> None:
    """Remove what is kept for a file, all of it or one kind; nothing happens when there is none.

    An upload is deleted before what is kept for it: a change that comes between the two is then removed as well.
    """
    with _locked(content_hash) as lock:
        if kind is not None:
            _path(content_hash, kind).unlink(missing_ok=True)
            return
        folder = _folder(content_hash)
        if folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder)
        lock.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(content_hash: str) -> Iterator[Path]:
    """Alone, among all threads and processes of this workspace, with what is kept for one file. Yields the lock's path.

    Whoever holds the lock may remove it; who waited for it meanwhile holds a file without a name, and tries again.
    """
    folder = _folder(content_hash)
    path = folder.with_name(f".{content_hash}.lock")
    while True:
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _cannot_keep(error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _still_leads_to(path, descriptor):
                yield path
                return
        finally:
            os.close(descriptor)


def _still_leads_to(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _refuse_deleted(reference: str, lock: Path) -> None:
    kind, _, identity = reference.partition(":")
    if kind == "upload" and not has_upload(identity):
        lock.unlink(missing_ok=True)
        raise LabError("This upload was deleted meanwhile, so nothing can be kept for it.", "Upload the file again.")


def _write(content_hash: str, choice: Kept, reading: ReadOptions | None) -> None:
    if getattr(choice, "content_hash", content_hash) != content_hash:
        raise LabError("This belongs to another file.", "Open the file it was made for.")
    path, values = _path(content_hash, type(choice)), choice.to_dict()
    if reading is not None and getattr(choice, "names_rows", False):
        values["reading"] = _deciding_rows(reading)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(values, ensure_ascii=False, allow_nan=False))
    except OSError as error:
        raise _cannot_keep(error) from error


def _read(path: Path, kind: type[Kept]) -> tuple[Kept | None, dict[str, Any] | None]:
    """What stands in a file, and the reading it was made for; parsed again only when the file is another."""
    try:
        if stat.S_ISREG(os.lstat(path).st_mode):
            return _parsed.get(path, lambda: _parse(path, kind))
    except OSError:  # there is none, or it was deleted since
        pass
    return None, None


def _parse(path: Path, kind: type[Kept]) -> tuple[Kept, dict[str, Any] | None]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError("too large")
        values = json.loads(path.read_text("utf-8"))
        made_for = values.pop("reading", None) if isinstance(values, dict) else None
        return kind.from_dict(values), made_for
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise LabError(
            f"What was kept as {path.name} is damaged.", "Forget it, and make these choices again."
        ) from error


def _deciding_rows(reading: ReadOptions) -> dict[str, Any]:
    """What decides which rows there are: all but the encoding, which decides how they are spelled."""
    return {name: value for name, value in reading.to_dict().items() if name != "encoding"}


def _path(content_hash: str, kind: type) -> Path:
    return _folder(content_hash) / f"{_NAMES[kind]}.json"


def _folder(content_hash: str) -> Path:
    """`workspace/choices/<hash>`; anything but a hash is refused, so no name leads elsewhere."""
    if not isinstance(content_hash, str) or not _HASH.fullmatch(content_hash):
        raise LabError(f"{str(content_hash)[:80]!r} is not the hash of a file.", "Open the data set again.")
    return workspace() / "choices" / content_hash


def _cannot_keep(error: OSError) -> LabError:
    return cannot_write(error, "the decision could not be kept")
