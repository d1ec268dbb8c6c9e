"""Handing a run to whoever carries it out: here on this machine, without a server. Waits for nothing.

The executor is over when it has started the supervisor; the run lives on when the program that submitted it ends.
"""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from core.errors import LabError
from core.machine import machine
from core.runs.folder import Run
from core.runs.launch import environment, launching
from core.runs.process import identity
from core.runs.resources import GRACE_SECONDS, SILENT_SECONDS, Resources
from core.runs.status import BEAT, write_record
from core.workspace import PROJECT_ROOT


@dataclass(frozen=True, slots=True)
class LocalExecutor:
    """Runs on this machine, side by side as long as there are slots: one for the processor, one for each card."""

    grace_seconds: float = GRACE_SECONDS
    silent_seconds: float = SILENT_SECONDS

    def submit(
        self, run: Run, command: Sequence[str], *, device: str | None = None, count: int = 1, attempts: int = 1
    ) -> None:
        """Start a supervisor for the run in a session of its own, and return at once.

        `command` is what the supervisor starts once `count` slots of `device` (default: graphics cards where there are
        any, else the processor) are free, and starts again when memory runs out, `attempts` times in all. Raises
        `LabError` when the run is active already or deleted, and for more slots than there are.
        """
        device = device or default_device()
        of = _checked_slots(device, count)
        with launching(run):
            resources = Resources(device, count, of, attempts, self.grace_seconds, self.silent_seconds)
            self._start(run, command, resources)

    def _start(self, run: Run, command: Sequence[str], resources: Resources) -> None:
        with (run.path / "train.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "core.runs.supervisor", str(run.path), *resources.options(), "--", *command],
                cwd=PROJECT_ROOT,
                env={**os.environ, **environment()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        with contextlib.suppress(psutil.NoSuchProcess, OSError):  # until its own first heartbeat
            write_record(run.path / BEAT, {**identity(process.pid), "heartbeat": time.time()})
        threading.Thread(target=process.wait, name=f"reap-{process.pid}", daemon=True).start()


def default_device() -> str:
    """The name under which a run queues: "cuda" where there is an NVIDIA card, else "cpu"."""
    return "cuda" if machine().gpus else "cpu"


def slots_of(device: str) -> int:
    """How many slots a device has: as many as there are graphics cards for "cuda", else one."""
    return len(machine().gpus) if device == "cuda" else 1


def _checked_slots(device: str, count: int) -> int:
    there_are = slots_of(device)
    if there_are == 0:
        raise LabError("The run asks for a graphics card, and this machine has none.", "Train on the processor.")
    if not 1 <= count <= there_are:
        kind = "graphics cards" if device == "cuda" else "processors"
        problem = f"The run asks for {count} {kind}, and this machine has {there_are} to give."
        raise LabError(problem, f"Choose a number from 1 to {there_are}." if there_are > 1 else "Choose 1.")
    return there_are
