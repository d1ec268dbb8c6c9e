"""What SLURM says about a job, in one word, and cancelling one that waits. Asks seldom, never for long; starts no job.

The words are the job states of squeue(1). SLURM forgets a job some minutes after its end; its accounting, where a
cluster keeps one, remembers it.
"""

import subprocess
import threading
import time
from collections.abc import Iterable

UNKNOWN = "UNKNOWN"  # SLURM has forgotten the job
WAITING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"}
GOING = {"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "RESIZING", "STAGE_OUT"}
_ASK_AGAIN_SECONDS = 5.0
_FORGET_SECONDS = 60.0
_TIMEOUT_SECONDS = 5.0

_lock = threading.Lock()
_wanted: dict[str, float] = {}  # job -> when somebody last wanted to know
_answers: dict[str, list[str]] = {}  # job -> its state and further words; empty when SLURM gave no answer
_asked = float("-inf")


def job_word(job: str, *, now: bool = False) -> str | None:
    """The state of a job, e.g. "PENDING", or "UNKNOWN"; None when SLURM gives no answer.

    One question serves all jobs that somebody asked for in the last minute, and its answer five seconds, unless it has
    to be known `now`.
    """
    if not job.isdecimal():
        return UNKNOWN
    global _asked, _answers
    with _lock:
        is_new = job not in _wanted
        _wanted[job] = time.monotonic()
        if is_new or now or _wanted[job] - _asked > _ASK_AGAIN_SECONDS:
            for forgotten in [each for each, last in _wanted.items() if _wanted[job] - last > _FORGET_SECONDS]:
                del _wanted[forgotten]
            _answers = _ask(_wanted)
            _asked = time.monotonic()
        return _answers[job][0].rstrip("+") if job in _answers else None


def reason_to_wait(job: str) -> str:
    """Why the job waited when SLURM was last asked, in SLURM's words, e.g. "Priority"; empty when that is not known."""
    with _lock:
        return " ".join(_answers.get(job, [])[1:])


def restarts_of(job: str) -> int | None:
    """How often SLURM has queued a job again, counted when it decides to; None when it gives no answer."""
    answer = _answer("squeue", "--noheader", "--all", "--states=all", "--Format=RestartCnt", f"--jobs={job}")
    return int(answer) if answer and answer.strip().isdecimal() else None


def cancel_waiting(job: str) -> None:
    """Take a job out of the queue. One that has started meanwhile is left alone: its STOP file ends it gracefully."""
    if job.isdecimal():
        _answer("scancel", "--state=PENDING", job)
    with _lock:
        _wanted.pop(job, None)  # the next look asks anew


def _ask(jobs: Iterable[str]) -> dict[str, list[str]]:
    names = ",".join(jobs)
    answer = _answer("squeue", "--noheader", "--all", "--states=all", "--format=%A %T %r", f"--jobs={names}")
    if answer is None:
        return {}
    found = _parse(answer)
    if forgotten := ",".join(job for job in names.split(",") if job not in found):
        columns = "--format=JobIDRaw%30,State%30"
        answer = _answer("sacct", "--noheader", "--allocations", columns, f"--jobs={forgotten}")
        found |= {job: [UNKNOWN] for job in forgotten.split(",")} | _parse(answer or "")
    return found


def _parse(answer: str) -> dict[str, list[str]]:
    """Lines such as "12 PENDING Priority" or "12 CANCELLED by 0" by job."""
    lines = (line.split() for line in answer.splitlines())
    return {job: words for job, *words in filter(None, lines) if words}


def _answer(*command: str) -> str | None:
    """What a command of SLURM answers; "" when it knows no such job, None when it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode == 0:
        return done.stdout
    return "" if "Invalid job id" in done.stderr else None
