"""Handing a run to whoever carries it out: submit, wait, stop. Here on this machine, without a server.

The executor is over when it has started the supervisor; the run lives on when the program that submitted it ends.
"""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil

from core.errors import LabError
from core.machine import machine
from core.runs.device_lock import try_lock_file
from core.runs.folder import STOP, Run
from core.runs.process import identity
from core.runs.status import Status, write_json, write_status
from core.runs.supervisor import GRACE_SECONDS
from core.workspace import PROJECT_ROOT, workspace

_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class LocalExecutor:
    """Runs on this machine, one at a time per device."""

    grace_seconds: float = GRACE_SECONDS

    def submit(self, run: Run, command: Sequence[str], *, device: str | None = None) -> None:
        """Start a supervisor for the run in a session of its own, and return at once.

        `command` is what the supervisor starts once `device` (default: the first graphics card, else the processor) is
        free. Raises `LabError` when the run is active already.
        """
        held = try_lock_file(run.path / "launch.lock")
        if held is None:
            raise LabError("This run is being started already.", "Wait a moment.")
        try:
            if (run.path / "supervisor.json").exists() and run.status().is_active:
                raise LabError("This run is active already.", "Wait until it has ended, or stop it first.")
            for leftover in (STOP, "outcome.json", "supervisor.json"):
                (run.path / leftover).unlink(missing_ok=True)
            write_status(run.path, "queued")
            self._start(run, command, device or default_device())
        finally:
            os.close(held)

    def _start(self, run: Run, command: Sequence[str], device: str) -> None:
        options = ["--device", device, "--grace-seconds", str(self.grace_seconds)]
        path = os.pathsep.join(filter(None, (str(PROJECT_ROOT), os.environ.get("PYTHONPATH"))))
        with (run.path / "train.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "core.runs.supervisor", str(run.path), *options, "--", *command],
                cwd=PROJECT_ROOT,
                env={**os.environ, "PYTHONPATH": path, "BERTLAB_WORKSPACE": str(workspace())},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        with contextlib.suppress(psutil.NoSuchProcess):  # until its own first heartbeat
            write_json(run.path / "supervisor.json", {**identity(process.pid), "heartbeat": time.time()})
        threading.Thread(target=process.wait, name=f"reap-{process.pid}", daemon=True).start()

    def wait(self, run: Run, *, on_change: Callable[[Status], None] | None = None) -> Status:
        """Wait until the run has ended, calling `on_change` with every look at it; the last status."""
        while True:
            status = run.status()
            if on_change is not None:
                on_change(status)
            if not status.is_active:
                return status
            time.sleep(_POLL_SECONDS)


def default_device() -> str:
    """The name under which a run queues: "cuda" where there is an NVIDIA card, else "cpu"."""
    return "cuda" if machine().gpus else "cpu"
