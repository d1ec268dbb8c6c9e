"""What every executor does before it hands a run over. Starts nothing."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from core.errors import LabError
from core.runs.cleanup import clean_up
from core.runs.device_lock import try_lock_file
from core.runs.folder import LAUNCH_LOCK, OUTCOME, STOP, Run
from core.runs.status import BEAT, SLURM, STATUS, make_room, read_json, write_record, write_status
from core.workspace import PROJECT_ROOT, cannot_write, workspace


@contextlib.contextmanager
def nothing_left_on_failure(output: Path | None) -> Iterator[list[Path]]:
    """Remove, when what happens within raises, the folders added to the list, and those above `output` made for it.

    What was there before stays: of a folder that was empty, the empty folder.
    """
    made: list[Path] = []
    place = () if output is None else (path := output.expanduser().resolve(), *path.parents)
    missing = [each for each in place if not each.exists()]
    try:
        yield made
    except BaseException:
        for each in made:
            shutil.rmtree(each, ignore_errors=True)
        with contextlib.suppress(OSError):
            if place and not missing:
                place[0].mkdir(exist_ok=True)
            for each in missing:  # the innermost first; one that somebody else uses by now is not empty
                if each.exists():
                    each.rmdir()
        raise


@contextlib.contextmanager
def launching(run: Run) -> Iterator[None]:
    """Hold the run while it is handed over: in state "queued", and without what an earlier life left behind.

    Raises `LabError` when the run is active or deleted, when another program is handing it over, and on a full disk,
    which leaves the run as it was. What was cut short anywhere, and left alone for a day, is removed before.
    """
    clean_up()
    if not run.path.is_dir():
        raise LabError("This run was deleted meanwhile.", "Choose another one, or start a new run.")
    held = try_lock_file(run.path / LAUNCH_LOCK)
    if held is None:
        raise LabError("This run is being started already.", "Wait a moment.")
    try:
        was_launched = bool(read_json(run.path / BEAT) or read_json(run.path / SLURM))
        if was_launched and run.status().is_active:
            raise LabError("This run is active already.", "Wait until it has ended, or stop it first.")
        with _as_it_was_on_failure(run):
            for record in (OUTCOME, BEAT):  # from here on they can be written, whatever becomes of the disk
                make_room(run.path / record)
            for leftover in (STOP, SLURM):
                (run.path / leftover).unlink(missing_ok=True)
            write_status(run.path, "queued")
            yield
    finally:
        os.close(held)


@contextlib.contextmanager
def _as_it_was_on_failure(run: Run) -> Iterator[None]:
    before = read_json(run.path / STATUS)
    try:
        yield
    except OSError as error:
        problem = cannot_write(error, "the run could not be started", otherwise="Look at the end of its log.")
        with contextlib.suppress(OSError):
            if before.get("state") == "queued":  # a new one, which nobody will look after
                write_status(run.path, "failed", message=problem.problem, remedy=problem.remedy)
            else:
                write_record(run.path / STATUS, before)
        raise problem from error


def environment() -> dict[str, str]:
    """What a process of the core has to find in its environment, wherever it runs: the code and the workspace."""
    path = os.pathsep.join(filter(None, (str(PROJECT_ROOT), os.environ.get("PYTHONPATH"))))
    return {"PYTHONPATH": path, "BERTLAB_WORKSPACE": str(workspace())}
