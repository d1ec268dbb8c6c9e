"""Where a training goes on from: the newest sound checkpoint, and a run folder that holds nothing from after it."""

from pathlib import Path

from core.errors import LabError
from core.runs.events import EventWriter, forget_after
from core.runs.folder import CHECKPOINTS
from core.runs.status import read_json
from core.training.batches.examples import Prepared
from core.training.plan.plan import Plan
from core.training.run import checkpoints, records
from core.training.run.trainer import LAB_STATE


def find_checkpoint(folder: Path, plan: Plan, prepared: Prepared) -> Path | None:
    """The checkpoint that the run in `folder` continues from; tidies up, and tells what it found.

    Raises `LabError` when plan or data are no longer those that the checkpoint belongs to.
    """
    saved = folder / CHECKPOINTS
    checkpoints.clear_leftovers(folder)  # of a model that was being saved
    checkpoints.clear_leftovers(saved)
    had_checkpoints = bool(checkpoints.list_checkpoints(saved))
    with EventWriter(folder) as events:
        checkpoint = checkpoints.newest_sound(
            saved,
            on_damage=lambda path, reason: events.note(
                f"The checkpoint of step {checkpoints.step_of(path)} is damaged ({reason}) and is not used."
            ),
        )
    if checkpoint is not None:
        _check_unchanged(checkpoint, plan, prepared)
    records.write_data(folder, plan, prepared)
    is_due = checkpoint is not None and read_json(checkpoint / LAB_STATE).get("evaluation_due") is True
    step = 0 if checkpoint is None else checkpoints.step_of(checkpoint)
    forget_after(folder, step, again="evaluation" if is_due else "")
    with EventWriter(folder) as events:  # opened again, as the file may be another one now
        if checkpoint is not None:
            events.note(f"Continued from the checkpoint of step {checkpoints.step_of(checkpoint)}.")
        elif had_checkpoints:
            events.note("No sound checkpoint is left: the training starts again from its beginning.")
        else:
            for notice in prepared.notices:
                events.note(notice)
    return checkpoint


def _check_unchanged(checkpoint: Path, plan: Plan, prepared: Prepared) -> None:
    state = read_json(checkpoint / LAB_STATE)
    changes = Plan.of_record(state["plan"]).differences(plan)
    if state["content_hash"] != prepared.content_hash:
        changes.append("the content of the data file")
    if changes:
        raise LabError(
            f"The plan was changed since this run was interrupted ({'; '.join(changes)}), so it cannot continue.",
            "Start a new run with the changed plan, or undo the change and resume.",
        )
