"""What SLURM says about a job, in one word, and cancelling one that waits. Asks seldom, never for long; starts no job.

The words are the job states of squeue(1). SLURM forgets a job some minutes after its end; its accounting, where a
cluster keeps one, remembers it.
"""

import subprocess
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

UNKNOWN = "UNKNOWN"  # SLURM has forgotten the job
WAITING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"}
GOING = {"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "RESIZING", "STAGE_OUT"}
_ASK_AGAIN_SECONDS = 5.0
_FORGET_SECONDS = 60.0
_TIMEOUT_SECONDS = 5.0
_WAIT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class _Question:
    """One question for the `jobs`, `asked` at a time (monotonic seconds), in a thread of its own."""

    jobs: frozenset[str]
    asked: float
    answered: threading.Event


_lock = threading.Lock()  # for what follows; never held while SLURM is asked, as that may hang
_wanted: dict[str, float] = {}  # job -> when somebody last wanted to know
_answers: dict[str, list[str]] = {}  # job -> its state and further words; empty when SLURM gave no answer
_last: _Question | None = None  # whose answer that is, or which is under way


def job_state(job: str, *, now: bool = False) -> str | None:
    """The state of a job, e.g. "PENDING", or "UNKNOWN"; None when SLURM gives no answer.

    One question serves all jobs that somebody asked for in the last minute, and its answer five seconds. It is not
    waited for where there is an older answer, and else for half a second after it was asked: a page must not freeze
    because SLURM hangs. `now`: a new question, and its answer however long it takes.
    """
    if not job.isdecimal():
        return UNKNOWN
    question = _question_for(job, now=now)
    with _lock:
        is_known = job in _answers
    if now:
        question.answered.wait()
    elif not is_known:
        question.answered.wait(max(0.0, question.asked + _WAIT_SECONDS - time.monotonic()))
    with _lock:
        return _answers[job][0].rstrip("+") if job in _answers else None


def pending_reason(job: str) -> str:
    """Why the job waited when SLURM was last asked, in SLURM's words, e.g. "Priority"; empty when that is not known."""
    with _lock:
        return " ".join(_answers.get(job, [])[1:])


def _question_for(job: str, *, now: bool) -> _Question:
    """The last question where that will do, or is still under way; else a new one."""
    global _last
    with _lock:
        moment = _wanted[job] = time.monotonic()
        if _last is not None and not now:
            is_fresh = job in _last.jobs and moment - _last.asked <= _ASK_AGAIN_SECONDS
            if is_fresh or not _last.answered.is_set():
                return _last
        for forgotten in [each for each, last in _wanted.items() if moment - last > _FORGET_SECONDS]:
            del _wanted[forgotten]
        _last = _Question(frozenset(_wanted), moment, threading.Event())
        threading.Thread(target=_answer_question, args=(_last,), name="ask-slurm", daemon=True).start()
        return _last


def _answer_question(question: _Question) -> None:
    global _answers
    answers = _ask(question.jobs)
    with _lock:
        if question is _last:  # else a newer one is under way, which knows better
            _answers = answers
    question.answered.set()


def restarts_of(job: str) -> int | None:
    """How often SLURM has queued a job again, counted when it decides to; None when it gives no answer."""
    answer = _answer("squeue", "--noheader", "--all", "--states=all", "--Format=RestartCnt", f"--jobs={job}")
    return int(answer) if answer and answer.strip().isdecimal() else None


def cancel_waiting(job: str) -> None:
    """Take a job out of the queue, without waiting for SLURM.

    One that has started meanwhile is left alone: its STOP file ends it gracefully.
    """

    def cancel() -> None:
        global _last
        _answer("scancel", "--state=PENDING", job)
        with _lock:
            _last = None  # the next look asks again

    if job.isdecimal():
        threading.Thread(target=cancel, name="cancel-job").start()  # lives on though the program wants to end


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
