"""Presets and knobs: complete, valid for every task, faithful to their names; settings to a short text and back."""

import dataclasses
import math

import pytest

from core.errors import LabError
from core.tasks import SPECS, TASKS
from core.training.estimate.estimate import estimate, schedule
from core.training.estimate.shapes import shape_of
from core.training.estimate.speeds import Device
from core.training.estimate.token_lengths import Lengths
from core.training.forms.editable import (
    FIELDS,
    GROUPS,
    checked,
    defaults,
    editable,
    from_text,
    limits,
    step,
    to_text,
    written,
)
from core.training.forms.presets import BALANCED, BEST, PRESETS, QUICK, plan_from_preset, preset
from core.training.plan.plan import Plan
from core.training.plan.settings import kind

LAPTOP = Device("cpu", "fp32", flops=7e10, memory_bytes=16 * 10**9)
CARD = Device("cuda", "bf16", flops=5e13, memory_bytes=80 * 10**9)
COLUMNS = {
    task: {"task": task} | {
        name: ("x", "y") if name == "choice_columns" else f"{name}-column"
        for role, name in spec.column_settings().items()
        if spec.role(role).is_required or role == "question"
    }
    for task, spec in SPECS.items()
}  # fmt: skip
NOT_TURNED = {
    "data", "text_column", "label_column", "pair_column", "label_columns", "label_separator", "choice_columns",
    "answer_start_column", "reading", "preparation", "test_data", "validation_data", "task", "model", "name",
}  # fmt: skip


def plan_of_preset(name: str, task: str = TASKS[0], rows: int = 400, model: str = "builtin", device=LAPTOP) -> Plan:
    chosen = preset(name, task=task, rows=rows, shape=shape_of(model), device=device)
    return Plan(data="d", model=model, **COLUMNS[task], **chosen.settings)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("rows", [10, 5_000, 1_000_000])
@pytest.mark.parametrize("device", [LAPTOP, CARD], ids=["cpu", "cuda"])
def test_every_preset_is_a_complete_and_valid_plan(name: str, task: str, rows: int, device: Device) -> None:
    for model in ("builtin", "bert-base-uncased", "teaching"):
        shape = shape_of(model)
        chosen = preset(name, task=task, rows=rows, shape=shape, device=device)
        plan = Plan(data="d", model=model, **COLUMNS[task], **chosen.settings)
        assert set(chosen.settings) == set(defaults(task))
        assert plan.max_length <= shape.longest
        assert checked(chosen.settings, shape, device) == chosen.settings
        assert chosen.why or (name, model) == (BALANCED, "bert-base-uncased")
        assert all(sentence.endswith(".") for sentence in chosen.why)


def test_every_setting_is_in_one_group_or_chosen_elsewhere() -> None:
    grouped = [name for names in GROUPS.values() for name in names]
    assert len(set(grouped)) == len(grouped)
    assert set(grouped) | NOT_TURNED == set(FIELDS)
    assert not set(grouped) & NOT_TURNED


def test_few_rows_get_two_hundred_steps() -> None:
    assert schedule(plan_of_preset(BALANCED), 320).steps == math.ceil(5 * 320 / 8) == 200


def test_larger_models_get_smaller_steps() -> None:
    for name in (BALANCED, BEST):
        large, small = (plan_of_preset(name, model=model) for model in ("bert-base-uncased", "builtin"))
        assert 2e-5 <= large.learning_rate <= 5e-5 < small.learning_rate


@pytest.mark.parametrize("rows", [400, 20_000, 100_000])
@pytest.mark.parametrize(("model", "device"), [("builtin", LAPTOP), ("bert-base-uncased", CARD)])
def test_a_quick_look_takes_about_a_minute_and_keeps_all_rows(rows, model, device, monkeypatch) -> None:
    plan = plan_of_preset(QUICK, rows=rows, model=model, device=device)
    monkeypatch.setattr("core.training.estimate.estimate.device_here", lambda precision: device)
    lengths = Lengths(rows, (38.0,) * 10)  # 40 tokens with special tokens
    positions = math.ceil(0.8 * rows)
    training = estimate(plan, lengths).seconds - estimate(dataclasses.replace(plan, epochs=0.01), lengths).seconds
    assert training <= 60
    assert plan.epochs <= plan_of_preset(BALANCED, rows=rows, model=model, device=device).epochs
    more = next((each for each in (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 3.0) if each > plan.epochs), None)
    if more is not None:  # it is no shorter than it must be
        longer = estimate(dataclasses.replace(plan, epochs=more), lengths)
        at_most = min(more, plan_of_preset(BALANCED, rows=rows, model=model, device=device).epochs)
        assert longer.seconds > 40 or more > at_most
    assert schedule(plan, positions).steps >= 1
    why = preset(QUICK, task=TASKS[0], rows=rows, shape=shape_of(model), device=device).why[0]
    assert ("% of the training rows" in why) == (plan.epochs < 1)


def test_best_trains_longer_than_balanced_and_stops_early() -> None:
    for rows in (400, 5_000, 100_000):
        best, balanced = plan_of_preset(BEST, rows=rows), plan_of_preset(BALANCED, rows=rows)
        assert best.epochs > balanced.epochs
        assert best.early_stopping == 2 * best.evaluations_per_epoch  # two epochs
        assert best.scheduler == "cosine"
    assert plan_of_preset(BEST, "masked-language").whole_words


def test_what_does_not_fit_the_memory_is_worked_off_in_parts() -> None:
    small = dataclasses.replace(LAPTOP, memory_bytes=4 * 10**9)
    assert plan_of_preset(BALANCED, rows=5_000, model="bert-base-uncased", device=CARD).accumulation == 1
    chosen = preset(BEST, task=TASKS[0], rows=5_000, shape=shape_of("bert-base-uncased"), device=small)
    assert chosen.settings["accumulation"] > 1
    assert chosen.settings["batch_size"] % chosen.settings["accumulation"] == 0
    assert "parts" in chosen.why[-1]


def test_a_quick_look_follows_the_length_of_texts() -> None:
    short, long = (
        preset(QUICK, task=TASKS[0], rows=20_000, shape=shape_of("builtin"), device=LAPTOP, tokens=tokens).settings
        for tokens in (10.0, 60.0)
    )
    assert short["epochs"] > long["epochs"]


def test_knobs_without_a_meaning_are_left_out() -> None:
    def names(task: str, **settings: object) -> set[str]:
        return {item.name for items in editable(task, settings).values() for item in items}

    assert "truncation" not in names("regression")
    assert "truncation" in names("regression", pair_column="p")
    assert "lora_alpha" not in names("regression", lora_rank=0)
    assert "lora_alpha" in names("regression", lora_rank=4)
    assert "warmup_share" in names("regression", scheduler="constant_with_warmup")
    assert "warmup_share" not in names("regression", scheduler="constant")
    assert "Language" not in editable("regression", {})
    assert "label_smoothing" not in names("question-answering")


def test_limits_are_those_of_plan_model_and_device() -> None:
    shape = shape_of("builtin")
    assert limits(FIELDS["max_length"], shape, LAPTOP) == (4, 512)
    assert limits(FIELDS["frozen_layers"], shape, LAPTOP) == (0, 6)
    assert limits(FIELDS["processes"], shape, dataclasses.replace(CARD, count=4)) == (1, 4)
    assert limits(FIELDS["processes"], shape, dataclasses.replace(LAPTOP, cores=8)) == (1, 8)
    assert limits(FIELDS["epochs"], shape, LAPTOP) == (0.01, 1000.0)
    with pytest.raises(LabError, match="Frozen layers is 7"):
        checked({"frozen_layers": 7}, shape, LAPTOP)


def test_a_click_changes_a_number_by_the_size_of_its_first_digit() -> None:
    assert step(FIELDS["learning_rate"]) == 1e-5
    assert step(FIELDS["epochs"]) == 1.0
    assert step(FIELDS["warmup_share"]) == pytest.approx(0.1)
    assert step(FIELDS["label_smoothing"]) == pytest.approx(0.1)
    assert step(FIELDS["batch_size"]) == 1


def test_changes_survive_the_address() -> None:
    changes = {"epochs": 0.5, "learning_rate": 3e-5, "compile": True, "scheduler": "cosine", "batch_size": 24}
    assert from_text(to_text(changes)) == changes
    assert from_text("") == {}
    for name, names in GROUPS.items():
        for each in names:
            value = FIELDS[each].default
            assert from_text(to_text({each: value})) == {each: value}, (name, each)
            assert type(from_text(to_text({each: value}))[each]) is kind(FIELDS[each])


@pytest.mark.parametrize(
    "text", ["epochs", "epochs:", "epochs:1,epochs:2", "epochs:nan", "data:x", "compile:maybe", "seed:1.5", "a:b:c"]
)
def test_changes_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(LabError):
        from_text(text)


def test_lora_gets_a_rate_and_an_alpha_of_its_own() -> None:
    for model, rate in (("builtin", 1e-3), ("bert-base-uncased", 4e-4)):
        chosen = preset(
            BALANCED, task=TASKS[0], rows=5_000, shape=shape_of(model), device=CARD, turned={"lora_rank": 4}
        )
        assert (chosen.settings["learning_rate"], chosen.settings["lora_alpha"]) == (rate, 8.0)
        assert chosen.settings["lora_rank"] == 0  # it is the person's, and stays a change
        assert "LoRA needs a larger learning rate" in chosen.why[-1]


def test_the_overlap_of_windows_follows_the_length_that_was_chosen() -> None:
    for length in (32, 128, 512):
        plan = {"task": "question-answering", "max_length": length}
        chosen = preset(
            BALANCED, task=plan["task"], rows=400, shape=shape_of("builtin"), device=LAPTOP, turned=plan
        ).settings
        Plan(data="d", **COLUMNS[plan["task"]], **{**chosen, "max_length": length})
        assert chosen["window_overlap"] == min(128, length // 3)


@pytest.mark.parametrize("turned", [{"batch_size": 1024, "processes": 1024}, {"batch_size": 6}, {"batch_size": 7}])
def test_a_preset_cuts_no_batch_that_cannot_be_cut(turned: dict) -> None:
    small = dataclasses.replace(LAPTOP, memory_bytes=2 * 10**9)
    chosen = preset(
        BALANCED, task=TASKS[0], rows=5_000, shape=shape_of("bert-base-uncased"), device=small, turned=turned
    )
    Plan(data="d", **COLUMNS[TASKS[0]], **{**chosen.settings, **turned})


def test_there_is_no_preset_by_another_name() -> None:
    with pytest.raises(LabError, match="no preset “fast”"):
        plan_from_preset("fast", data="sample:reviews", text_column="text", label_column="label")


def test_values_are_written_for_people() -> None:
    assert written(FIELDS["learning_rate"], 2.5e-5) == "2.5e-5"
    assert written(FIELDS["learning_rate"], 1e-4) == "1e-4"
    assert written(FIELDS["batch_size"], 4096) == "4,096"
    assert written(FIELDS["seed"], 20_261_125) == "20,261,125"
    assert written(FIELDS["max_gradient_norm"], 1000.0) == "1,000"
    assert written(FIELDS["whole_words"], True) == "on"
    assert written(FIELDS["epochs"], 3.0) == "3"
