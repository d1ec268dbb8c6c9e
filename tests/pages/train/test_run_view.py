"""The live page of a run, drawn from folders that the tests write: figures, curves, log, queue, what is active."""

import io
import json
import os
import shutil
import time
from pathlib import Path

import pyarrow.ipc
import pytest
from streamlit.testing.v1 import AppTest

from core.charts.curves import live_lines
from core.charts.run_curves import LOSS, Axis
from core.runs.device_lock import DeviceLock
from core.runs.folder import Run, create_run
from core.runs.process import identity
from core.runs.status import read_json, write_json, write_status
from core.training.plan.plan import Plan
from pages.shared.run_view import runs_before
from tests.pages.conftest import words_on

FINE_TUNE = "train/fine_tune/page.py"
RUNS = "train/runs/page.py"
PLAN = Plan(data="sample:reviews", text_column="text", label_column="label").to_yaml()
OLD = {"learning_rate": 1e-4, "gradient_norm": 1.0, "examples_per_second": 50.0, "seconds_left": 185.0}
NEW = {"tokens_per_second": 1234.5, "padding_share": 0.06, "memory_bytes": 2_100_000_000, "utilisation": 0.93}


def train(step: int, **fields: object) -> dict:
    return {"kind": "train", "step": step, "epoch": step / 10, "seconds": step * 1.0, "loss": 1 / step, **OLD, **fields}


def evaluation(step: int, **scores: float) -> dict:
    return {"kind": "evaluation", "step": step, "epoch": step / 10, "seconds": step * 1.0, "loss": 0.4, **scores}


def write_run(*events: dict, state: str = "running", name: str = "Live", last_words: str = "") -> Run:
    """A run as its supervisor and worker would leave it; this process stands for the supervisor."""
    run = create_run(PLAN, name=name)
    (run.path / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events) + last_words)
    (run.path / "train.log").write_text("INFO step 1\nINFO the last line\n")
    steps = [event["step"] for event in events if "step" in event]
    write_json(run.path / "progress.json", {"step": max(steps, default=0), "total_steps": 10 * bool(steps)})
    write_json(run.path / "supervisor.json", {**identity(os.getpid()), "heartbeat": time.time(), "device": "cpu"})
    write_status(run.path, state)
    return run


def watched(path: str) -> None:
    """A page of its own with the live view alone."""
    from pathlib import Path

    from core.runs.folder import Run
    from pages.shared.run_view import watch

    watch(Run(Path(path)))


def see(run: Run, **query: str) -> AppTest:
    """The live view of a run with these values in the address."""
    app = AppTest.from_function(watched, args=(str(run.path),), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def live_charts(app: AppTest) -> dict[str, list[dict]]:
    """The points of the live charts by title."""
    protos = [chart.proto for chart in (*app.get("vega_lite_chart"), *app.get("arrow_vega_lite_chart"))]
    return {
        json.loads(proto.spec)["title"]: pyarrow.ipc.open_stream(io.BytesIO(proto.datasets[0].data.data))
        .read_all()
        .to_pylist()
        for proto in protos
    }


def ended_charts(app: AppTest) -> dict[str, list[dict]]:
    """The traces of the charts of an ended run by title."""
    figures = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    return {figure["layout"]["title"]["text"]: figure["data"] for figure in figures}


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def small_figures(app: AppTest) -> dict[str, str]:
    """Each value stands in bold below its caption."""
    values = [words.value for words in app.markdown if words.value.startswith("**")]
    names = [words.value for words in app.caption if words.value[0].isupper()][-len(values) :]
    return {name: value.strip("*") for name, value in zip(names, values, strict=True)}


def with_beat(run: Run, **found: object) -> Run:
    write_json(run.path / "supervisor.json", {**read_json(run.path / "supervisor.json"), **found})
    return run


def test_E09_a_run_whose_training_is_frozen_says_so_and_what_to_do():
    silence = "The training process (process id 77) has given no sign of life for a while."
    run = with_beat(write_run(train(1)), silence=silence)
    app = see(run)
    assert not app.exception
    words = " ".join(each.value for each in app.markdown)
    assert "stalled" in words
    assert "gives no sign of life" in words
    assert "process id 77" in words
    assert "kill -CONT" in words.replace("\\", "").replace("\u2060", "")
    (run.path / "STOP").touch()
    words = " ".join(each.value for each in see(run).markdown)
    assert "stopping" in words
    assert "ended by force" in words


def test_E03_a_run_that_is_stopped_after_its_last_step_says_that_it_finishes():
    run = write_run(train(10))
    write_json(run.path / "progress.json", {"step": 10, "total_steps": 10, "phase": "saving the model"})
    (run.path / "STOP").touch()
    words = " ".join(each.value for each in see(run).markdown).replace("\\", "")
    assert "is about to stop" in words
    assert "Its last step is done, so it is let finish: saving the model" in words


def test_the_figures_that_matter_are_large_and_the_rest_is_small():
    run = write_run(train(1, **NEW), evaluation(1, accuracy=0.75, macro_f1=0.7), train(2, **NEW))
    app = see(run)
    assert not app.exception
    assert metrics(app) == {
        "Time left, about": "3 min 5 s",
        "Training loss": "0.500",
        "Validation loss": "0.400",
        "Validation accuracy": "75.0%",
    }
    assert small_figures(app) == {
        "Validation macro F1": "0.700",
        "Examples per second": "50",
        "Tokens per second": "1,234",
        "Learning rate": "0.0001",
        "Gradient norm": "1",
        "Padding": "6.0%",
        "Device memory": "2.10 GB",
        "Device in use": "93%",
    }


def test_few_curves_are_shown_first_and_all_when_asked_for():
    run = write_run(train(1, **NEW), evaluation(1, accuracy=0.75), train(2, **NEW))
    assert set(live_charts(see(run))) == {"Loss by step", "Validation scores by step"}
    app = see(run, **{"more-curves": "true"})
    assert not app.exception
    assert len(live_charts(app)) == 9
    assert [point["value"] for point in live_charts(app)["Device memory, GB by step"]] == [2.1, 2.1]


def test_a_run_of_an_older_version_has_what_it_has():
    run = write_run(train(1), evaluation(1, accuracy=0.75))
    app = see(run, **{"more-curves": "true"})
    assert not app.exception
    assert not app.error
    assert list(small_figures(app)) == ["Examples per second", "Learning rate", "Gradient norm"]
    assert len(live_charts(app)) == 5


def test_axis_and_smoothing_come_from_the_address():
    run = write_run(train(1), train(2), evaluation(2, accuracy=0.75))
    smooth = live_charts(see(run))["Loss by step"]
    assert {point["line"] for point in smooth} == {"behind", "smoothed", "measured"}
    app = see(run, axis="Time", smoothing="0.0")
    loss = live_charts(app)["Loss by seconds"]
    assert [(point["x"], point["value"], point["curve"]) for point in loss] == [
        (1, 1, "training"),
        (2, 0.5, "training"),
        (2, 0.4, "validation"),
    ]
    assert {point["line"] for point in loss} == {"measured"}
    app.segmented_control(key="axis").set_value("Epoch").run()
    assert "Loss by epoch" in live_charts(app)


def test_a_chart_stays_the_same_while_points_come_in():
    run = write_run(train(1), evaluation(1, accuracy=0.75))

    def specifications(app: AppTest) -> list[str]:
        return [chart.proto.spec for chart in (*app.get("vega_lite_chart"), *app.get("arrow_vega_lite_chart"))]

    app = see(run)
    before, points = specifications(app), live_charts(app)
    with (run.path / "events.jsonl").open("a") as file:
        file.write(json.dumps(train(2)) + "\n" + json.dumps(evaluation(2, accuracy=0.8)) + "\n")
    app.run()
    assert specifications(app) == before
    assert len(live_charts(app)["Loss by step"]) > len(points["Loss by step"])
    assert "datasets" not in live_lines(LOSS, Axis("step", "step"))


def test_scores_have_a_place_before_the_first_evaluation():
    app = see(write_run(train(1)))
    assert "appear after the first evaluation" in words_on(app)
    assert set(live_charts(app)) == {"Loss by step"}


@pytest.mark.parametrize(
    ("scores", "label", "value"),
    [
        ({"pearson": 0.8123, "spearman": 0.8}, "Validation Pearson", "0.812"),
        ({"exact_match": 0.5, "f1": 0.61}, "Validation exact match", "50.0%"),
        ({"masked_accuracy": 0.31, "masked_top5": 0.5}, "Validation hidden tokens right", "31.0%"),
        ({"some_score_of_mine": 0.5}, "Validation some score of mine", "0.500"),
    ],
)
def test_scores_of_every_task_are_shown(scores: dict, label: str, value: str):
    app = see(write_run(train(1), evaluation(1, **scores)))
    assert not app.exception
    assert metrics(app)[label] == value
    drawn = live_charts(app)["Validation scores by step"]
    assert [point["value"] for point in drawn] == list(scores.values())


def test_a_run_that_has_not_begun_says_what_it_does():
    app = see(write_run())
    assert "The worker is starting" in words_on(app)
    assert not metrics(app)
    app = see(write_run(state="queued"))
    assert not app.exception
    assert "waits until the device is free" in words_on(app)


def test_an_ended_run_can_be_zoomed_into():
    events = [train(1), train(2), evaluation(2, accuracy=0.75)]
    run = write_run(*events, state="stopped")
    app = see(run, smoothing="0.0")
    assert not app.exception
    assert live_charts(app) == {}
    loss, scores = ended_charts(app)["Loss"], ended_charts(app)["Validation scores"]
    assert [trace["y"] for trace in loss] == [[1, 0.5], [0.4]]
    assert scores[0]["y"] == [0.75]
    assert "Time left, about" not in metrics(app)


def test_E10_torn_and_odd_lines_leave_the_page_alive():
    odd = [
        train(2, loss=float("nan"), gradient_norm=None, memory_bytes="much"),
        {"kind": "train"},
        {"kind": "evaluation", "accuracy": {"mean": 1}},
        {"kind": "note"},
        train(3, loss=True),
    ]
    run = write_run(train(1), *odd, evaluation(3, accuracy=0.5), last_words='[1]\n"x"\n{"kind": "tra')
    app = see(run, **{"more-curves": "true"})
    assert not app.exception
    assert metrics(app)["Training loss"] == "1.000"
    losses = {(point["x"], point["value"]) for point in live_charts(app)["Loss by step"]}
    assert losses == {(1, 1), (3, 0.4)}


def test_E10_a_run_deleted_while_it_is_watched():
    run = write_run(train(1))
    app = see(run)
    assert metrics(app)
    shutil.rmtree(run.path)
    app.run()
    assert not app.exception
    assert "This run was deleted" in words_on(app)
    assert not metrics(app)


def test_notes_and_log_are_there():
    run = write_run({"kind": "note", "message": "Continued from [step 1]"}, train(1))
    app = see(run)
    assert any("Continued from" in caption.value for caption in app.caption)
    assert "](" not in words_on(app)
    log = next(expander for expander in app.expander if expander.label == "Log")
    assert log.code[0].value == "INFO step 1\nINFO the last line"


def test_what_waits_says_for_whom(open_page):
    first, second, third = (
        write_run(train(1), name="First"),
        write_run(state="queued", name="**Second**"),
        write_run(state="queued", name="Third"),
    )
    locks = []
    for run in (first, second, third):
        locks.append(DeviceLock("cpu", run=run.id))
        locks[-1].try_acquire()
    try:
        assert runs_before(first) == []
        assert runs_before(third) == ["First", "**Second**"]
        app = open_page(RUNS, run=third.id)
        assert not app.exception
        assert "Before it: First, \\*\\*Second\\*\\*." in words_on(app)
        assert "after 1 other run" in words_on(app)  # the second, among the active ones
    finally:
        for lock in locks:
            lock.release()
    assert runs_before(third) == []


def test_every_active_run_is_listed_and_opens(open_page):
    one, two = write_run(train(3), name="One"), write_run(state="queued", name="[Two](https://example.org)")
    write_run(train(1), state="finished", name="Over")
    app = open_page(RUNS, run=one.id)
    assert not app.exception
    assert "Active now" in words_on(app)
    links = [(link.proto.label, link.proto.query_string) for link in app.get("page_link")]
    assert ("**One**", f"watching={one.id}") in links
    assert next(label for label, query in links if query == f"watching={two.id}").startswith("**\\[Two\\]")
    assert not any("Over" in label for label, _ in links)
    assert "about 3 min 5 s left" in words_on(app)


def test_beside_a_run_the_others_are_listed(open_page):
    one, two = write_run(train(3), name="One"), write_run(state="queued", name="Two")
    app = open_page(FINE_TUNE, watching=one.id)
    assert "Also active" in words_on(app)
    assert [link.proto.query_string for link in app.get("page_link")] == [f"watching={two.id}"]


def test_nothing_is_listed_when_nothing_is_active(open_page):
    run = write_run(train(1), state="finished")
    assert "Active now" not in words_on(open_page(RUNS, run=run.id))


def test_runs_are_compared_curve_by_curve(open_page):
    many = {
        "precision": 0.1,
        "recall": 0.2,
        "f1": 0.3,
        "mcc": 0.4,
        "accuracy": 0.75,
    }  # accuracy is beyond the first four
    one = write_run(train(1, **NEW), evaluation(1, **many), state="finished", name="Same")
    two = write_run(train(1), train(2), evaluation(2, pearson=0.5, accuracy=0.8), state="finished", name="Same")
    app = open_page(RUNS, run=one.id, part="Curves", axis="Step", smoothing="0.0", **{"more-curves": "true"})
    app.multiselect(key="with-pick").set_value([two.id]).run()
    assert not app.exception
    charts = ended_charts(app)
    assert [trace["y"] for trace in charts["Training loss"]] == [[1], [1, 0.5]]
    assert len({trace["name"] for trace in charts["Training loss"]}) == 2
    assert [trace["y"] for trace in charts["Validation accuracy"]] == [[0.75], [0.8]]
    assert [trace["y"] for trace in charts["Validation Pearson"]] == [[0.5]]
    assert len(charts["Tokens per second"]) == 1


def test_a_run_without_events_has_no_curves(open_page):
    run = write_run(state="failed")
    Path(run.path / "events.jsonl").unlink()
    app = open_page(RUNS, run=run.id, part="Curves")
    assert not app.exception
    assert not app.error
    assert ended_charts(app) == {}
