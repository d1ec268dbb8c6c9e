"""The events of a run, `events.jsonl`: one strict JSON object a line, appended as things happen. Draws nothing."""

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from core.workspace import write_atomically

FILE = "events.jsonl"


class EventWriter:
    """Appends events; a reader sees whole lines except for the last, and after a crash.

    >>> with EventWriter(Path("run")) as events:
    ...     events.append({"kind": "note", "message": "hello"})
    """

    def __init__(self, folder: Path) -> None:
        path = folder / FILE
        torn = path.exists() and path.read_bytes()[-1:] not in (b"", b"\n")
        self._before = b"\n" if torn else b""  # ends the line of a killed writer
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def append(self, event: dict[str, Any]) -> None:
        """Write one event, whole or not at all.

        Raises `ValueError` for NaN or infinity, which JSON does not know, and `OSError` on a full disk; what follows
        can be written and read again.
        """
        data = self._before + (json.dumps(event, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")
        length = os.fstat(self._file).st_size
        try:
            while data:  # a disk that is nearly full takes a part, and says so only when asked again
                data = data[os.write(self._file, data) :]
        except OSError:
            os.ftruncate(self._file, length)
            raise
        self._before = b""

    def note(self, message: str) -> None:
        """Write a sentence for the person who follows the run."""
        self.append({"kind": "note", "message": message})

    def close(self) -> None:
        """Close the file; nothing can be appended afterwards."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_events(folder: Path) -> list[dict[str, Any]]:
    """The events so far, in order. Lines that a crash tore are left out; no file means no events."""
    try:
        lines = (folder / FILE).read_bytes().split(b"\n")
    except OSError:
        return []
    return [event for line in lines if (event := _parse(line)) is not None]


def forget_after(folder: Path, step: int, *, again: str = "") -> None:
    """Drop what was recorded beyond `step`: a training that continues from there writes it again. Notes stay.

    `again`: the kind of event that it writes again for `step` itself, too.
    """

    def is_kept(event: dict[str, Any]) -> bool:
        at = event.get("step")
        return not isinstance(at, int) or at < step or (at == step and event.get("kind") != again)

    events = read_events(folder)
    kept = [event for event in events if is_kept(event)]
    if len(kept) < len(events):
        text = "".join(json.dumps(event, ensure_ascii=False, allow_nan=False) + "\n" for event in kept)
        write_atomically(folder / FILE, text)


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None
