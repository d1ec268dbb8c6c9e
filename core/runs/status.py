"""How a run is doing: what its files say, held against whether its supervisor lives. Changes nothing.

Three small files, each with one writer, so that none can overwrite the other's news: `status.json` (the supervisor:
state and exit), `supervisor.json` (the supervisor: identity and heartbeat) and `progress.json` (the worker: step).
A run on a cluster has a fourth, `slurm.json` (its job: the number, and whether SLURM has just interrupted it). They are
written also when the disk is full.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.runs.process import is_alive
from core.runs.slurm_status import LET_GO_ON, SILENT, judge
from core.workspace import is_full, write_atomically

ACTIVE = ("queued", "running", "stopping", "stalled")
ENDED = ("stopped", "finished", "failed", "lost")
STATUS = "status.json"
BEAT = "supervisor.json"
SLURM = "slurm.json"
STALLED_AFTER_SECONDS = 15.0
_ROOM_BYTES = 4096  # of a record: the block size of the usual file systems
_START_SECONDS = 15.0  # how long a launched supervisor may take to introduce itself


@dataclass(frozen=True, slots=True)
class Status:
    """A moment in the life of a run. `started` and `updated` are seconds since 1970, `seconds` is training time.

    `state`: queued, running, stopping, stopped, finished, failed, lost (its supervisor is gone without an exit) or
    stalled (its supervisor lives, but its heartbeat has stopped, or it hears nothing of the training).
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
    slurm = read_json(folder / SLURM)  # before the record, which says "stopped" for a moment in an interruption
    record = read_json(folder / STATUS)
    beat = read_json(folder / BEAT)
    state = record.get("state")
    message, remedy = str(record.get("message") or ""), str(record.get("remedy") or "")
    is_interrupted = slurm.get("interrupted") is True
    if is_interrupted and state in ("stopping", "stopped", "failed"):
        state, message, remedy = "queued", "SLURM interrupted it: it saves its state and goes on later.", ""
    if state in ("queued", "running", "stopping"):
        is_stop_wanted = (folder / "STOP").exists() and not is_interrupted
        if slurm:
            is_silent = abs(time.time() - _number(beat.get("heartbeat"))) > STALLED_AFTER_SECONDS
            verdict = judge(state, str(slurm.get("job")), is_silent=is_silent, is_stop_wanted=is_stop_wanted)
        else:
            verdict = _judge_here(state, record, beat)
        if verdict[0] in ENDED and (read_json(folder / STATUS), read_json(folder / BEAT)) != (record, beat):
            return read_status(folder)  # it ended between the two looks, or one of them was just written over
        if verdict[0] in ("running", "stopping") and (silence := str(beat.get("silence") or "")):
            is_stopping = is_stop_wanted or verdict[0] == "stopping"
            verdict = ("stopping", silence, _ENDS_IT) if is_stopping else ("stalled", silence, LET_GO_ON)
        state = "stopping" if verdict[0] == "running" and is_stop_wanted else verdict[0]
        if verdict[1]:
            message, remedy = verdict[1:]
    elif state not in ENDED:
        if read_json(folder / STATUS) != record:
            return read_status(folder)
        state, message, remedy = "lost", "The record of this run is missing or damaged.", "Start the run again."
    progress = read_json(folder / "progress.json")
    if not message and state in ("running", "stopping"):
        message = str(progress.get("phase") or "")
        if state == "stopping" and 0 < _number(progress.get("total_steps")) <= _number(progress.get("step")):
            message = f"Its last step is done, so it is let finish: {message}."
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
    started = _number(read_json(folder / STATUS).get("started")) or now
    record = {"state": state, "started": started, "updated": now, "message": message, "remedy": remedy}
    write_record(folder / STATUS, {**record, "exit_code": exit_code})


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty when the file is missing, torn or holds something else."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def write_json(path: Path, content: Any) -> None:
    """Write strict JSON atomically; `ValueError` for NaN or infinity."""
    write_atomically(path, _encode(content))


def write_record(path: Path, content: dict[str, Any]) -> None:
    """Write one of the small files that say how a run is doing, also on a full disk, which is then what they say.

    Atomically where there is room for a second file; else over the old one, which is filled up with blanks so that
    every record fits into the room that it has on the disk. Raises `OSError` on a full disk when there is no old one,
    and where a file system has no room for that either.
    """
    data = _encode(content).ljust(_ROOM_BYTES)
    try:
        write_atomically(path, data)
    except OSError as error:
        if not is_full(error) or not path.exists() or path.stat().st_size < len(data):
            raise
        with path.open("r+b") as file:
            file.write(data)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())


def make_room(path: Path) -> None:
    """Put an empty record in place, so that `write_record` can fill it. Raises `OSError` on a full disk."""
    write_atomically(path, b"{}".ljust(_ROOM_BYTES))


def _encode(content: Any) -> bytes:
    return (json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode("utf-8")


def _judge_here(state: str, record: dict, beat: dict) -> tuple[str, str, str]:
    """State, message and remedy of a run on this machine, by whether its supervisor lives; no message: the record's."""
    if is_alive(beat):
        is_silent = time.time() - _number(beat.get("heartbeat")) > STALLED_AFTER_SECONDS
        return ("stalled", SILENT, LET_GO_ON) if is_silent else (state, "", "")
    if beat or time.time() - _number(record.get("updated")) > _START_SECONDS:
        return _LOST
    return state, "", ""


_ENDS_IT = "When it does not answer within the time that it has to stop, it is ended by force."
_LOST = (
    "lost",
    "The process that watched over this run is gone, and it left no result: it was killed or the machine restarted.",
    "Resume the run: it continues from its last checkpoint.",
)


def _times(record: dict, beat: dict, progress: dict) -> list[tuple[dict, str]]:
    return [(record, "updated"), (beat, "heartbeat"), (progress, "updated")]


def _number(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 1e15 else 0.0
