"""The plan of a training: every setting, documented and checked at birth, to YAML and back. Trains nothing."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import yaml

from core.data.column_mapping import ColumnMapping
from core.data.decisions.preparation import Preparation
from core.data.reading.read_table import ReadOptions
from core.errors import LabError, first_line
from core.tasks import FIRST, TASKS, spec_of, tasks_using
from core.training.plan import strict_yaml
from core.training.plan.combinations import check_combinations
from core.training.plan.settings import check, from_text, is_required, setting, to_text

PRECISIONS = ("auto", "fp32", "bf16", "fp16")
SCHEDULERS = ("linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup")
TRUNCATIONS = ("longest", "first", "second")
CLASS_WEIGHTS = ("none", "balanced")
_NOT_COMPARED = ("name", "checkpoint_seconds", "retry_on_memory")  # may be changed before a run is resumed


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that decides a training. Raises `LabError` for a setting out of its limits, a missing column, and settings
    that cannot go together.

    What is left out has the default that stands here, the same for all data and models: a plan says the same wherever
    it is read. `forms.presets.plan_from_preset` fits the settings to data, model and machine instead, as the
    page and the command line do. What depends on model and machine is checked by `launch`.

    `dataclasses.fields(Plan)` carry `title`, `help`, for numbers `low` and `high`, for texts `choices`, `tasks` where
    only some tasks use a setting, and `needs` where another setting gives it its meaning, in their metadata.

    >>> Plan(data="sample:reviews", text_column="text", label_column="label").epochs
    3.0
    """

    data: str = setting("Data", "A sample (“sample:reviews”), an upload (“upload:…”) or the path of a file.")
    text_column: str = setting(
        "Text column",
        "The column of the text; for tags that of the words, for answers the question, for choices the beginning.",
    )
    label_column: str | None = setting(
        "Label column", "The column of what is learned: label, labels, score, tags, answer or right choice.", None
    )
    pair_column: str | None = setting(
        "Second text column", "For pairs the second text, for answers the context, for choices the question.", None
    )
    label_columns: tuple[str, ...] = setting(
        "Label columns", "Several labels as columns of 0 and 1, one for each label, instead of one label column.",
        (), tasks=tasks_using("label_columns"),
    )  # fmt: skip
    label_separator: str | None = setting(
        "Label separator", "What parts the labels in one cell; without it white space or a JSON list.",
        None, tasks=tasks_using("label_separator"), needs="label_column",
    )  # fmt: skip
    choice_columns: tuple[str, ...] = setting(
        "Choice columns", "The columns of the choices, in order.", (), tasks=tasks_using("choice_columns")
    )
    answer_start_column: str | None = setting(
        "Answer start column", "Where the answer begins in the context, in characters from 0.",
        None, tasks=tasks_using("answer_start_column"),
    )  # fmt: skip
    reading: ReadOptions = field(
        default_factory=ReadOptions,
        metadata={"title": "Reading", "help": "Encoding, delimiter and header; what is not set is detected."},
    )
    preparation: str = setting(
        "Preparation", "Corrections, fixes, splits and names of labels decided on the page Datasets, as JSON.", ""
    )
    test_data: str | None = setting("Test file", "Rows to score at the end. Without it, 10 % are held out.", None)
    validation_data: str | None = setting(
        "Validation file", "Rows to choose the best moment by. Without it, 10 % are held out.", None
    )
    task: str = setting(
        "Task",
        "What is learned: a label, several, a score, tags, answers, choices, the language.",
        FIRST,
        choices=TASKS,
    )
    model: str = setting("Model", "What to start from: “builtin”, a run, a folder or a Hub name.", "builtin")
    name: str = setting("Name", "How the run is called in lists.", "")
    epochs: float = setting("Epochs", "How often every text is seen. 2 to 4 is usual.", 3.0, low=0.01, high=1000.0)
    batch_size: int = setting(
        "Batch size", "Texts per step, over all devices: 8 to 64 is usual. More is steadier and needs more memory.",
        32, low=1, high=4096,
    )  # fmt: skip
    accumulation: int = setting(
        "Accumulation",
        "In how many parts a batch is worked off: 1 unless memory is short. It changes the result hardly.",
        1, low=1, high=1024,
    )  # fmt: skip
    learning_rate: float = setting(
        "Learning rate",
        "The size of a step: 2e-5 to 5e-5 for large models, up to 2e-4 for small ones, 4e-4 to 1e-3 with LoRA.",
        5e-5, low=1e-8, high=0.01,
    )  # fmt: skip
    scheduler: str = setting(
        "Schedule", "How the learning rate falls after the warm-up: along a line, a cosine, or not at all.",
        SCHEDULERS[0], choices=SCHEDULERS,
    )  # fmt: skip
    warmup_share: float = setting(
        "Warm-up", "The share of steps over which the learning rate rises from zero: 0.05 to 0.1 is usual.",
        0.1, low=0.0, high=0.5,
    )  # fmt: skip
    max_length: int = setting(
        "Maximum length",
        "Tokens per text: 128 for sentences, 512 for pages. Longer texts are cut; short texts cost nothing.",
        128, low=4, high=8192,
    )  # fmt: skip
    truncation: str = setting(
        "Truncation", "Which text of a pair is cut when both are too long together.",
        TRUNCATIONS[0], choices=TRUNCATIONS, tasks=tasks_using("truncation"),
        needs="pair_column",
    )  # fmt: skip
    window_overlap: int = setting(
        "Window overlap",
        "Tokens that neighbouring windows of a long context share: a third of the length is usual, half the most.",
        64, low=0, high=4096, tasks=tasks_using("window_overlap"),
    )  # fmt: skip
    weight_decay: float = setting(
        "Weight decay", "How strongly weights are pulled to zero: 0 to 0.1 is usual. Biases and LayerNorms never are.",
        0.01, low=0.0, high=1.0,
    )  # fmt: skip
    max_gradient_norm: float = setting(
        "Gradient clipping", "Longer gradients are shortened to this length: 1 is usual, 0 turns it off.",
        1.0, low=0.0, high=1000.0,
    )  # fmt: skip
    label_smoothing: float = setting(
        "Label smoothing", "The share of certainty taken from the right label: 0.1 makes a model less sure of itself.",
        0.0, low=0.0, high=0.9, tasks=tasks_using("label_smoothing"),
    )  # fmt: skip
    class_weights: str = setting(
        "Class weights", "“balanced” lets rare labels count more: each label as much as any other in all.",
        CLASS_WEIGHTS[0], choices=CLASS_WEIGHTS, tasks=tasks_using("class_weights"),
    )  # fmt: skip
    early_stopping: int = setting(
        "Early stopping", "Stop after so many evaluations without a better one: 2 to 8 is usual, 0 trains to the end.",
        0, low=0, high=1000,
    )  # fmt: skip
    early_stopping_threshold: float = setting(
        "Least gain",
        "For early stopping a score is better when it has gained this: 0.001 is a tenth of a percentage point. With 0, "
        "any gain counts.",
        0.001, low=0.0, high=1.0, needs="early_stopping",
    )  # fmt: skip
    frozen_layers: int = setting(
        "Frozen layers",
        "So many of the lowest layers, and the embeddings, stay as they are: faster, less learned. Half is usual.",
        0, low=0, high=1000,
    )  # fmt: skip
    lora_rank: int = setting(
        "LoRA rank",
        "Train small matrices of this rank, 8 to 32, beside the weights (Hu et al. 2021); 0 trains all weights.",
        0, low=0, high=1024,
    )  # fmt: skip
    lora_alpha: float = setting(
        "LoRA alpha", "How much the small matrices count: alpha over rank. Twice the rank is usual.",
        16.0, low=0.01, high=2048.0, needs="lora_rank",
    )  # fmt: skip
    from_scratch: bool = setting(
        "From scratch", "Begin with random weights in the model's shape.", False, tasks=tasks_using("from_scratch")
    )
    mask_share: float = setting(
        "Share of hidden tokens",
        "0.15 as in BERT is usual. Of these 80 % become [MASK], 10 % another token, 10 % stay; of whole words all.",
        0.15, low=0.01, high=0.9, tasks=tasks_using("mask_share"),
    )  # fmt: skip
    whole_words: bool = setting(
        "Whole words", "Hide all tokens of a word together: harder, and often better.",
        False, tasks=tasks_using("whole_words"),
    )  # fmt: skip
    next_sentence: bool = setting(
        "Next sentence", "Learn also whether two parts belong together, as BERT did.",
        False, tasks=tasks_using("next_sentence"),
    )  # fmt: skip
    seed: int = setting(
        "Seed", "Start of all chance: the same seed gives the same run on the same machine.", 42, low=0, high=2**32 - 1
    )
    precision: str = setting(
        "Precision", "auto takes bf16 where the processor or card computes it natively.", "auto", choices=PRECISIONS
    )
    processes: int = setting(
        "Devices", "Graphics cards that share each batch; on a processor, processes.", 1, low=1, high=1024
    )
    compile: bool = setting("Compile", "torch.compile: a slow start, then faster steps on graphics cards.", False)
    evaluations_per_epoch: int = setting(
        "Evaluations per epoch", "How often the validation rows are scored: 1 to 8 is usual.", 2, low=1, high=100
    )
    checkpoint_seconds: float = setting(
        "Seconds between checkpoints",
        "At evaluations, but not more often than this: 30 to 600 is usual. Where those are rare, every ten minutes.",
        30.0, low=0.0, high=86400.0,
    )  # fmt: skip
    retry_on_memory: bool = setting(
        "Retry when memory runs out", "When the memory runs out, go on in twice as many parts of a batch.", False
    )

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            check(item, getattr(self, item.name))
        Preparation.from_json(self.preparation)
        if missing := self.mapping().missing():
            names = ", ".join(role.setting for role in missing)
            options = ", ".join(f"--{role.setting.replace('_', '-')}" for role in missing)
            raise LabError(
                f"The plan lacks a column for {', '.join(role.title.lower() for role in missing)}.",
                f"Set {names} (on the command line {options}).",
            )
        check_combinations(self)

    def mapping(self) -> ColumnMapping:
        """The columns as parts of the task, with order and names of labels from the preparation where it has them.

        Raises `LabError` when a column is chosen twice or for a part that the task does not have.
        """
        settings = spec_of(self.task).column_settings()
        columns = {role: getattr(self, name) for role, name in settings.items()}
        if self.label_columns:
            if self.label_column is not None:
                raise LabError("Both a label column and label columns are set.", "Set one of the two.")
            if len(self.label_columns) == 1:
                raise LabError(
                    "Only one label column is named.",
                    "Name one for each of two or more labels; one that holds all labels of a row is the label column.",
                )
            columns["labels"] = self.label_columns
        for name in ("pair_column", "label_column"):
            if getattr(self, name) is not None and name not in settings.values():
                raise LabError(f"The task {self.task} has no {name.replace('_', ' ')}.", "Leave it out.")
        chosen = [name for each in columns.values() for name in ((each,) if isinstance(each, str) else each or ())]
        if len(set(chosen)) < len(chosen):
            raise LabError("The same column is chosen twice.", "Choose a different column for each part.")
        mapping = dataclasses.replace(ColumnMapping.of(self.task, **columns), separator=self.label_separator)
        kept = Preparation.from_json(self.preparation).mapping
        if kept is not None and (kept.task, kept.columns) == (mapping.task, mapping.columns):
            return dataclasses.replace(mapping, label_order=kept.label_order, label_titles=kept.label_titles)
        return mapping

    def to_yaml(self) -> str:
        """The plan as YAML, in the order of the fields; `Plan.from_yaml` gives an equal plan."""
        values = {item.name: to_text(getattr(self, item.name)) for item in dataclasses.fields(self)}
        values["reading"] = self.reading.to_dict()
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)

    @classmethod
    def from_yaml(cls, text: str) -> "Plan":
        """Read a plan; settings left out take their defaults. Raises `LabError` for anything that is no plan."""
        return cls(**_settings_in(text))

    @classmethod
    def of_record(cls, text: str) -> "Plan":
        """The plan of a run that exists, as it began: also with settings that no new plan would be given any more.

        Raises `LabError` for what is no plan, and for values of the wrong type.
        """
        settings = _settings_in(text)
        plan = object.__new__(cls)
        for item in dataclasses.fields(cls):
            value = settings.get(item.name, item.default)
            check(item, value, within_limits=False)
            object.__setattr__(plan, item.name, value)
        return plan

    def differences(self, other: "Plan") -> list[str]:
        """What a training would notice between two plans, as “setting: here → there”. Names are not compared."""
        ours, theirs = dataclasses.asdict(self), dataclasses.asdict(other)
        changed = [key for key in ours if key not in _NOT_COMPARED and ours[key] != theirs[key]]
        long = {"preparation": "preparation: other corrections, fixes, splits or names of labels"}
        return [long.get(key, f"{key}: {ours[key]} → {theirs[key]}") for key in changed]


FIELDS: dict[str, dataclasses.Field] = {item.name: item for item in dataclasses.fields(Plan)}


def columns_of(mapping: ColumnMapping) -> dict[str, Any]:
    """The settings of a plan that name the columns of a mapping, and its task: the reverse of `Plan.mapping`."""
    settings: dict[str, Any] = {"task": mapping.task}
    for name, columns in mapping.columns:
        role = spec_of(mapping.task).role(name)
        first, *others = columns
        own = role.list_setting if role.list_setting and others else role.setting
        settings[own] = columns if own.endswith("_columns") else first
    if mapping.separator is not None:
        settings["label_separator"] = mapping.separator
    return settings


def _settings_in(text: str) -> dict[str, Any]:
    """The settings in a YAML text by their names, unchecked; all that have no default are there. Raises `LabError`."""
    values = strict_yaml.parse(text)
    if not isinstance(values, dict):
        raise LabError("The plan is not a list of settings.", "Write one “setting: value” per line.")
    known = {item.name: item for item in dataclasses.fields(Plan)}
    if unknown := [str(key) for key in values if key not in known]:
        raise LabError(f"The plan has no setting “{unknown[0][:80]}”.", f"The settings are: {', '.join(known)}.")
    required = [name for name, item in known.items() if is_required(item) and name not in values]
    if required:
        raise LabError(f"The plan lacks: {', '.join(required)}.", "Add each as “setting: value”.")
    values["reading"] = _reading(values.get("reading"))
    strict_yaml.check_json(str(values.get("preparation") or ""))
    return {name: from_text(known[name], value) for name, value in values.items()}


def _reading(value: Any) -> ReadOptions:
    try:
        return ReadOptions.from_dict(value or {})
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        message = f"The plan's reading options are not understood: {first_line(error)}"
        raise LabError(message, "Leave “reading” out: the file's form is detected.") from error
