"""Removes what was cut short and left behind: half a removal, half a write, checkpoints of finished runs.

Leaves alone what changed within a day: no write and no removal takes so long, so nobody is at work on the rest.
"""

import contextlib
import os
import shutil
import time
from pathlib import Path

from core.runs.folder import CHECKPOINTS, list_runs
from core.runs.status import STATUS, read_json
from core.workspace import STAGED, remove_folder, runs_directory, workspace

AGE_SECONDS = 86_400.0


def clean_up() -> None:
    """Clean up the whole workspace. What cannot be removed stays; that is no error."""
    for doomed in runs_directory().glob(".removing-*"):
        if _is_old(doomed):
            shutil.rmtree(doomed, ignore_errors=True)
    for run in list_runs():  # of which a supervisor that was killed could not remove the checkpoints
        if read_json(run.path / STATUS).get("state") == "finished" and _is_old(run.path / STATUS):
            with contextlib.suppress(OSError):
                remove_folder(run.path / CHECKPOINTS)
    for folder, _, names in os.walk(workspace()):
        for path in (Path(folder, name) for name in names if STAGED.fullmatch(name)):
            if _is_old(path):
                with contextlib.suppress(OSError):
                    path.unlink()


def _is_old(path: Path) -> bool:
    """By the last change of the file or of its name; what is gone meanwhile is not."""
    try:
        return time.time() - path.lstat().st_ctime > AGE_SECONDS
    except OSError:
        return False
