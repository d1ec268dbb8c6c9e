"""Fine-tune, the settings: command line and page start alike; changes without a meaning go; LoRA has its own rate."""

import dataclasses
import shlex

import pytest

from core.runs.folder import create_run
from core.runs.status import write_status
from core.training import resume
from core.training.forms.cli import parser, plan_of
from core.training.forms.editable import GROUPS
from core.training.forms.presets import BALANCED, BEST, QUICK
from core.training.plan.plan import Plan
from tests.pages.conftest import words_on
from tests.pages.train.test_fine_tune_page import FILES, FINE_TUNE, button, labels, launched_plans, open_task  # noqa: F401

RUNS = "train/runs/page.py"
SETTINGS = [name for names in GROUPS.values() for name in names]


def options_of(plan: Plan) -> list[str]:
    """What somebody types who wants the same columns and says no setting."""
    words = ["--data", plan.data, "--task", plan.task, "--text-column", plan.text_column]
    for flag, value in (("--label-column", plan.label_column), ("--pair-column", plan.pair_column)):
        words += [flag, value] if value else []
    words += ["--label-separator", plan.label_separator] if plan.label_separator else []
    return words + (["--choice-columns", *plan.choice_columns] if plan.choice_columns else [])


def settings(plan: Plan) -> dict:
    return {name: getattr(plan, name) for name in SETTINGS}


@pytest.mark.parametrize("task", FILES)
def test_the_command_line_without_settings_trains_as_the_page_does(open_page, launched, task: str):
    app = open_task(open_page, task)
    button(app, "Start training").click().run()
    plan, _ = plan_of(parser("").parse_args(options_of(launched[0])))
    assert settings(plan) == settings(launched[0])
    assert plan.mapping() == launched[0].mapping()


@pytest.mark.parametrize("data", ["reviews", "questions", "pairs"])
@pytest.mark.parametrize("preset", [QUICK, BALANCED, BEST])
def test_every_preset_is_the_same_on_the_command_line(open_page, launched, data: str, preset: str):
    app = open_page(FINE_TUNE, data=f"sample:{data}", preset=preset)
    button(app, "Start training").click().run()
    plan, _ = plan_of(parser("").parse_args([*options_of(launched[0]), "--preset", preset]))
    assert dataclasses.replace(plan, name=launched[0].name) == launched[0]


@pytest.mark.parametrize("rows", [60, 1_500, 51_000])
def test_the_number_of_rows_counts_the_same(open_page, launched, rows: int):
    content = "\n".join(["text,label", *(f"the film number {n} was shown,{'ab'[n % 2]}" for n in range(rows))])
    app = open_task(open_page, "sequence-classification", content.encode())
    button(app, "Start training").click().run()
    plan, _ = plan_of(parser("").parse_args(options_of(launched[0])))
    assert settings(plan) == settings(launched[0])
    assert plan.epochs == {60: 5.0, 1_500: 3.0, 51_000: 2.0}[rows]


def test_lora_takes_its_own_rate_and_alpha(open_page, launched):
    app = open_page(FINE_TUNE, changed="lora_rank:4")
    assert not app.exception
    assert "LoRA needs a larger learning rate" in words_on(app)
    assert app.number_input(key="knob-lora_alpha").value == 8.0
    button(app, "Start training").click().run()
    assert (launched[0].lora_rank, launched[0].learning_rate, launched[0].lora_alpha) == (4, 1e-3, 8.0)
    command = next(each.value for each in app.code if each.value.startswith("python -m core.training"))
    assert plan_of(parser("").parse_args(shlex.split(command)[3:]))[0] == launched[0]
    plan, _ = plan_of(parser("").parse_args([*options_of(launched[0]), "--lora-rank", "4"]))
    assert settings(plan) == settings(launched[0])


@pytest.mark.parametrize(
    ("first", "then", "gone"),
    [
        ("lora_alpha:4.0,lora_rank:8", ("lora_rank", 0), "lora_alpha"),
        ("early_stopping:2,early_stopping_threshold:0.01", ("early_stopping", 0), "early_stopping_threshold"),
        ("scheduler:cosine,warmup_share:0.3", ("scheduler", "constant"), "warmup_share"),
    ],
)
def test_a_change_that_loses_its_meaning_goes_with_it(open_page, launched, first: str, then: tuple, gone: str):
    app = open_page(FINE_TUNE, changed=first)
    assert gone in app.query_params["changed"]
    widget = app.selectbox if isinstance(then[1], str) else app.number_input
    widget(key=f"knob-{then[0]}").set_value(then[1]).run()
    assert not app.exception
    assert not app.error
    assert gone not in app.query_params.get("changed", "")
    button(app, "Start training").click().run()
    assert getattr(launched[0], then[0]) == then[1]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ("lora_rank:400", "LoRA rank is 400, but this model allows 384 at most"),
        ("processes:1024", "Devices is 1,024, but this machine allows"),
        ("precision:fp16", "fp16 needs a graphics card"),
        ("frozen_layers:6,lora_rank:4", "LoRA has none to train"),
        ("learning_rate:1.0", "Learning rate must lie between"),
        ("epochs:2.0,epochs:3.0", "Epochs is changed twice"),
    ],
)
def test_what_the_core_forbids_the_page_forbids_in_its_words(open_page, changed: str, words: str):
    app = open_page(FINE_TUNE, changed=changed)
    assert not app.exception
    assert words in "\n".join(each.value for each in app.error).replace("\\", "")


def test_both_of_two_settings_that_cannot_go_together_are_told_before_a_start(open_page):
    app = open_page(FINE_TUNE, changed="frozen_layers:6,lora_rank:4")
    assert "Start training" not in labels(app)


def test_a_run_with_settings_that_no_plan_is_given_any_more_can_still_be_looked_at_and_resumed(open_page, monkeypatch):
    plan = Plan(data="sample:reviews", text_column="text", label_column="label").to_yaml()
    run = create_run(plan.replace("learning_rate: 5.0e-05", "learning_rate: 1.0"), name="Old")
    write_status(run.path, "stopped", message="Stopped at step 1.")
    app = open_page(RUNS, run=run.id, part="Settings and log")
    assert not app.exception
    assert not app.error
    submitted = []
    monkeypatch.setattr("core.runs.executors.LocalExecutor.submit", lambda self, run, *_, **__: submitted.append(run))
    resume(run)
    assert submitted == [run]


def test_early_stopping_that_can_end_nothing_is_told_ahead(open_page):
    app = open_page(FINE_TUNE, changed="early_stopping:100")
    assert "it ends nothing sooner" in words_on(app)
    assert "Start training" in labels(app)


def test_a_finished_run_that_diverged_says_so_on_both_pages(open_page):
    run = create_run(Plan(data="sample:reviews", text_column="text", label_column="label").to_yaml(), name="Wild")
    write_status(run.path, "finished", message="The training diverged: it did.", remedy="Lower the rate.")
    for page, query in ((FINE_TUNE, {"watching": run.id}), (RUNS, {"run": run.id})):
        app = open_page(page, **query)
        assert not app.exception
        assert "The training diverged" in words_on(app)
    assert app.dataframe[0].value["State"].tolist() == ["finished, with a warning"]


def test_a_run_outside_the_workspace_is_on_the_page_of_runs(open_page, tmp_path):
    from core.workspace import remember_outside

    plan = Plan(data="sample:reviews", text_column="text", label_column="label", learning_rate=1e-3)
    run = create_run(plan.to_yaml(), name="Far away", output=tmp_path / "my run")
    write_status(run.path, "stopped", message="Stopped at step 1.")
    remember_outside(run.path)
    app = open_page(RUNS, run=run.id)
    assert not app.exception
    assert "Far away" in words_on(app)
    app = open_page(FINE_TUNE, watching=run.id)
    assert not app.exception
    assert "Resume" in labels(app)
