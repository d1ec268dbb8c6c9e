"""Fine-tune and Runs: the launch, the live view from the folder alone, the scores, trying a text."""

import json
import shutil
import time
from dataclasses import replace

import pytest

from core.runs.folder import Run, create_run, delete_run, list_runs
from core.runs.status import write_json, write_status
from core.training.plan.plan import Plan
from tests.finished_runs import CLASSES, FinishedRun, _trained, finished_run  # noqa: F401  fixtures
from tests.pages.conftest import words_on
from tests.pages.explore.test_tokens_page import ODD_TEXTS
from tests.tiny_training import tiny_plan, train_here  # noqa: F401  a fixture

FINE_TUNE = "train/fine_tune/page.py"
RUNS = "train/runs/page.py"


def button(app, label: str):
    return next(each for each in app.button if each.label == label)


@pytest.fixture
def finished(finished_run: FinishedRun) -> Run:  # noqa: F811
    """A run that really was trained, on the tiny model."""
    return finished_run(CLASSES)


def test_starting_launches_a_process_of_its_own_and_stopping_ends_it(open_page, workspace, tiny_model_folder):
    shutil.copytree(tiny_model_folder, workspace / "runs" / "tiny" / "model")
    app = open_page(FINE_TUNE, **{"start-model": "tiny"})
    app.text_input[0].set_value("From a test").run()
    button(app, "Start training").click().run()
    assert not app.exception
    (run,) = list_runs()
    assert run.name == "From a test"
    assert "Run From a test" in words_on(app)
    again = open_page(FINE_TUNE, watching=run.id)  # a reload: nothing but the address is left
    assert "Run From a test" in words_on(again)
    if run.status().is_active:
        run.request_stop()
    deadline = time.monotonic() + 90
    while run.status().is_active and time.monotonic() < deadline:
        time.sleep(0.2)
    assert run.status().state in ("stopped", "finished")


def test_the_live_view_is_drawn_from_the_folder(open_page, plan: Plan):
    run = create_run(plan.to_yaml(), name="Live")
    events = [
        {"kind": "train", "step": step, "epoch": step / 10, "seconds": float(step), "loss": 1 / step,
         "learning_rate": 1e-4, "gradient_norm": 1.0, "examples_per_second": 50.0, "seconds_left": 9.0}
        for step in (1, 2, 3)
    ]  # fmt: skip
    events.append({"kind": "evaluation", "step": 3, "epoch": 0.3, "seconds": 3.0, "loss": 0.4, "accuracy": 0.75, "macro_f1": 0.7})  # noqa: E501  # fmt: skip
    torn = "".join(json.dumps(event) + "\n" for event in events) + '{"kind": "tra'
    (run.path / "events.jsonl").write_text(torn)
    write_json(run.path / "progress.json", {"step": 3, "total_steps": 10})
    write_status(run.path, "stopped", message="Stopped at step 3.")
    app = open_page(FINE_TUNE, watching=run.id)
    assert not app.exception
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Training loss"] == "0.333"
    assert shown["Validation accuracy"] == "75.0%"
    assert "Stopped at step 3" in words_on(app).replace("\\", "")
    assert len(app.get("plotly_chart")) == 2  # it was stopped: nothing moves any more


def test_E10_a_run_whose_folder_is_gone_is_named(open_page):
    app = open_page(FINE_TUNE, watching="20200101-000000-abcd")
    assert not app.exception
    assert "There is no run" in words_on(app)
    assert button(app, "Start training")
    app.run()
    assert "There is no run" not in words_on(app)  # said once


@pytest.mark.parametrize("run_id", ["%2e%2e", "..", "a/b", "..%5c..", "%252e%252e"])
def test_C04_an_id_that_is_a_path_is_not_found(open_page, run_id: str):
    app = open_page(FINE_TUNE, watching=run_id)
    assert not app.exception
    assert "There is no run" in words_on(app)


def test_no_runs_yet_says_where_to_start(open_page):
    app = open_page(RUNS)
    assert not app.exception
    assert "Nothing was trained yet" in words_on(app)


def test_scores_shown_are_those_on_disk(open_page, finished):
    app = open_page(RUNS, run=finished.id)
    assert not app.exception
    assert not app.error
    scores = finished.metrics()
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Accuracy"] == f"{scores['accuracy']:.1%}"
    assert shown["MCC"] == f"{scores['mcc']:.3f}"
    heatmap = json.loads(app.get("plotly_chart")[0].proto.spec)["data"][0]
    assert sum(map(sum, heatmap["text"])) == scores["rows"]


@pytest.mark.parametrize("part", ["Scores", "Curves", "Mistakes", "Try it", "Settings and log"])
def test_every_part_of_a_finished_run_opens(open_page, finished, part: str):
    app = open_page(RUNS, run=finished.id, part=part)
    assert not app.exception
    assert not app.error


def test_trying_a_text_asks_the_trained_model(open_page, finished):
    from core import open_model, predict

    app = open_page(RUNS, run=finished.id, part="Try it")
    app.text_area(key="try").set_value("the film was good").run()
    assert not app.exception
    answer = predict(open_model(finished.id), ["the film was good"])
    best = int(answer.probabilities[0].argmax())
    label = open_model(finished.id).labels[best]
    assert f"The model says: **{label}** ({answer.probabilities[0][best]:.1%})" in words_on(app)


@pytest.mark.parametrize("text", [*ODD_TEXTS.values(), ""], ids=[*ODD_TEXTS, "nothing"])
def test_trying_odd_texts_shows_neither_error_nor_warning(open_page, finished, text: str):
    app = open_page(RUNS, run=finished.id, part="Try it")
    app.text_area(key="try").set_value(text).run()
    assert not app.exception
    assert not app.error
    assert not app.warning
    assert ("The model says" in words_on(app)) == bool(text)


def test_two_runs_are_compared_side_by_side(open_page, plan: Plan, finished):
    second, _ = train_here(replace(plan, epochs=1.0, scheduler="cosine", name="Other"))
    write_status(second.path, "finished", exit_code=0)
    app = open_page(RUNS, run=finished.id, part="Curves")
    app.multiselect(key="with-pick").set_value([second.id]).run()
    assert not app.exception
    figures = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    curve = next(figure for figure in figures if figure["layout"]["title"]["text"] == "Validation loss")
    assert len(curve["data"]) == 2
    own = [event["loss"] for event in finished.events() if event["kind"] == "evaluation"]
    assert curve["data"][0]["y"] == own
    differences = app.dataframe[-1].value
    assert list(differences.columns) == ["Setting", finished.name, "Other"]
    assert ["Schedule", "linear", "cosine"] in differences.to_numpy().tolist()


def test_a_run_can_be_deleted(open_page, finished):
    app = open_page(RUNS, run=finished.id)
    button(app, "Delete for good").click().run()
    assert not app.exception
    assert list_runs() == []
    assert "Nothing was trained yet" in words_on(app)


def test_deleting_one_of_two_runs_says_nothing_false(open_page, plan: Plan):
    first, second = (create_run(plan.to_yaml(), name=name) for name in ("First", "Second"))
    for run in (first, second):
        write_status(run.path, "stopped", message="Stopped at step 1.")
    app = open_page(RUNS, run=first.id)
    button(app, "Delete for good").click().run()
    assert not app.exception
    assert "not here" not in words_on(app)
    assert [run.name for run in list_runs()] == ["Second"]


def test_a_run_deleted_in_another_tab_is_told(open_page, plan: Plan):
    first, second = (create_run(plan.to_yaml(), name=name) for name in ("First", "Second"))
    for run in (first, second):
        write_status(run.path, "stopped", message="Stopped at step 1.")
    app = open_page(RUNS, run=first.id)
    delete_run(first)
    button(app, "Delete for good").click().run()
    assert not app.exception
    assert len(app.error) == 1


def test_a_run_that_can_go_on_is_resumed_from_runs_and_an_active_one_stopped(open_page, plan: Plan):
    run = create_run(plan.to_yaml(), name="Half")
    write_status(run.path, "stopped", message="Stopped at step 1.")
    links = {link.proto.label: link.proto.query_string for link in open_page(RUNS, run=run.id).get("page_link")}
    assert links["Resume it"] == f"watching={run.id}"
    write_status(run.path, "queued")
    links = {link.proto.label: link.proto.query_string for link in open_page(RUNS, run=run.id).get("page_link")}
    assert "Resume it" not in links
    assert links["Stop it or start another"] == f"watching={run.id}"


def test_a_failed_run_shows_problem_and_remedy(open_page, plan: Plan):
    run = create_run(plan.to_yaml(), name="Broken")
    write_status(
        run.path, "failed", message="The loss is not a number.", remedy="Lower the learning rate.", exit_code=1
    )
    app = open_page(RUNS, run=run.id)
    assert not app.exception
    assert "Lower the learning rate" in words_on(app).replace("\\", "")


def test_C07_a_run_name_with_markup_stays_text(open_page, plan: Plan):
    run = create_run(plan.to_yaml(), name="<img src=x onerror=alert(1)> [l](https://example.org)")
    write_status(run.path, "failed", message="x", exit_code=1)
    app = open_page(RUNS, run=run.id)
    assert not app.exception
    assert "](https" not in words_on(app)
