"""The plan of a training: every setting, documented and checked at birth, to YAML and back. Trains nothing."""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

import yaml

from core.data.preparation import Preparation
from core.data.reading import ReadOptions
from core.errors import LabError, first_line

TASKS = ("sequence-classification",)
PRECISIONS = ("auto", "fp32", "bf16")


def _setting(title: str, help: str, default: Any = dataclasses.MISSING, **limits: Any) -> Any:
    """A dataclass field that carries what a page shows beside it: title, help, and low and high where it has limits."""
    return field(default=default, metadata={"title": title, "help": help, **limits})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that decides a training. Raises `LabError` when a setting is out of range.

    `dataclasses.fields(Plan)` carry `title`, `help` and, for numbers, `low` and `high` in their metadata.

    >>> Plan(data="sample:reviews", text_column="text", label_column="label").epochs
    3.0
    """

    data: str = _setting("Data", "A sample (“sample:reviews”), an upload (“upload:…”) or the path of a file.")
    text_column: str = _setting("Text column", "The column that holds the text; with pairs, the first of the two.")
    label_column: str = _setting("Label column", "The column that holds the answer to learn.")
    pair_column: str | None = _setting("Second text column", "Only for pairs: the column of the second text.", None)
    reading: ReadOptions = field(
        default_factory=ReadOptions,
        metadata={"title": "Reading", "help": "Encoding, delimiter and header; what is not set is detected."},
    )
    preparation: str = _setting(
        "Preparation", "Corrections, fixes, splits and names of labels decided on the page Datasets, as JSON.", ""
    )
    test_data: str | None = _setting("Test file", "Rows to score at the end. Without it, 10 % are held out.", None)
    validation_data: str | None = _setting(
        "Validation file", "Rows to choose the best moment by. Without it, 10 % are held out.", None
    )
    task: str = _setting("Task", "What is learned: one label for each text or pair.", TASKS[0], choices=TASKS)
    model: str = _setting("Model", "What to start from: “builtin”, a run, a folder or a Hub name.", "builtin")
    name: str = _setting("Name", "How the run is called in lists.", "")
    epochs: float = _setting("Epochs", "How often every text is seen. 2 to 4 is usual.", 3.0, low=0.01, high=1000.0)
    batch_size: int = _setting(
        "Batch size", "Texts per step. More is steadier and needs more memory.", 32, low=1, high=4096
    )
    learning_rate: float = _setting(
        "Learning rate", "The size of a step: 2e-5 to 5e-5 for large models, up to 2e-4 for small ones.",
        5e-5, low=1e-8, high=1.0,
    )  # fmt: skip
    max_length: int = _setting(
        "Maximum length", "Word pieces per text; longer texts are cut. Short texts cost nothing.", 128, low=4, high=8192
    )
    warmup_share: float = _setting(
        "Warm-up", "The share of steps over which the learning rate rises from zero.", 0.1, low=0.0, high=1.0
    )
    weight_decay: float = _setting("Weight decay", "How strongly weights are pulled to zero.", 0.01, low=0.0, high=1.0)
    max_gradient_norm: float = _setting(
        "Gradient clipping", "Longer gradients are shortened to this length; 0 turns it off.", 1.0, low=0.0, high=1000.0
    )
    seed: int = _setting(
        "Seed", "Start of all chance: the same seed gives the same run on the same machine.", 42, low=0, high=2**32 - 1
    )
    precision: str = _setting(
        "Precision", "auto takes bf16 where the processor or card computes it natively.", "auto", choices=PRECISIONS
    )
    evaluations_per_epoch: int = _setting(
        "Evaluations per epoch", "How often the validation rows are scored.", 2, low=1, high=100
    )
    checkpoint_seconds: float = _setting(
        "Seconds between checkpoints", "At evaluations, but not more often than this. 0 saves at each.",
        30.0, low=0.0, high=86400.0,
    )  # fmt: skip

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            _check(item, getattr(self, item.name))
        Preparation.from_json(self.preparation)
        columns = [self.text_column, self.label_column, *([self.pair_column] if self.pair_column is not None else [])]
        if len(set(columns)) < len(columns):
            raise LabError("The same column is chosen twice.", "Choose different columns for text, pair and label.")

    def to_yaml(self) -> str:
        """The plan as YAML, in the order of the fields; `Plan.from_yaml` gives an equal plan."""
        values = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        values["reading"] = self.reading.to_dict()
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)

    @classmethod
    def from_yaml(cls, text: str) -> "Plan":
        """Read a plan; settings left out take their defaults. Raises `LabError` for anything that is no plan."""
        try:
            values = yaml.safe_load(text)
        except (yaml.YAMLError, RecursionError) as error:
            raise LabError(f"The plan is not valid YAML: {first_line(error)}", "Correct the file.") from error
        if not isinstance(values, dict):
            raise LabError("The plan is not a list of settings.", "Write one “setting: value” per line.")
        known = {item.name: item for item in dataclasses.fields(cls)}
        if unknown := [str(key) for key in values if key not in known]:
            raise LabError(f"The plan has no setting “{unknown[0][:80]}”.", f"The settings are: {', '.join(known)}.")
        required = [name for name, item in known.items() if _is_required(item) and name not in values]
        if required:
            raise LabError(f"The plan lacks: {', '.join(required)}.", "Add each as “setting: value”.")
        values["reading"] = _reading(values.get("reading"))
        return cls(**{name: _from_text(known[name], value) for name, value in values.items()})

    def differences(self, other: "Plan") -> list[str]:
        """What a training would notice between two plans, as “setting: here → there”. Names are not compared."""
        ours, theirs = dataclasses.asdict(self), dataclasses.asdict(other)
        ignored = ("name", "checkpoint_seconds")
        changed = [key for key in ours if key not in ignored and ours[key] != theirs[key]]
        long = {"preparation": "preparation: other corrections, fixes, splits or names of labels"}
        return [long.get(key, f"{key}: {ours[key]} → {theirs[key]}") for key in changed]


def _check(item: dataclasses.Field, value: Any) -> None:
    title, expected = item.metadata["title"], _kind(item)
    is_optional = "None" in str(item.type)
    if value is None and is_optional:
        return
    number_fits = expected is float and isinstance(value, int)
    if isinstance(value, bool) or not (isinstance(value, expected) or number_fits):
        kind = {str: "a text", int: "a whole number", float: "a number"}.get(expected, expected.__name__)
        raise LabError(f"{title} must be {kind}; it is “{str(value)[:80]}”.", "Put texts in quotes, numbers without.")
    if choices := item.metadata.get("choices"):
        if value not in choices:
            raise LabError(f"{title} cannot be “{value[:80]}”.", f"Choose one of: {', '.join(choices)}.")
    elif "low" in item.metadata:
        low, high = item.metadata["low"], item.metadata["high"]
        if not math.isfinite(value) or not low <= value <= high:
            raise LabError(f"{title} must lie between {low:g} and {high:g}; it is {value:g}.", "Choose another value.")
    elif expected is str and ("\0" in value or ((_is_required(item) or is_optional) and not value.strip())):
        raise LabError(f"{title} is empty.", item.metadata["help"])


def _kind(item: dataclasses.Field) -> type:
    if item.name == "reading":
        return ReadOptions
    name = str(item.type)
    return int if "int" in name else float if "float" in name else str


def _is_required(item: dataclasses.Field) -> bool:
    return item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING


def _reading(value: Any) -> ReadOptions:
    try:
        return ReadOptions.from_dict(value or {})
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        message = f"The plan's reading options are not understood: {first_line(error)}"
        raise LabError(message, "Leave “reading” out: the file's form is detected.") from error


def _from_text(item: dataclasses.Field, value: Any) -> Any:
    """YAML takes 5e-5 (without a point) for a text; a number is meant."""
    if _kind(item) in (int, float) and isinstance(value, str):
        try:
            return _kind(item)(value)
        except ValueError:
            return value  # refused by the check, with its title
    return value
