"""How a run is doing: what its files say, held against whether its supervisor lives. Changes nothing.

Three small files, each with one writer, so that none can overwrite the other's news: `status.json` (the supervisor:
state and exit), `supervisor.json` (the supervisor: identity and heartbeat) and `progress.json` (the worker: step).
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.runs.process import is_alive
from core.workspace import write_atomically

ACTIVE = ("queued", "running", "stopping", "stalled")
ENDED = ("stopped", "finished", "failed", "lost")
STALLED_AFTER_SECONDS = 15.0
_START_SECONDS = 15.0  # how long a launched supervisor may take to introduce itself


@dataclass(frozen=True, slots=True)
class Status:
    """A moment in the life of a run. `started` and `updated` are seconds since 1970, `seconds` is training time.

    `state`: queued, running, stopping, stopped, finished, failed, lost (its supervisor is gone without an exit) or
    stalled (its supervisor lives, but its heartbeat has stopped).
    """

    state: str
    step: int = 0
    total_steps: int = 0
    epoch: float = 0.0
    started: float = 0.0
    updated: float = 0.0
    seconds: float = 0.0
    message: str = ""
    remedy: str = ""
    exit_code: int | None = None

    @property
    def is_active(self) -> bool:
        """Whether a process works, or waits to work, on the run."""
        return self.state in ACTIVE


def read_status(folder: Path) -> Status:
    """The status as of now. Torn, missing or forged files give the state "lost", never an exception."""
    record = read_json(folder / "status.json")
    beat = read_json(folder / "supervisor.json")
    state = record.get("state")
    message, remedy = str(record.get("message") or ""), str(record.get("remedy") or "")
    if state in ("queued", "running", "stopping"):
        started = _number(record.get("updated"))
        if is_alive(beat):
            if time.time() - _number(beat.get("heartbeat")) > STALLED_AFTER_SECONDS:
                state, message = "stalled", "The process that watches over the run has not been heard of for a while."
            elif state == "running" and (folder / "STOP").exists():
                state = "stopping"
        elif beat or time.time() - started > _START_SECONDS:
            again = read_json(folder / "status.json")
            if again != record:  # it ended between the two looks
                return read_status(folder)
            state, message, remedy = "lost", *_LOST
    elif state not in ENDED:
        state, message, remedy = "lost", "The record of this run is missing or damaged.", "Start the run anew."
    progress = read_json(folder / "progress.json")
    if not message and state in ("running", "stopping"):
        message = str(progress.get("phase") or "")
    exit_code = record.get("exit_code")
    return Status(
        state=state,
        step=int(_number(progress.get("step"))),
        total_steps=int(_number(progress.get("total_steps"))),
        epoch=_number(progress.get("epoch")),
        started=_number(record.get("started")),
        updated=max(_number(part.get(key)) for part, key in _times(record, beat, progress)),
        seconds=_number(progress.get("seconds")),
        message=message,
        remedy=remedy,
        exit_code=exit_code if isinstance(exit_code, int) else None,
    )


def write_status(
    folder: Path, state: str, *, message: str = "", remedy: str = "", exit_code: int | None = None
) -> None:
    """Replace `status.json`. For the supervisor, and for the launcher before there is one."""
    now = time.time()
    started = _number(read_json(folder / "status.json").get("started")) or now
    record = {"state": state, "started": started, "updated": now, "message": message, "remedy": remedy}
    write_json(folder / "status.json", {**record, "exit_code": exit_code})


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty when the file is missing, torn or holds something else."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def write_json(path: Path, content: Any) -> None:
    """Write strict JSON atomically; `ValueError` for NaN or infinity."""
    write_atomically(path, json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n")


_LOST = (
    "The process that watched over this run is gone, and it left no result: it was killed or the machine restarted.",
    "Resume the run: it continues from its last checkpoint.",
)


def _times(record: dict, beat: dict, progress: dict) -> list[tuple[dict, str]]:
    return [(record, "updated"), (beat, "heartbeat"), (progress, "updated")]


def _number(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 1e15 else 0.0
