"""The small process that watches over one run: `python -m core.runs.supervisor FOLDER --device cpu -- COMMAND…`.

Waits for the slots of its device, starts the worker on them, keeps the heartbeat, reports when the worker gives no sign
of life (`core.runs.beat`), turns a STOP file into a graceful stop and, after a grace time, into TERM and KILL, sweeps
up what the worker left, starts it again when memory ran out and more attempts were asked for, writes the exit, and
removes the checkpoints when nothing is left to continue. Imports no torch and knows no task.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from core.runs.beat import Watch
from core.runs.device_lock import DeviceLock, try_lock_file
from core.runs.events import EventWriter
from core.runs.folder import CHECKPOINTS, OUTCOME, STOP
from core.runs.process import adopt_orphans, end_descendants, guard, identity, wake_descendants
from core.runs.resources import Resources
from core.runs.status import BEAT, read_json, write_record, write_status
from core.workspace import cannot_write, remove_folder, run_id

POLL_SECONDS = 0.1
HEARTBEAT_SECONDS = 1.0
TERM_SECONDS = 5.0  # from TERM to KILL
END_SECONDS = 600.0  # how long it is tried to write the end of a run on a disk that has no room even for that
TAKE_OVER_SECONDS = 10.0  # for the predecessor's last sweep
PARENT_VARIABLE = "BERTLAB_SUPERVISOR"  # tells the worker whose death is its own
ATTEMPT_VARIABLE = "BERTLAB_ATTEMPT"  # 0, then 1, 2, … each time memory ran out: the worker halves its batch for each
_KILLED = "The training process was killed by the system, most likely because the memory ran out."
KILLED_REMEDY = "Choose a smaller batch size or maximum length, close other programs, then start it again."


class Supervisor:
    """One run, one worker at a time, one thread."""

    def __init__(self, folder: Path, command: list[str], resources: Resources) -> None:
        self._folder = folder
        self._command = command
        self._resources = resources
        self._lock: DeviceLock | None = None
        self._identity = identity(os.getpid())
        self._last_beat = 0.0
        self._interrupted = False
        self._forced = False
        self._watch: Watch | None = None  # while there is a worker

    def run(self) -> int:
        """Supervise until the worker and all it started are gone; the worker's exit code, 0 if it never started."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            return self._wait_and_supervise()
        finally:
            end_descendants(grace_seconds=0)
            self._leave_device()

    def fail(self, error: OSError) -> None:
        """Write that the run failed by an error of this process, not of the worker. Call it when `run` has raised."""
        what = "the training could not be started or watched"
        problem = cannot_write(error, what, otherwise="Look at its log.")
        self._write_end("failed", problem.problem, problem.remedy, 1)

    def _wait_and_supervise(self) -> int:
        resources = self._resources
        self._lock = DeviceLock(
            resources.device, count=resources.count, slots=resources.slots, run=run_id(self._folder)
        )
        self._beat()
        while not self._lock.try_acquire():
            if not self._folder.is_dir():
                return 0
            if self._stop_requested():
                self._write_end("stopped", "Stopped while it waited for the device.", "", None)
                return 0
            self._pause()
        return self._supervise()

    def _slots(self) -> tuple[str, ...]:
        """The slots that the run holds; none while it waits for them."""
        return () if self._lock is None else self._lock.slots

    def _leave_device(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def _supervise(self) -> int:
        """Start the worker, again as often as it may help; write how it ended."""
        attempts = 0
        while True:
            exit_code = self._work(attempts)
            attempts += 1
            cause = self._cause_to_try_again(exit_code)
            if cause is None or attempts >= self._resources.attempts:
                break
            which = f"attempt {attempts + 1} of {self._resources.attempts}"
            self._note(f"{cause} It starts again with a smaller batch ({which}).")
        self._write_exit(exit_code, attempts)
        return exit_code

    def _work(self, attempt: int) -> int:
        """One worker from its start until it and all it started are gone; its exit code."""
        write_record(self._folder / OUTCOME, {})
        self._watch = Watch(self._folder, silent_seconds=self._resources.silent_seconds)
        write_status(self._folder, "running")
        environment = {**os.environ, PARENT_VARIABLE: str(os.getpid()), ATTEMPT_VARIABLE: str(attempt)}
        if self._resources.device == "cuda":
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(self._slots())
        with (self._folder / "train.log").open("ab") as log:
            worker = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment
            )
        stop_seen: float | None = None
        while worker.poll() is None:
            if not self._folder.is_dir():  # deleted meanwhile: nobody is left to report to
                end_descendants(grace_seconds=0)
                return worker.wait()
            if stop_seen is None and self._stop_requested():
                stop_seen = time.monotonic()
                with contextlib.suppress(OSError):  # a full disk must not turn a graceful stop into a crash
                    (self._folder / STOP).touch()  # a signal to the supervisor is a wish to stop, too
                    write_status(self._folder, "stopping")
                wake_descendants()  # whoever is paused could not answer it
            if stop_seen is not None and not self._watch.may_take(stop_seen, self._resources.grace_seconds):
                self._forced = True
                _end(worker)
            self._pause()
        self._watch = None
        end_descendants(grace_seconds=TERM_SECONDS)
        return worker.returncode

    def _cause_to_try_again(self, exit_code: int) -> str | None:
        """What a smaller batch may fix; None when that is nothing, or nobody wants the run to go on."""
        if self._stop_requested() or not self._folder.is_dir():
            return None
        outcome = read_json(self._folder / OUTCOME)
        if outcome.get("again") is True:
            return "The training ran out of memory."
        return _KILLED if exit_code == -signal.SIGKILL and not outcome else None

    def _note(self, message: str) -> None:
        with contextlib.suppress(OSError), EventWriter(self._folder) as events:  # a full disk costs the note only
            events.note(message)

    def _write_exit(self, exit_code: int, attempts: int) -> None:
        outcome = read_json(self._folder / OUTCOME)
        state, message, remedy = (str(outcome.get(key) or "") for key in ("state", "message", "remedy"))
        has_ended_well = exit_code == 0 or self._forced  # its last word stands, also when it hung after it
        if state not in ("finished", "stopped", "failed") or (state != "failed" and not has_ended_well):
            explained = _explain_exit(exit_code, forced=self._forced, grace_seconds=self._resources.grace_seconds)
            state, message, remedy = explained
        if state == "failed" and attempts > 1:
            message += f" It was tried {attempts} times, with ever smaller batches."
        if self._write_end(state, message, remedy, exit_code) and state == "finished":
            with contextlib.suppress(OSError):  # only now: until here, they were what a resume would continue from
                remove_folder(self._folder / CHECKPOINTS)

    def _write_end(self, state: str, message: str, remedy: str, exit_code: int | None) -> bool:
        """Write how the run ended; whether that could be done. On a full disk it is tried again: room may come back."""
        give_up = time.monotonic() + END_SECONDS
        while self._folder.is_dir():
            try:
                (self._folder / STOP).unlink(missing_ok=True)
                write_status(self._folder, state, message=message, remedy=remedy, exit_code=exit_code)
                return True
            except OSError:
                if time.monotonic() > give_up:
                    return False
                self._leave_device()  # the next run need not wait for the disk of this one
                self._pause()
        return False

    def _stop_requested(self) -> bool:
        return self._interrupted or (self._folder / STOP).exists()

    def _pause(self) -> None:
        self._beat()
        time.sleep(POLL_SECONDS)

    def _beat(self) -> None:
        if time.monotonic() - self._last_beat >= HEARTBEAT_SECONDS and self._folder.is_dir():
            self._last_beat = time.monotonic()
            silence = ""
            if self._watch is not None:
                self._watch.check()
                silence = self._watch.silence()
            try:
                found = {"device": self._resources.device, "slots": self._slots(), "silence": silence}
                write_record(self._folder / BEAT, {**self._identity, "heartbeat": time.time(), **found})
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
        return "failed", _KILLED, KILLED_REMEDY
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
    """Supervise the run that the command line names; the exit code of its worker."""
    parser = argparse.ArgumentParser(prog="python -m core.runs.supervisor", description=__doc__)
    parser.add_argument("folder", type=Path)
    Resources.add_options(parser)
    arguments = sys.argv[1:] if arguments is None else arguments
    split = arguments.index("--")  # the worker's command comes after it, with options of its own
    options, command = parser.parse_args(arguments[:split]), arguments[split + 1 :]
    folder, resources = options.folder, Resources.from_options(options)
    if not 1 <= resources.count <= len(resources.slots):
        parser.error(f"{resources.count} of {len(resources.slots)} slots cannot be had")
    guard()
    adopt_orphans()
    supervisor = Supervisor(folder, command, resources)
    try:
        held = _take_over(folder)  # and kept until this process ends
        return 0 if held is None else supervisor.run()  # None: another supervisor has this run
    except OSError as error:
        supervisor.fail(error)
        raise


if __name__ == "__main__":
    sys.exit(main())
