"""Arrays remembered on disk, in `workspace/embeddings`: what took minutes to compute opens at once the next time.

An array is `NAME.npy` with `NAME.json` beside it (its SHA-256 and details). What is missing, torn, damaged or cannot be
written counts as not remembered; nothing here is anybody's only copy.
"""

import contextlib
import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.workspace import newest_first, workspace, write_atomically

MOST_BYTES = 2 * 2**30  # of all arrays; the longest unused are forgotten


def folder() -> Path:
    """`workspace/embeddings`."""
    return workspace() / "embeddings"


def key_of(*parts: object) -> str:
    """A file name for whatever the parts say: equal for equal parts only. Lists of texts count by their content."""
    digest = hashlib.sha256()
    for part in parts:
        for each in part if isinstance(part, (list, tuple)) else [part]:
            data = str(each).encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "big") + data)
        digest.update(b"\xff")  # a length never begins so: ["a", "b"] differs from ["a"], ["b"]
    return digest.hexdigest()[:40]


def load(name: str) -> tuple[np.ndarray, dict[str, Any]] | None:
    """The array called `name` and its details, or None when it is not there, or not as it was written."""
    array_file, note_file = _files(name)
    try:
        note = json.loads(note_file.read_text("utf-8"))
        data = array_file.read_bytes()
        if hashlib.sha256(data).hexdigest() != note["sha256"]:
            return None
        array = np.load(io.BytesIO(data), allow_pickle=False)
        details = dict(note["details"])
        for file in (array_file, note_file):
            file.touch()  # used just now: the last to be forgotten
    except (OSError, ValueError, KeyError, TypeError, EOFError, RecursionError):
        return None
    return array, details


def save(name: str, array: np.ndarray, details: Mapping[str, Any]) -> None:
    """Keep an array with JSON `details` under `name`; a full or read-only disk is no error, the array is then not kept.

    The array is written before its note: a crash between the two leaves a pair that does not match.
    """
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    data = buffer.getvalue()
    note = {"sha256": hashlib.sha256(data).hexdigest(), "shape": array.shape, "details": dict(details)}
    array_file, note_file = _files(name)
    with contextlib.suppress(OSError):
        folder().mkdir(exist_ok=True)
        write_atomically(array_file, data)
        write_atomically(note_file, json.dumps(note))
        _forget_oldest()


def _files(name: str) -> tuple[Path, Path]:
    return folder() / f"{name}.npy", folder() / f"{name}.json"


def _forget_oldest() -> None:
    """Remove the longest unused arrays until all take at most `MOST_BYTES`."""
    total = 0
    for file in newest_first(folder().glob("*.npy")):
        with contextlib.suppress(OSError):
            total += file.stat().st_size
            if total > MOST_BYTES:
                file.unlink(missing_ok=True)
                file.with_suffix(".json").unlink(missing_ok=True)
