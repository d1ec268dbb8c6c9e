"""The small process that watches over one run: `python -m core.runs.supervisor FOLDER --device cpu -- COMMAND…`.

Waits for the device, starts the worker, keeps the heartbeat, turns a STOP file into a graceful stop and, after a grace
time, into TERM and KILL, sweeps up what the worker left, and writes the exit. Imports no torch and knows no task.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from core.runs.device_lock import DeviceLock, try_lock_file
from core.runs.folder import STOP
from core.runs.process import adopt_orphans, end_descendants, identity
from core.runs.status import read_json, write_json, write_status

POLL_SECONDS = 0.1
HEARTBEAT_SECONDS = 1.0
GRACE_SECONDS = 60.0  # from the STOP file to TERM: long enough for a slow step and a checkpoint
TERM_SECONDS = 5.0  # from TERM to KILL
TAKE_OVER_SECONDS = 10.0  # for the predecessor's last sweep
PARENT_VARIABLE = "BERTLAB_SUPERVISOR"  # tells the worker whose death is its own


class Supervisor:
    """One run, one worker, one thread."""

    def __init__(self, folder: Path, command: list[str], *, device: str, grace_seconds: float) -> None:
        self._folder = folder
        self._command = command
        self._device = device
        self._grace_seconds = grace_seconds
        self._identity = identity(os.getpid())
        self._last_beat = 0.0
        self._interrupted = False

    def run(self) -> int:
        """Supervise until the worker and all it started are gone; the worker's exit code, 0 if it never started."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._beat()
        lock = DeviceLock(self._device)
        try:
            while not lock.try_acquire():
                if self._stop_requested():
                    write_status(self._folder, "stopped", message="Stopped while it waited for the device.")
                    return 0
                self._pause()
            return self._supervise()
        finally:
            end_descendants(grace_seconds=0)
            lock.release()

    def _supervise(self) -> int:
        (self._folder / "outcome.json").unlink(missing_ok=True)
        write_status(self._folder, "running")
        with (self._folder / "train.log").open("ab") as log:
            worker = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, PARENT_VARIABLE: str(os.getpid())},
            )
        stop_seen: float | None = None
        forced = False
        while worker.poll() is None:
            if not self._folder.is_dir():  # deleted meanwhile: nobody is left to report to
                end_descendants(grace_seconds=0)
                worker.wait()
                return 1
            if stop_seen is None and self._stop_requested():
                stop_seen = time.monotonic()
                (self._folder / STOP).touch()  # a signal to the supervisor is a wish to stop, too
                with contextlib.suppress(OSError):  # a full disk must not turn a graceful stop into a crash
                    write_status(self._folder, "stopping")
            if stop_seen is not None and time.monotonic() - stop_seen > self._grace_seconds:
                forced = True
                _end(worker)
            self._pause()
        end_descendants(grace_seconds=TERM_SECONDS)
        self._write_exit(worker.returncode, forced=forced)
        return worker.returncode

    def _write_exit(self, exit_code: int, *, forced: bool) -> None:
        outcome = read_json(self._folder / "outcome.json")
        state, message, remedy = (str(outcome.get(key) or "") for key in ("state", "message", "remedy"))
        if state not in ("finished", "stopped", "failed") or (state != "failed" and exit_code != 0):
            state, message, remedy = _explain_exit(exit_code, forced=forced, grace_seconds=self._grace_seconds)
        if self._folder.is_dir():
            (self._folder / STOP).unlink(missing_ok=True)
            write_status(self._folder, state, message=message, remedy=remedy, exit_code=exit_code)

    def _stop_requested(self) -> bool:
        return self._interrupted or (self._folder / STOP).exists()

    def _pause(self) -> None:
        self._beat()
        time.sleep(POLL_SECONDS)

    def _beat(self) -> None:
        if time.monotonic() - self._last_beat >= HEARTBEAT_SECONDS and self._folder.is_dir():
            self._last_beat = time.monotonic()
            try:
                beat = {**self._identity, "heartbeat": time.time(), "device": self._device}
                write_json(self._folder / "supervisor.json", beat)
            except OSError:  # a full disk shows as a stalled heartbeat, and must not end the training
                pass

    def _on_signal(self, number: int, frame: object) -> None:
        self._interrupted = True


def _end(worker: subprocess.Popen) -> None:
    """TERM, then KILL. By its own handle, which keeps the exit code; a sweep of the rest comes after it."""
    worker.terminate()
    try:
        worker.wait(TERM_SECONDS)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()


def _explain_exit(exit_code: int, *, forced: bool, grace_seconds: float) -> tuple[str, str, str]:
    """State, message and remedy for a worker that left no word of its own."""
    if forced:
        message = f"Stopped by force: it did not stop by itself within {grace_seconds:g} seconds."
        return "stopped", message, "Resume the run: it continues from its last checkpoint."
    if exit_code == -signal.SIGKILL:
        return (
            "failed",
            "The training process was killed by the system, most likely because the memory ran out.",
            "Choose a smaller batch size or maximum length, close other programs, then start it again.",
        )
    if exit_code < 0:
        name = signal.Signals(-exit_code).name if -exit_code in set(signal.Signals) else str(-exit_code)
        return "failed", f"The training process was ended by the signal {name}.", "Look at its log, then resume it."
    return "failed", f"The training process ended unexpectedly (exit code {exit_code}).", "Look at the end of its log."


def _take_over(folder: Path) -> int | None:
    """The lock of the run; waits for a predecessor that has written its exit and is about to leave."""
    for _ in range(round(TAKE_OVER_SECONDS / POLL_SECONDS)):
        if (held := try_lock_file(folder / "supervisor.lock")) is not None:
            return held
        time.sleep(POLL_SECONDS)
    return None


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m core.runs.supervisor", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--grace-seconds", type=float, default=GRACE_SECONDS)
    arguments = sys.argv[1:] if arguments is None else arguments
    split = arguments.index("--")  # the worker's command comes after it, with options of its own
    options, command = parser.parse_args(arguments[:split]), arguments[split + 1 :]
    held = _take_over(options.folder)
    if held is None:
        return 0  # another supervisor has this run
    adopt_orphans()
    supervisor = Supervisor(options.folder, command, device=options.device, grace_seconds=options.grace_seconds)
    try:
        return supervisor.run()
    except OSError as error:
        problem = f"The training could not be started or watched: {error.strerror or error}."
        write_status(options.folder, "failed", message=problem, remedy="Look at its log.", exit_code=1)
        raise
    finally:
        os.close(held)


if __name__ == "__main__":
    sys.exit(main())
