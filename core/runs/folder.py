"""The folder of a run: the only truth about it. Starts no process and knows nothing about training.

workspace/runs/<id>/plan.yaml  data.json  row_ids.json  environment.json  status.json  events.jsonl  train.log
                    beats/  checkpoints/step-N/  model/  evaluation/
"""

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import LabError
from core.runs.device_lock import try_lock_file
from core.runs.events import read_events
from core.runs.process import wake
from core.runs.slurm_queue import cancel_waiting
from core.runs.status import BEAT, SLURM, Status, read_json, read_status, write_json, write_status
from core.workspace import (
    cannot_write,
    newest_first,
    remove_folder,
    run_folder,
    run_folders,
    run_id,
    run_name,
    runs_directory,
    write_atomically,
)

STOP = "STOP"
ROW_IDS = "row_ids.json"
OUTCOME = "outcome.json"  # what a worker leaves: state, message, remedy, and whether it wants to be tried again
CHECKPOINTS = "checkpoints"  # of a run that can go on
LAUNCH_LOCK = "launch.lock"  # held while a run is started, and while it is deleted
_LOG_TAIL_BYTES = 256_000
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Run:
    """A run on disk. Every question is answered from the folder as it is now; a deleted folder gives empty answers."""

    path: Path

    @property
    def id(self) -> str:
        """Its name in addresses and lists; see `core.workspace.run_id`."""
        return run_id(self.path)

    @property
    def name(self) -> str:
        """The name a person gave the run, or that of its folder."""
        return run_name(self.path)

    def plan_text(self) -> str:
        """The plan as YAML; empty when the folder is gone."""
        try:
            return (self.path / "plan.yaml").read_text("utf-8")
        except OSError:
            return ""

    def data(self) -> dict[str, Any]:
        """What the run learned from: name, file hash, columns, label names, and a hash of the row ids of each split."""
        return read_json(self.path / "data.json")

    def row_ids(self) -> dict[str, list[int]]:
        """The 0-based rows of each split: "train", "validation", "test". They can be millions: a file of their own."""
        return read_json(self.path / ROW_IDS) or self.data().get("row_ids", {})  # where earlier versions kept them

    def environment(self) -> dict[str, Any]:
        """Versions, device and precision of the training."""
        return read_json(self.path / "environment.json")

    def status(self) -> Status:
        """How the run is doing now."""
        return read_status(self.path)

    def wait(self, *, on_change: Callable[[Status], None] | None = None) -> Status:
        """Wait until the run has ended, calling `on_change` with every look at it; the last status."""
        while True:
            status = self.status()
            if on_change is not None:
                on_change(status)
            if not status.is_active:
                return status
            time.sleep(_POLL_SECONDS)

    def events(self) -> list[dict[str, Any]]:
        """Losses, evaluations and notes so far, in order."""
        return read_events(self.path)

    def metrics(self) -> dict[str, Any]:
        """The scores on the held-out rows (`evaluation/metrics.json`); empty before the run has finished."""
        return read_json(self.path / "evaluation" / "metrics.json")

    def log_tail(self, lines: int = 50) -> str:
        """The last lines of `train.log`."""
        try:
            with (self.path / "train.log").open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - _LOG_TAIL_BYTES))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:]) if lines > 0 else ""

    def request_stop(self) -> None:
        """Ask for a graceful stop: the worker saves what it has done and leaves. Returns at once."""
        with contextlib.suppress(FileNotFoundError):  # deleted between the two
            status = self.status()
            if status.is_active:
                (self.path / STOP).touch()
                wake(read_json(self.path / BEAT))  # a supervisor that is paused could not see it
                if status.state == "queued" and (job := read_json(self.path / SLURM).get("job")):
                    cancel_waiting(str(job))

    def file(self, name: str) -> Path:
        """The path of a file to hand out, e.g. "evaluation/predictions.csv".

        Raises `LabError` for anything outside the folder, for links (wherever they point) and for missing files.
        """
        try:
            path = self.path / name
            inside = path.resolve(strict=True).relative_to(self.path.resolve())
            if path.is_file() and inside == Path(name):
                return path
        except (OSError, ValueError, RuntimeError):
            pass
        raise LabError(f"This run has no file “{name[:100]}”.", "Choose one of the files in its folder.")


def create_run(
    plan_text: str, *, name: str = "", output: Path | None = None, records: Mapping[str, dict[str, Any]] | None = None
) -> Run:
    """Make the folder of a new run in state "queued": below `workspace/runs`, or `output` (missing or empty).

    `records`: further JSON files that belong to it from the start, by name.
    The id is made of the time, the name's plain letters and four random digits, so that two runs never share one.
    Raises `LabError` when the folder cannot be written (a full disk, for one; or half a character in the name), and
    leaves no half of it.
    """
    if output is None:
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower())[:40].strip("-")
        stamp = time.strftime("%Y%m%d-%H%M%S")
        path = runs_directory() / "-".join(part for part in (stamp, slug, secrets.token_hex(2)) if part)
    else:
        path = output.expanduser().resolve()
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            remedy = "Name a folder that is new or empty."
            if (path / "plan.yaml").is_file():
                remedy = "Name a new folder, or resume the run that is in it."
            raise LabError(f"The output folder “{path}” is not empty.", remedy)
    try:
        path.mkdir(parents=True, exist_ok=output is not None)
    except OSError as error:  # one that is there already is another's, and stays
        raise _not_started(error) from error
    try:
        write_atomically(path / "plan.yaml", plan_text)
        for file, content in ({"data.json": {"name": name}} | dict(records or {})).items():
            write_json(path / file, content)
        (path / LAUNCH_LOCK).touch()
        write_status(path, "queued")
    except (OSError, UnicodeEncodeError) as error:
        shutil.rmtree(path, ignore_errors=True)
        raise _not_started(error) from error
    return Run(path)


def _not_started(error: OSError | UnicodeEncodeError) -> LabError:
    if isinstance(error, UnicodeEncodeError):
        problem = "The name, or another text of the plan, holds half a character, which no file can keep."
        return LabError(problem, "Type it again.")
    return cannot_write(error, "the run could not be started", otherwise="Choose a folder that can be written.")


def open_run(reference: str | Path) -> Run:
    """The run with this id, or the run in this folder (a `Path`). Raises `LabError` when there is none.

    An id is never taken for a path: separators, dots, encoded characters and links are not found.
    """
    path = reference.expanduser().resolve() if isinstance(reference, Path) else run_folder(reference)
    if path is None or not (path / "plan.yaml").is_file():
        raise LabError(f"There is no run “{str(reference)[:100]}”.", "Choose one from the list of runs.")
    return Run(path)


def list_runs() -> list[Run]:
    """All runs, newest first: those in the workspace, and those that were started from it and lie elsewhere.

    Folders that are no runs, or are gone, are left out.
    """
    return [Run(plan.parent) for plan in newest_first(path / "plan.yaml" for path in run_folders().values())]


def delete_run(run: Run) -> None:
    """Remove a run and everything in it. Raises `LabError` while it is active, or when it is not in the workspace."""
    inside = open_run(run.id)  # refuses ids that are none
    if inside.path.parent != runs_directory() or inside.path.resolve() != run.path.resolve():
        raise LabError(
            f"This run lies outside the workspace, in {run.path}.",
            "Remove its folder yourself: it then leaves the list.",
        )
    held = try_lock_file(inside.path / LAUNCH_LOCK)
    if held is None:
        raise LabError("This run is being started.", "Stop it first, then delete it.")
    try:
        if inside.status().is_active:
            raise LabError("This run is still active.", "Stop it first, then delete it.")
        remove_folder(inside.path)  # gone at once from every list, also when the removal is cut short
    finally:
        os.close(held)
