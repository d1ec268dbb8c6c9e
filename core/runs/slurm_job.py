"""What a SLURM job does on each of its nodes, unpickled there by submitit. Submits nothing.

The first node runs the supervisor, so that a run looks the same as on one machine; the others run the command alone.
SLURM announces the end of a job by a signal to all its processes at once: submitit's (USR2, ahead of the time limit)
or TERM (preemption, requeue, cancelling). Both make the supervisor stop gracefully; the worker is deaf to them, or it
would die before it has saved its state. Then the job is queued again, by SLURM or else by submitit, and goes on from
its checkpoint, unless a person stopped the run or somebody cancelled the job.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from submitit.core.job_environment import JobEnvironment
from submitit.core.utils import DelayedSubmission

from core.runs.folder import OUTCOME, STOP
from core.runs.resources import Resources
from core.runs.slurm_queue import job_state, restarts_of
from core.runs.status import BEAT, SLURM, STATUS, read_json, write_record, write_status
from core.workspace import PROJECT_ROOT

_POLL_SECONDS = 0.2
_TERM_AGAIN_SECONDS = 1.0  # the first may come before the supervisor listens
_ASK_TIMES = 5
_SIGNAL = signal.Signals[f"SIG{JobEnvironment.USR_SIG}"]
_RESUME = "Resume the run: it continues from its last checkpoint."
_INTERRUPTED = "SLURM interrupted it, and it is in the queue again."
_ENDED = "SLURM ended the job: it was cancelled, or its time was up."


class SlurmTask:
    """One run on the nodes of a job: `task()` carries it out, `task.checkpoint()` interrupts it for a later life."""

    def __init__(self, folder: Path, command: Sequence[str], resources: Resources, *, requeues: int) -> None:
        self._folder = folder
        self._command = list(command)
        self._resources = resources
        self._requeues = requeues
        self._supervisor: subprocess.Popen | None = None
        self._is_stop_wanted = False  # by a person
        self._is_interrupted = False  # by SLURM

    def __call__(self) -> None:
        """Carry the run out, and leave with the exit code of its command."""
        if int(os.environ["SLURM_NODEID"]):
            sys.exit(subprocess.call(_shielded(self._command), cwd=PROJECT_ROOT))
        # A STOP file beside another state was left by the supervisor of a life that was killed.
        is_stopped = (self._folder / STOP).exists() and read_json(self._folder / STATUS).get("state") == "queued"
        (self._folder / STOP).unlink(missing_ok=True)
        for record in (OUTCOME, BEAT):
            write_record(self._folder / record, {})
        self._mark()
        if is_stopped:
            write_status(self._folder, "stopped", message="Stopped while it waited in SLURM's queue.", remedy=_RESUME)
            return
        write_status(self._folder, "queued")
        signal.signal(signal.SIGTERM, self._on_term)
        self._supervisor = self._start_supervisor()
        exit_code = self._wait(self._supervisor)
        if self._is_interrupted:
            signal.raise_signal(_SIGNAL)  # submitit calls `checkpoint`, and queues the job again where that returns
        sys.exit(exit_code)

    def checkpoint(self) -> DelayedSubmission:
        """Let the run stop gracefully; what goes on in the job's next life. Exits when nothing has to be queued."""
        signal.signal(_SIGNAL, signal.SIG_IGN)
        if self._supervisor is not None:
            self._interrupt()
            exit_code = self._wait(self._supervisor)
            if not self._settle():
                sys.exit(exit_code)
        return DelayedSubmission(SlurmTask(self._folder, self._command, self._resources, requeues=self._requeues))

    def _start_supervisor(self) -> subprocess.Popen:
        command = [sys.executable, "-m", "core.runs.supervisor", str(self._folder), *self._resources.options(), "--"]
        with (self._folder / "train.log").open("ab") as log:
            return subprocess.Popen(
                _shielded([*command, *_shielded(self._command)]),
                cwd=PROJECT_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait(self, supervisor: subprocess.Popen) -> int:
        """Wait for the supervisor's end, passing an interruption on; its exit code, 1 for a signal.

        Also called within a signal handler that interrupted it, so it holds no lock and leaves the process unreaped,
        which keeps its number from being used again.
        """
        last_term = float("-inf")
        while (end := os.waitid(os.P_PID, supervisor.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is None:
            if self._is_interrupted and time.monotonic() - last_term >= _TERM_AGAIN_SECONDS:
                last_term = time.monotonic()
                os.kill(supervisor.pid, signal.SIGTERM)
            elif not self._is_interrupted and (self._folder / STOP).exists():
                self._is_stop_wanted = True
            time.sleep(_POLL_SECONDS)
        return end.si_status if end.si_code == os.CLD_EXITED else 1

    def _on_term(self, number: int, frame: FrameType | None) -> None:
        self._interrupt()

    def _interrupt(self) -> None:
        if not self._is_stop_wanted and not self._is_interrupted:
            self._is_interrupted = True
            self._mark()  # from here on, "stopped" in the supervisor's record is not the end

    def _settle(self) -> bool:
        """Write how the run goes on; whether it is for this process to queue the job again."""
        outcome = read_json(self._folder / OUTCOME)
        must_queue = False
        if self._is_interrupted and outcome.get("state") not in ("finished", "failed"):
            state, reason, must_queue = self._decision()
            message = f"{reason} {outcome.get('message') or ''}".strip()
            write_status(self._folder, state, message=message, remedy=_RESUME if state == "stopped" else "")
        self._is_interrupted = False
        self._mark()
        return must_queue

    def _decision(self) -> tuple[str, str, bool]:
        """What SLURM has decided on the job: the run's state, why, and whether the job has still to be queued again."""
        lives = int(os.environ.get("SLURM_RESTART_COUNT", "0"))
        for _ in range(_ASK_TIMES):
            word, restarts = job_state(_job(), now=True), restarts_of(_job())
            if word == "RUNNING" and lives < self._requeues:
                return "queued", _INTERRUPTED, True
            if word == "RUNNING":
                return "stopped", "SLURM interrupted it once more than it may be queued again.", False
            if word is not None and restarts is not None:
                is_queued = restarts > lives
                return ("queued", _INTERRUPTED, False) if is_queued else ("stopped", _ENDED, False)
            time.sleep(1)
        return "queued", _INTERRUPTED, False  # SLURM is silent; whoever reads the status asks again

    def _mark(self) -> None:
        write_record(self._folder / SLURM, {"job": _job(), "interrupted": self._is_interrupted})


def _job() -> str:
    return os.environ["SLURM_JOB_ID"]


def _shielded(command: Sequence[str]) -> list[str]:
    """The command, deaf to the signals that SLURM sends to every process of a job."""
    return ["sh", "-c", f"trap '' TERM {JobEnvironment.USR_SIG}; exec \"$@\"", "sh", *command]
