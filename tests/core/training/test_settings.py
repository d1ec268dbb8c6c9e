"""Every setting of a plan: its help, its limits and its errors say the same, and none is accepted without effect."""

import re

import pytest

from core.errors import LabError
from core.tasks import SPECS, TASKS
from core.training.estimate.shapes import shape_of
from core.training.estimate.speeds import Device
from core.training.forms.editable import FIELDS, checked, defaults, limits
from core.training.plan.combinations import stops_nothing
from core.training.plan.plan import Plan
from core.training.plan.settings import in_figures, kind
from tests.core.training.test_presets import COLUMNS

NUMBERS = [item for item in FIELDS.values() if "low" in item.metadata]
HERE = Device("cpu", "fp32", flops=7e10, memory_bytes=16 * 10**9, cores=2)
TASK_OF = {item.name: item.metadata.get("tasks", TASKS)[0] for item in FIELDS.values()}
NEEDED = {"lora_alpha": {"lora_rank": 8}, "early_stopping_threshold": {"early_stopping": 2}}
# What a value needs of other settings to be possible at all.
ROOM = {
    "accumulation": {"batch_size": 4096, "precision": "fp32"}, "processes": {"batch_size": 4096},
    "window_overlap": {"max_length": 8192},
}  # fmt: skip


def plan(task: str = TASKS[0], **settings: object) -> Plan:
    return Plan(data="d", **{**COLUMNS[task], **settings})


def plan_with(name: str, value: object) -> Plan:
    return plan(TASK_OF[name], **{**NEEDED.get(name, {}), **ROOM.get(name, {}), name: value})


def number_in(text: str) -> float:
    return float(text.replace(",", ""))


@pytest.mark.parametrize("item", NUMBERS, ids=lambda item: item.name)
def test_limits_are_accepted_and_what_lies_beyond_is_refused_with_them(item) -> None:
    low, high = item.metadata["low"], item.metadata["high"]
    for value in (low, high, item.default):
        plan_with(item.name, kind(item)(value))
    step = 1 if kind(item) is int else max(high, 1.0) / 1e3
    for value in (low - step, high + step):
        with pytest.raises(LabError) as caught:
            plan_with(item.name, value)
        assert f"between {in_figures(low)} and {in_figures(high)}" in caught.value.problem
        assert f"from {in_figures(low)} to {in_figures(high)}" in caught.value.remedy
        for said in re.findall(r"from (\S+) to (\S+)\.$", caught.value.remedy)[0]:
            plan_with(item.name, kind(item)(number_in(said)))  # what the error offers is accepted


@pytest.mark.parametrize("item", NUMBERS, ids=lambda item: item.name)
def test_every_number_that_a_help_names_is_accepted(item) -> None:
    text = re.sub(r"\([^)]*\)|\d+ %", "", item.metadata["help"])  # years of papers, and shares of something else
    for said in re.findall(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?:e-\d+)?", text):
        plan_with(item.name, kind(item)(number_in(said.rstrip(","))))
    for word in ("up to half", "at most half"):
        assert word not in item.metadata["help"], "a share of something is no limit of the plan"


@pytest.mark.parametrize("model", ["builtin", "teaching", "bert-base-uncased"])
@pytest.mark.parametrize("name", ["max_length", "frozen_layers", "lora_rank", "processes"])
def test_what_model_and_machine_allow_is_what_the_error_says(name: str, model: str) -> None:
    shape = shape_of(model)
    low, high = limits(FIELDS[name], shape, HERE)
    assert checked({name: low}, shape, HERE)
    assert checked({name: high}, shape, HERE)
    with pytest.raises(LabError) as caught:
        checked({name: high + 1}, shape, HERE)
    assert FIELDS[name].metadata["title"] in caught.value.problem
    assert f"allows {high:,} at most" in caught.value.problem
    offered = number_in(re.search(r"Choose ([\d,]+) or less", caught.value.remedy)[1])
    assert checked({name: int(offered)}, shape, HERE)


def test_the_machine_has_no_say_about_a_run_elsewhere() -> None:
    assert checked({"processes": 64, "precision": "fp16"}, shape_of("builtin"), None)
    with pytest.raises(LabError, match="fp16 needs a graphics card"):
        checked({"precision": "fp16"}, shape_of("builtin"), HERE)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"learning_rate": 1.0}, "between 1e-08 and 0.01"),
        ({"warmup_share": 1.0}, "between 0 and 0.5"),
        ({"scheduler": "constant", "warmup_share": 0.2}, "Warm-up has no meaning with the schedule constant"),
        ({"lora_alpha": 8.0}, "LoRA alpha has no meaning without LoRA rank"),
        ({"truncation": "first"}, "Truncation has no meaning without Second text column"),
        ({"early_stopping_threshold": 0.01}, "Least gain has no meaning without Early stopping"),
        ({"batch_size": 10, "accumulation": 4}, "cannot be cut into 4 equal parts"),
        ({"task": "question-answering", "window_overlap": 65}, "more than half of the maximum length"),
        ({"task": "masked-language", "from_scratch": True, "frozen_layers": 1}, "random weights"),
        ({"task": "masked-language", "from_scratch": True, "lora_rank": 4}, "random weights"),
        ({"task": "multiple-choice", "choice_columns": ("x",)}, "Only one column is chosen for the choices"),
        (
            {"task": "multi-label", "label_column": None, "label_columns": ("x", "y"), "label_separator": ";"},
            "Label separator has no meaning without Label column",
        ),
        ({"mask_share": 0.3}, "has no meaning for the task"),
    ],
)
def test_a_setting_without_effect_or_that_cannot_work_is_refused(settings: dict, words: str) -> None:
    task = settings.get("task", TASKS[0])
    others = {name: value for name, value in settings.items() if name != "task"}
    with pytest.raises(LabError, match=re.escape(words)) as caught:
        plan(task, **others)
    assert caught.value.remedy.endswith(".")


@pytest.mark.parametrize("name", [name for name, item in FIELDS.items() if {"needs", "tasks"} & set(item.metadata)])
@pytest.mark.parametrize("task", TASKS)
def test_no_setting_is_accepted_where_nothing_heeds_it(name: str, task: str) -> None:
    """Alone, beside the columns of a task, each is refused unless the task itself uses it."""
    item = FIELDS[name]
    value = {bool: True, float: item.metadata.get("high"), int: item.metadata.get("low"), tuple: ("x", "y")}.get(
        kind(item)
    )
    if choices := item.metadata.get("choices"):
        value = choices[-1]
    elif kind(item) is str:
        value = ";" if name == "label_separator" else "other"
    is_used = task in item.metadata.get("tasks", TASKS) and (
        "needs" not in item.metadata or bool(COLUMNS[task].get(item.metadata["needs"]))
    )
    if is_used or name in SPECS[task].column_settings().values() or name == "label_columns":
        return
    with pytest.raises(LabError, match=f"{item.metadata['title']} has no meaning"):
        plan(task, **{name: value})


def test_what_is_said_by_default_is_no_setting_without_effect() -> None:
    for task in TASKS:
        assert plan(task, **defaults(task)) == plan(task)
    assert plan(scheduler="constant", warmup_share=0.0).warmup_share == 0.0
    assert plan("question-answering", max_length=24).window_overlap == 64  # the default gives way to a short window


@pytest.mark.parametrize(
    ("patience", "evaluations", "is_told"), [(0, 1, False), (2, 6, False), (5, 6, True), (9, 6, True)]
)
def test_early_stopping_that_can_end_nothing_is_told(patience: int, evaluations: int, is_told: bool) -> None:
    assert bool(stops_nothing(patience, evaluations)) == is_told
