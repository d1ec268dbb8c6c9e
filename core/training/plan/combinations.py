"""Which settings of a plan go together: what would have no effect, or cannot work, is refused, by the settings alone.

What depends on the model and the machine stands in `core.training.forms.editable`.
"""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.errors import LabError
from core.tasks import TASKS
from core.training.plan.settings import Setting

if TYPE_CHECKING:
    from core.training.plan.plan import Plan


def is_used(item: Setting, values: Mapping[str, Any]) -> bool:
    """Whether a training with these values, its task among them, looks at a setting at all."""
    if item.name == "warmup_share" and values.get("scheduler") == "constant":  # transformers has none there
        return False
    needed = item.metadata.get("needs")
    return values["task"] in item.metadata.get("tasks", TASKS) and (needed is None or bool(values.get(needed)))


def check_combinations(plan: "Plan") -> None:
    """Raises `LabError` for the first setting that the others leave without effect, or that cannot work with them."""
    values = {item.name: getattr(plan, item.name) for item in dataclasses.fields(plan)}
    items = {item.name: item for item in dataclasses.fields(plan)}
    for item in items.values():
        if values[item.name] != item.default and not is_used(item, values):
            _refuse_unused(item, items, values)
    if problem := uneven_batch(plan.batch_size, plan.accumulation, plan.processes):
        raise problem
    if len(plan.choice_columns) == 1:
        raise LabError("Only one column is chosen for the choices.", "Choose two or more.")
    most = plan.max_length // 2  # more is cut down to this, so that each window goes on
    if most < plan.window_overlap != items["window_overlap"].default:
        raise LabError(
            f"Window overlap is {plan.window_overlap:,}, more than half of the maximum length ({plan.max_length:,}).",
            f"Choose {most:,} or less, or a larger maximum length.",
        )
    if plan.from_scratch and (plan.frozen_layers or plan.lora_rank):
        which = "Frozen layers" if plan.frozen_layers else "LoRA rank"
        raise LabError(
            f"{which} and From scratch are both set: random weights would stay as they are.", "Set one of the two."
        )


def uneven_batch(batch_size: int, accumulation: int, processes: int) -> LabError | None:
    """Why a batch cannot be shared out evenly; None when it can."""
    parts = accumulation * processes
    if batch_size % parts == 0:
        return None
    return LabError(
        f"A batch of {batch_size:,} cannot be cut into {parts:,} equal parts (accumulation × devices).",
        f"Choose a batch size that {parts:,} divides.",
    )


def stops_nothing(early_stopping: int, evaluations: int) -> str | None:
    """What to tell about early stopping that cannot end a training of so many evaluations any sooner; None if it can.

    The first evaluation is always the best so far, and the last is the end.
    """
    if not early_stopping or early_stopping < evaluations - 1:
        return None
    return (
        f"Early stopping waits for {early_stopping:,} evaluations without a better one, and there are {evaluations:,} "
        "in all: it ends nothing sooner."
    )


def _refuse_unused(item: Setting, items: Mapping[str, Setting], values: Mapping[str, Any]) -> None:
    title = item.metadata["title"]
    tasks = item.metadata.get("tasks", TASKS)
    if values["task"] not in tasks:
        problem = f"{title} has no meaning for the task {values['task']}."
        raise LabError(problem, f"Leave it out; it belongs to: {', '.join(tasks)}.")
    if item.name == "warmup_share":
        if values["warmup_share"]:  # 0 is what there is
            raise LabError(
                "Warm-up has no meaning with the schedule constant, which has none.",
                "Leave it out, or choose constant_with_warmup.",
            )
        return
    needed = items[item.metadata["needs"]].metadata["title"]
    raise LabError(f"{title} has no meaning without {needed}.", f"Set {needed}, or leave {title} out.")
