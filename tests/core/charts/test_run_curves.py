"""Events become points: smoothed as TensorBoard does it, whatever a file holds; one table names every score."""

import numpy as np
import pandas as pd
import pytest

from core.charts.curves import DATA, live_lines
from core.charts.run_curves import (
    FURTHER,
    LOSS,
    MOST_DOTS,
    MOST_POINTS,
    Axis,
    axis_of,
    panels_of,
    points_of,
    rows_of,
    score_names,
    smoothed,
    tables_of,
)
from core.tasks import SPECS, metric_of, written

STEP = Axis("step", "step")


def train(step: int, **fields: object) -> dict:
    return {"kind": "train", "step": step, "epoch": step / 10, "seconds": step * 2.0, "loss": 1 / step} | fields


def evaluation(step: int, **scores: object) -> dict:
    return {"kind": "evaluation", "step": step, "epoch": step / 10, "seconds": step * 2.0, "loss": 0.5} | scores


def titles(*events: dict) -> list[str]:
    return [panel.title for panel in panels_of(tables_of(events), metric_of)]


def by_tensorboard(values: list[float], weight: float) -> list[float]:
    """`resmoothDataset` of TensorBoard's vz_line_chart2/line-chart.ts, for finite values."""
    last, out = 0.0, []
    for count, value in enumerate(values, 1):
        last = last * weight + (1 - weight) * value
        debias = 1.0 if weight == 1 else 1.0 - weight**count
        out.append(last / debias)
    return out


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.6, 0.99])
def test_smoothing_is_tensorboards(weight: float):
    values = np.random.default_rng(0).normal(size=200).tolist()
    assert smoothed(pd.Series(values), weight).tolist() == pytest.approx(by_tensorboard(values, weight), abs=1e-12)


def test_smoothing_by_hand():
    # (0.5·0 + 0.25·1) / (1 − 0.5²)
    assert smoothed(pd.Series([1.0, 0.0]), 0.5).tolist() == pytest.approx([1, 1 / 3])


def test_measured_points_stand_behind_their_smoothed_line_and_evaluations_stay_as_they_are():
    tables = tables_of([train(1), train(2), evaluation(2)])
    points = points_of(LOSS, tables, STEP, 0.5)
    lines = {key: own["value"].tolist() for key, own in points.groupby(["curve", "line"])}
    assert lines[("training", "behind")] == [1, 0.5]
    assert lines[("training", "smoothed")] == pytest.approx([1, (0.25 + 0.25) / 0.75])
    assert lines[("validation", "measured")] == [0.5]
    assert set(points_of(LOSS, tables, STEP, 0)["line"]) == {"measured"}


def test_E10_what_is_no_number_is_left_out():
    odd = [float("nan"), float("inf"), None, "0.5", True, 10**400, [1]]
    events = [train(1), *(train(i, loss=value) for i, value in enumerate(odd, 2)), train(20, loss=0.25)]
    points = points_of(LOSS, tables_of(events), STEP, 0.6)
    assert points[points["line"] == "behind"]["x"].tolist() == [1, 20]
    assert np.isfinite(points["value"]).all()


def test_E10_events_without_fields_draw_nothing():
    events = [{"kind": "train"}, {"kind": "evaluation", "loss": 0.5}, {"kind": 3}, {}]
    tables = tables_of(events)
    for panel in (LOSS, *FURTHER):
        assert points_of(panel, tables, STEP, 0.6).empty
    assert panels_of(tables_of([]), metric_of) == []
    assert list(rows_of(tables_of([])).columns) == ["kind", "step", "epoch", "seconds"]


def test_an_older_version_lacks_the_newer_curves_and_nothing_else():
    old = {"learning_rate": 1e-4, "gradient_norm": 1.0, "examples_per_second": 50.0, "seconds_left": 9.0}
    new = {"tokens_per_second": 900.0, "padding_share": 0.1, "memory_bytes": 2e9, "utilisation": 0.9}
    assert titles(train(1, **old)) == ["Loss", "Learning rate", "Gradient norm", "Examples per second"]
    assert titles(train(1, **old, **new)) == ["Loss", *(panel.title for panel in FURTHER)]
    assert "Gradient norm" not in titles(train(1, **old | {"gradient_norm": None}))


def test_memory_is_in_gigabytes_and_a_gap_stays_a_gap():
    (memory,) = [panel for panel in FURTHER if panel.title.startswith("Device memory")]
    points = points_of(memory, tables_of([train(1, memory_bytes=2_500_000_000), train(2)]), STEP, 0.6)
    assert points[["x", "value"]].to_numpy().tolist() == [[1, 2.5]]


def test_scores_of_any_task_have_a_place():
    assert titles(evaluation(1, pearson=0.8, spearman=0.7)) == ["Loss", "Validation scores"]
    assert titles(evaluation(1, masked_accuracy=0.4, perplexity=20.0))[1:] == [
        "Validation scores",
        "Validation perplexity",
    ]
    many = evaluation(1, accuracy=1, precision=1, recall=1, f1=1, mcc=1, my_own=1)
    panels = panels_of(tables_of([many]), metric_of)
    assert [[curve.name for curve in panel.curves] for panel in panels[1:]] == [
        ["Accuracy", "Precision", "Recall", "F1"],
        ["MCC", "My own"],
    ]
    assert score_names(tables_of([many]))[0] == "accuracy"


def test_panels_fall_apart_for_several_runs():
    panels = panels_of(tables_of([train(1), evaluation(1, accuracy=0.5, macro_f1=0.4)]), metric_of)
    parts = [part.title for panel in panels for part in panel.apart()]
    assert parts == ["Training loss", "Validation loss", "Validation accuracy", "Validation macro F1"]


@pytest.mark.parametrize(("last", "name", "unit"), [(100, "seconds", 1), (600, "minutes", 60), (9_000, "hours", 3_600)])
def test_time_is_in_the_unit_of_the_longest_run(last: float, name: str, unit: float):
    runs = [tables_of([train(1)]), tables_of([train(1, seconds=last)])]
    axis = axis_of("Time", runs)
    assert axis == Axis(name, "seconds", unit)
    assert points_of(LOSS, runs[1], axis)["x"].tolist() == [last / unit]
    assert axis_of("Epoch", runs) == Axis("epoch", "epoch")


def test_long_runs_are_thinned_the_same_way_as_they_grow():
    events = [train(step) for step in range(1, 3 * MOST_POINTS)]
    before, after = (
        points_of(LOSS, tables_of(part), STEP)["x"].tolist() for part in (events[: 2 * MOST_POINTS + 1], events)
    )
    assert len(after) <= MOST_POINTS + 1
    assert after[-1] == events[-1]["step"]
    assert set(before[:-1]) <= set(after)


def test_dots_go_when_there_are_many_but_for_the_last_one():
    few, many = (
        points_of(LOSS, tables_of([train(step) for step in range(1, count + 1)]), STEP)
        for count in (MOST_DOTS, MOST_DOTS + 1)
    )
    assert few["has_dot"].all()
    assert many[many["has_dot"]]["x"].tolist() == [MOST_DOTS + 1]


def test_a_live_chart_does_not_change_with_its_data():
    chart = live_lines(LOSS, STEP)
    assert chart["data"] == {"name": DATA}
    assert chart["usermeta"] == {"embedOptions": {"renderer": "svg"}}
    assert chart["title"] == "Loss by step"
    assert live_lines(LOSS, Axis("step", "step")) is chart


def test_everything_measured_can_be_taken_home():
    rows = rows_of(tables_of([train(1), evaluation(1, accuracy=0.75), train(2), {"kind": "note", "message": "x"}]))
    assert rows.to_csv(index=False).splitlines() == [
        "kind,step,epoch,seconds,loss,accuracy",
        "train,1,0.1,2,1.0,",
        "train,2,0.2,4,0.5,",
        "evaluation,1,0.1,2,0.5,0.75",
    ]


def test_every_score_worth_a_curve_has_a_name_for_people():
    shown = {name for spec in SPECS.values() for name in spec.curves}
    assert {"accuracy", "pearson", "exact_match", "masked_accuracy"} <= shown
    known = {metric.name for spec in SPECS.values() for metric in (*spec.metrics, *spec.further)}
    assert shown <= known


def test_scores_are_written_as_people_read_them():
    assert written("accuracy", 0.75) == "75.0%"
    assert written("pearson", 0.12345) == "0.123"
    assert written("perplexity", 1234.6) == "1235"
    assert metric_of("accuracy").validation_title == "Validation accuracy"
    assert metric_of("mcc").validation_title == "Validation MCC"
    assert metric_of("macro_f1").validation_title == "Validation macro F1"
    assert metric_of("my_own").title == "My own"
    assert metric_of("").title == ""
