"""The settings of a plan that a person turns: in groups, with limits for model and device, to a short text and back.

Everything said about one of them stands in its field in `core.training.plan.plan`; here only which belong together.
"""

import math
from collections.abc import Collection, Mapping
from typing import Any

from core.errors import LabError
from core.training.estimate.shapes import Shape
from core.training.estimate.speeds import Device
from core.training.plan.combinations import is_used
from core.training.plan.plan import FIELDS
from core.training.plan.refusals import all_frozen, beyond, shared_layers
from core.training.plan.settings import Setting, check, default_of, kind

GROUPS: dict[str, tuple[str, ...]] = {
    "Learning": (
        "epochs", "learning_rate", "scheduler", "warmup_share", "weight_decay", "max_gradient_norm", "label_smoothing",
        "class_weights", "early_stopping", "early_stopping_threshold", "seed",
    ),
    "Memory and speed": (
        "batch_size", "accumulation", "max_length", "truncation", "window_overlap", "precision", "compile", "processes",
    ),
    "What is trained": ("frozen_layers", "lora_rank", "lora_alpha", "from_scratch"),
    "Language": ("mask_share", "whole_words", "next_sentence"),
    "Records": ("evaluations_per_epoch", "checkpoint_seconds", "retry_on_memory"),
}  # fmt: skip
OF_THE_MODEL = ("max_length", "frozen_layers", "lora_rank")  # what a model limits
_OF_THE_MACHINE = ("processes",)


def editable(task: str, settings: Mapping[str, Any]) -> dict[str, tuple[Setting, ...]]:
    """The settings that a training of this task uses, by group; those that mean nothing under `settings` left out."""
    groups = {
        title: tuple(FIELDS[name] for name in names if is_used(FIELDS[name], {**settings, "task": task}))
        for title, names in GROUPS.items()
    }
    return {title: items for title, items in groups.items() if items}


def defaults(task: str) -> dict[str, Any]:
    """Every setting that a training of this task may use, as a plan has it when nobody has turned it."""
    names = (name for group in GROUPS.values() for name in group)
    return {name: FIELDS[name].default for name in names if task in FIELDS[name].metadata.get("tasks", (task,))}


def limits(item: Setting, shape: Shape, device: Device | None) -> tuple[float, float]:
    """The lowest and the highest value of a number: as the plan has it, or as model and device allow."""
    low, high = item.metadata["low"], item.metadata["high"]
    if item.name == "max_length":
        high = min(high, shape.longest)
    elif item.name == "frozen_layers":
        high = min(high, shape.layers)
    elif item.name == "lora_rank":
        high = min(high, shape.width)  # of more, two small matrices are larger than the one they stand for
    elif item.name == "processes" and device is not None:
        high = min(high, device.count if device.kind == "cuda" else device.cores)
    return low, high


def step(item: Setting) -> float:
    """By how much one click changes a number: one for whole numbers, else the size of its first digit."""
    if kind(item) is int:
        return 1
    return 10.0 ** math.floor(math.log10(default_of(item) or item.metadata["high"]))


def written(item: Setting, value: Any) -> str:
    """A value as people read it.

    >>> written(FIELDS["learning_rate"], 5e-5), written(FIELDS["scheduler"], "cosine_with_restarts")
    ('5e-5', 'cosine with restarts')
    """
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str):
        return value.replace("_", " ")
    if isinstance(value, int):
        return f"{value:,}"
    if 0 < value < 1e-3:
        digits, power = f"{value:.3e}".split("e")
        return f"{float(digits):g}e{int(power)}"
    return f"{value:,g}"


def to_text(changes: Mapping[str, Any]) -> str:
    """Changed settings as one short text, for an address: “epochs:4.0,scheduler:cosine”."""
    return ",".join(f"{name}:{value}" for name, value in sorted(changes.items()))


def from_text(text: str, *, taken: Collection[str] = ()) -> dict[str, Any]:
    """The reverse of `to_text`. Raises `LabError` for settings that nobody turns, that are changed twice (or `taken`
    already), and for values out of their limits."""
    changes: dict[str, Any] = {}
    known = {name for names in GROUPS.values() for name in names}
    for entry in filter(None, text.split(",")):
        name, _, value = entry.partition(":")
        if name not in known:
            raise LabError(f"There is no setting “{name[:80]}” to change.", "Leave it out of the address.")
        if name in changes or name in taken:
            raise LabError(f"{FIELDS[name].metadata['title']} is changed twice.", "Leave one out of the address.")
        changes[name] = _value(FIELDS[name], value)
        check(FIELDS[name], changes[name])
    return changes


def checked(changes: Mapping[str, Any], shape: Shape, device: Device | None) -> dict[str, Any]:
    """The changes, when model and device allow them all; without a device, when the model does.

    Raises `LabError` for the first that is out of its limits.
    """
    for name, value in changes.items():
        if name not in OF_THE_MODEL and (device is None or name not in _OF_THE_MACHINE):
            continue
        _, high = limits(FIELDS[name], shape, device)
        if value > high:
            raise beyond(FIELDS[name], value, high, of_model=name in OF_THE_MODEL)
    if device is not None and changes.get("precision") == "fp16" and device.kind == "cpu":
        raise LabError("fp16 needs a graphics card.", "Choose auto, bf16 or fp32.")
    if changes.get("frozen_layers") and shape.distinct < shape.layers:
        raise shared_layers()
    if changes.get("lora_rank") and changes.get("frozen_layers") == shape.layers:
        raise all_frozen()
    return dict(changes)


def _value(item: Setting, text: str) -> Any:
    """A value as it stands in an address; what cannot be read stays a text, which the check refuses by its title."""
    wanted = kind(item)
    if wanted is bool:
        return {"True": True, "False": False}.get(text, text)
    try:
        return text if wanted is None else wanted(text)
    except ValueError:
        return text
