"""What every executor does before it hands a run over. Starts nothing."""

import contextlib
import os
from collections.abc import Iterator

from core.errors import LabError
from core.runs.device_lock import try_lock_file
from core.runs.folder import LAUNCH_LOCK, OUTCOME, STOP, Run
from core.runs.status import SLURM, write_status
from core.workspace import PROJECT_ROOT, workspace


@contextlib.contextmanager
def launching(run: Run) -> Iterator[None]:
    """Hold the run while it is handed over: in state "queued", and without what an earlier life left behind.

    Raises `LabError` when the run is active or deleted, or another program is handing it over.
    """
    if not run.path.is_dir():
        raise LabError("This run was deleted meanwhile.", "Choose another one, or start a new run.")
    held = try_lock_file(run.path / LAUNCH_LOCK)
    if held is None:
        raise LabError("This run is being started already.", "Wait a moment.")
    try:
        was_launched = (run.path / "supervisor.json").exists() or (run.path / SLURM).exists()
        if was_launched and run.status().is_active:
            raise LabError("This run is active already.", "Wait until it has ended, or stop it first.")
        for leftover in (STOP, OUTCOME, "supervisor.json", SLURM):
            (run.path / leftover).unlink(missing_ok=True)
        write_status(run.path, "queued")
        yield
    finally:
        os.close(held)


def environment() -> dict[str, str]:
    """What a process of the core has to find in its environment, wherever it runs: the code and the workspace."""
    path = os.pathsep.join(filter(None, (str(PROJECT_ROOT), os.environ.get("PYTHONPATH"))))
    return {"PYTHONPATH": path, "BERTLAB_WORKSPACE": str(workspace())}
