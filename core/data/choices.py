"""Keeps what a person decided about a file (how it is read, columns, corrections, recipe, splits) in the workspace, by
its hash.

One small JSON file each, written whole or not at all. The upload itself is never touched.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any, Protocol, TypeVar

from core.data.edits import Edits
from core.data.mapping import Mapping
from core.data.recipe import Recipe
from core.data.saved_splits import SavedSplits
from core.data.table import ReadOptions
from core.errors import LabError
from core.workspace import workspace, write_atomically

_HASH = re.compile(r"[0-9a-f]{64}")
_MOST_BYTES = 200_000_000
_NAMES: dict[type, str] = {
    ReadOptions: "reading", Mapping: "mapping", Edits: "edits", Recipe: "recipe", SavedSplits: "splits"
}  # fmt: skip

_TITLES = {Recipe: "fixes", SavedSplits: "splits"}


class OtherReading(LabError):
    """What was kept names rows, and the file was read in another way then: there they were others."""


class Choice(Protocol):
    """What can be kept: plain values and back. `names_rows`, where it has one: whether it picks rows by number."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""


Kept = TypeVar("Kept", ReadOptions, Mapping, Edits, Recipe, SavedSplits)


def keep(content_hash: str, choice: Choice, reading: ReadOptions | None = None) -> None:
    """Write a reading, a mapping, corrections, a recipe or splits, over what was kept of this kind. Raises LabError.

    `reading` is how the file was read, as its table says; it is kept beside a choice that names rows.
    """
    if getattr(choice, "content_hash", content_hash) != content_hash:
        raise LabError("This belongs to another file.", "Open the file it was made for.")
    path, values = _path(content_hash, type(choice)), choice.to_dict()
    if reading is not None and getattr(choice, "names_rows", False):
        values["reading"] = _deciding_rows(reading)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(values, ensure_ascii=False, allow_nan=False))
    except OSError as error:
        raise LabError(f"It cannot be kept: {error.strerror}.", "Free some disk space.") from error


def recall(content_hash: str, kind: type[Kept], reading: ReadOptions | None = None) -> Kept | None:
    """What was kept of a kind (`ReadOptions`, `Mapping`, `Edits`, `Recipe`, `SavedSplits`), or None.

    Raises LabError when it is damaged, and OtherReading when it names the rows of another reading than this one.
    """
    path = _path(content_hash, kind)
    try:
        if not path.is_file() or path.is_symlink():
            return None
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError("too large")
        values = json.loads(path.read_text("utf-8"))
        made_for = values.pop("reading", None) if isinstance(values, dict) else None
        choice = kind.from_dict(values)
    except (OSError, ValueError, RecursionError) as error:
        raise LabError(
            f"What was kept as {path.name} is damaged.", "Forget it, and make these choices again."
        ) from error
    if None not in (made_for, reading) and made_for != _deciding_rows(reading):
        raise OtherReading(
            f"The {_TITLES[kind]} kept for this file were made for another reading of it.",
            "Read the file as then (sheet, split, header, delimiter, quotes), or forget them and make others.",
        )
    return choice


def forget(content_hash: str, kind: type | None = None) -> None:
    """Remove what was kept for a file, all of it or one kind; nothing happens when there is none."""
    if kind is not None:
        _path(content_hash, kind).unlink(missing_ok=True)
        return
    folder = _folder(content_hash)
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)


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
