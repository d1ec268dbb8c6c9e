"""How a run on a SLURM cluster is doing: its record held against its heartbeat and SLURM's word. Reads no file.

Its supervisor is on another machine, where its process number tells nothing. A fresh heartbeat is enough; only when it
is missing or old is SLURM asked.
"""

from core.runs.slurm_queue import GOING, WAITING, job_state, pending_reason

SILENT = "The process that watches over the run has not been heard of for a while."
LET_GO_ON = (
    "If you have paused it, let it go on (“kill -CONT” with its process id): the run goes on by itself. Or stop it: it "
    "can be resumed from its last checkpoint."
)

_RESUME = "Resume the run: it continues from its last checkpoint."
_ENDED = {
    "CANCELLED": ("stopped", "The SLURM job was cancelled.", _RESUME),
    "TIMEOUT": ("stopped", "The SLURM job reached its time limit.", f"{_RESUME} More time lets it get further."),
    "DEADLINE": ("stopped", "The SLURM job reached its deadline.", _RESUME),
    "PREEMPTED": ("stopped", "SLURM gave the nodes to another job and did not queue this one again.", _RESUME),
    "OUT_OF_MEMORY": (
        "failed",
        "The SLURM job ran out of memory.",
        "Ask for more memory, or choose a smaller batch size or maximum length; then start it again.",
    ),
    "NODE_FAIL": ("failed", "A node of the SLURM job failed.", _RESUME),
    "BOOT_FAIL": ("failed", "A node of the SLURM job did not start.", _RESUME),
    "FAILED": (
        "failed",
        "The SLURM job failed, and the training could not say why.",
        "Look at its log and at the files in “slurm” in the run's folder, then start it again.",
    ),
}
_LOST = ("lost", "The SLURM job is over, and the run left no result.", _RESUME)


def judge(state: str, job: str, *, is_silent: bool, is_stop_wanted: bool) -> tuple[str, str, str]:
    """State, message and remedy of a run whose record says "queued", "running" or "stopping"; no message: the record's.

    `is_silent`: there is no heartbeat, or an old one.
    """
    if not is_silent:
        return state, "", ""
    word = job_state(job)
    if word in WAITING:
        return "queued", f"It waits in SLURM's queue as job {job} (reason: {pending_reason(job) or 'none given'}).", ""
    if word in GOING or word is None:
        if state == "queued":
            return state, f"SLURM is starting job {job}." if word else f"SLURM says nothing about job {job} now.", ""
        return "stalled", SILENT, LET_GO_ON
    if is_stop_wanted:
        return "stopped", "Stopped while it waited in SLURM's queue." if state == "queued" else "Stopped.", _RESUME
    return _ENDED.get(word, _LOST)
