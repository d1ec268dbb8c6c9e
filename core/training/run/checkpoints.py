"""Checkpoints that are whole or not there: staged, flushed, listed with their SHA-256, then renamed into place.

Knows files, not networks. Killed at any moment, it leaves either the old set or the new one; a file that was damaged
afterwards is noticed before it is used.

    checkpoints/step-40/  model.safetensors  optimizer.pt  …  manifest.json
"""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from core.runs.status import read_json, write_json
from core.workspace import remove_folder

MANIFEST = "manifest.json"
KEEP_NEWEST = 2
_NAME = re.compile(r"step-(\d{1,12})")


def save_checkpoint(folder: Path, step: int, write: Callable[[Path], None]) -> Path:
    """Let `write` fill a staging folder, then publish it as `folder/step-N`; older ones beyond the newest 2 go.

    Raises what `write` raises (a full disk, for one); the checkpoints that were there stay as they are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"step-{step}"
    with staged(target) as stage:
        write(stage)
        seal(stage)
    for older in list_checkpoints(folder)[KEEP_NEWEST:]:
        remove_folder(older)
    return target


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """A new folder beside `target`, to be filled and flushed; at the end it takes the place of `target`.

    When something is raised meanwhile, it goes, and with it the room that it took on a full disk; one that a kill left
    behind goes first.
    """
    stage = target.with_name(f".staged-{target.name}")
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir()
    try:
        yield stage
        remove_folder(target)
        stage.rename(target)
        _flush(target.parent)
    except BaseException:
        shutil.rmtree(stage, ignore_errors=True)
        raise


def seal(folder: Path) -> None:
    """Flush every file in a folder to disk and list sizes and SHA-256 in `manifest.json`."""
    files = _files(folder)
    with ThreadPoolExecutor(max_workers=4) as pool:
        sums = list(pool.map(_flush_and_hash, files))
    entries = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": checksum}
        for path, checksum in zip(files, sums, strict=True)
    }
    write_json(folder / MANIFEST, {"files": entries})
    _flush(folder)


def flush(folder: Path) -> None:
    """Flush every file in a folder, and the folder, to disk."""
    for path in (*_files(folder), folder):
        _flush(path)


def damage(folder: Path) -> str | None:
    """What is wrong with a sealed folder, in words; None when every listed file is there, bit for bit."""
    entries = read_json(folder / MANIFEST).get("files")
    if not isinstance(entries, dict) or not entries:
        return f"{MANIFEST} is missing or unreadable"
    for name, entry in entries.items():
        path = folder / name
        try:
            if path.stat().st_size != entry["bytes"]:
                return f"{name} has {path.stat().st_size} of {entry['bytes']} bytes"
            if _hash(path) != entry["sha256"]:
                return f"{name} was changed after it was written"
        except OSError:
            return f"{name} is missing"
        except (KeyError, TypeError):
            return f"{MANIFEST} is missing or unreadable"
    return None


def list_checkpoints(folder: Path) -> list[Path]:
    """The published checkpoints, newest first, damaged or not."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name) and path.is_dir()]
    return sorted(found, key=step_of, reverse=True)


def newest_sound(folder: Path, *, on_damage: Callable[[Path, str], None]) -> Path | None:
    """The newest checkpoint that is whole. Each damaged one is reported to `on_damage` and moved out of the way."""
    for path in list_checkpoints(folder):
        reason = damage(path)
        if reason is None:
            return path
        on_damage(path, reason)
        remove_folder(path)
    return None


def clear_leftovers(folder: Path) -> None:
    """Remove what an interrupted save or removal left behind. Call it while nothing else writes here."""
    if folder.is_dir():
        for pattern in (".staged-*", ".removing-*"):
            for path in folder.glob(pattern):
                shutil.rmtree(path, ignore_errors=True)


def step_of(checkpoint: Path) -> int:
    """The step a checkpoint was saved at, by its name."""
    return int(checkpoint.name.removeprefix("step-"))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)


def _flush_and_hash(path: Path) -> str:
    _flush(path)
    return _hash(path)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
