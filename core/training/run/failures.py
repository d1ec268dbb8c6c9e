"""Why a training failed, in words: turns an exception into a problem and a remedy. Handles nothing itself."""

import shutil
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from core.errors import LabError, first_line
from core.runs.supervisor import KILLED_REMEDY
from core.workspace import is_full

_FEW_BYTES = 4_000_000
# As torch, its allocator on the processor, Windows, and cuBLAS and cuDNN say it.
_WANT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "status_alloc_failed")


class TrainingFailed(LabError):
    """A failure at a certain step, with the step in its words."""


def not_finite(step: int, value: float) -> TrainingFailed:
    """The failure for a loss that is NaN or infinite at `step`."""
    return TrainingFailed(
        f"The training failed at step {step}: the loss became {value}.",
        "Lower the learning rate (a fifth is a good try), keep gradient clipping on, or choose fp32 precision.",
    )


def killed(rank: int, *, again: bool) -> dict[str, Any]:
    """The outcome of a training of several processes when the system killed one; `again`: to be tried once more."""
    outcome = {
        "state": "failed",
        "message": f"Process {rank + 1} of the training was killed by the system, most likely because memory ran out.",
        "remedy": KILLED_REMEDY,
    }
    return outcome | ({"again": True} if again else {})


def explain(error: BaseException, folder: Path, step: int) -> LabError:
    """A `LabError` for any exception of a training in `folder`: memory and disk by name, others by their first line."""
    if isinstance(error, LabError):
        return error
    text = str(error)
    where = f"at step {step}" if step else "before the first step"
    if is_out_of_memory(error):
        return LabError(
            f"The training ran out of memory {where}.",
            "Choose a smaller batch size, more accumulation or a smaller maximum length, or let it retry in smaller "
            "parts; then start it again.",
        )
    if isinstance(error, UnpicklingError):  # torch's own message tells how to load it all the same
        return LabError(
            f"The training failed {where}: its checkpoint holds program code and was not loaded.",
            "Start a new run. If you did not put it there, distrust the folder of this run.",
        )
    full = isinstance(error, OSError) and is_full(error)
    if full or "No space left" in text or _is_nearly_full(folder):
        return LabError(
            f"The disk is full: the training could not write its files {where}.",
            "Make room (runs and uploads can be deleted on their pages), then resume: its last checkpoint is kept.",
        )
    return LabError(
        f"The training failed {where}: {type(error).__name__}: {first_line(error)}", "Look at the end of its log."
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a training failed for want of memory, on a card or the processor."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    lowered = str(error).lower()
    return any(words in lowered for words in _WANT_OF_MEMORY)


def _is_nearly_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < _FEW_BYTES
    except OSError:
        return False
