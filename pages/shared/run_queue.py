"""Which runs a queued run waits for, by name. Takes and gives no place in the queue."""

from __future__ import annotations

from core.errors import LabError
from core.runs.folder import Run, open_run
from core.runs.queue import queue_of
from core.runs.status import read_json


def runs_before(run: Run) -> list[str]:
    """Those that hold the device, then those that waited for it earlier; nothing when `run` does not wait in line."""
    device = read_json(run.path / "supervisor.json").get("device")
    if not isinstance(device, str):
        return []
    queue = queue_of(device)
    place = queue.place(run.id)
    if place is None:
        return []
    return [_name(ticket.run) for ticket in (*queue.holding, *queue.waiting[: place - 1])]


def _name(run_id: str) -> str:
    try:
        return open_run(run_id).name
    except LabError:  # its folder lies outside the workspace
        return run_id
