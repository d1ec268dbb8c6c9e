"""Intervals of shares, against scipy, and where they stand in the scores of every task."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from core.reports.figures import figures_of
from core.training.scores import answers, choice, classification, multi_label, regression, tagging
from core.training.scores.proportion import wilson

RIGHT = np.eye(2)[[0, 1] * 26] * 9.0 - 4.5  # logits of 52 rows that are all right
LABELS = np.array([0, 1] * 26)


@pytest.mark.parametrize("rows", [1, 2, 10, 52, 3_000])
def test_wilsons_interval_is_scipys(rows: int) -> None:
    for right in {0, 1, rows // 3, rows - 1, rows}:
        theirs = binomtest(right, rows).proportion_ci(confidence_level=0.95, method="wilson")
        low, high = wilson(right, rows)
        assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
        assert 0 <= low <= right / rows <= high <= 1
        assert low < high


def test_it_holds_the_truth_as_often_as_it_says_also_near_one() -> None:
    random = np.random.default_rng(0)
    for truth in (0.5, 0.9, 0.97):
        seen = random.binomial(52, truth, size=2_000)
        held = np.mean([low <= truth <= high for low, high in (wilson(int(right), 52) for right in seen)])
        assert 0.92 <= held <= 0.99


def test_52_of_52_is_not_between_100_and_100_percent() -> None:
    for scores in (
        classification.full(RIGHT, LABELS, ["a", "b"], majority_label=0),
        choice.full(RIGHT, LABELS, majority_position=0),
    ):
        assert scores["counts"] == {"accuracy": [52, 52]}
        low, high = scores["intervals"]["accuracy"]
        assert (round(low, 3), high) == (0.931, 1.0)


def test_a_drawn_interval_that_is_a_point_is_none() -> None:
    scores = classification.full(RIGHT, LABELS, ["a", "b"], majority_label=0)
    assert scores["intervals"]["macro_f1"] is None
    assert multi_label.full(RIGHT, np.eye(2)[LABELS], ["a", "b"], majority_labels=[1, 0])["intervals"] == {
        "micro_f1": None, "macro_f1": None, "subset_accuracy": wilson(52, 52),
    }  # fmt: skip
    assert answers.full(["a b"] * 9, [["a b"]] * 9, 0.1)["intervals"] == {"f1": None, "exact_match": wilson(9, 9)}
    assert tagging.full([["B-X"]] * 9, [["B-X"]] * 9, 0.1)["intervals"] == {"f1": None}
    assert regression.full(np.ones(9), np.arange(9.0), training_mean=1.0)["intervals"]["pearson"] is None


def test_every_label_has_the_intervals_of_its_own_shares() -> None:
    labels = np.array([0] * 10 + [1] * 5)
    predicted = np.array([0] * 8 + [1] * 2 + [1] * 5)
    scores = classification.full(np.eye(4)[predicted], labels, list("abcd"), majority_label=0)
    one, two, *absent = scores["per_class"]
    for entry, (right, said, true) in {0: (8, 8, 10), 1: (5, 7, 5)}.items():
        own = (one, two)[entry]
        for name, rows in {"precision": said, "recall": true}.items():
            theirs = binomtest(right, rows).proportion_ci(method="wilson")
            assert own[f"{name}_interval"] == pytest.approx([theirs.low, theirs.high])
    assert {entry[f"{name}_interval"] for entry in absent for name in ("precision", "recall")} == {None}
    several = multi_label.full(np.eye(2)[[0, 1, 1]] - 0.5, np.eye(2)[[0, 1, 0]], list("ab"), majority_labels=[1, 0])
    assert several["per_class"][0]["recall_interval"] == wilson(1, 2)


# What people read


def test_a_share_carries_its_count_and_wilsons_interval() -> None:
    scores = classification.full(RIGHT, LABELS, ["a", "b"], majority_label=0)
    figures = {each.name: each for each in figures_of("sequence-classification", scores)}
    accuracy, f1 = figures["accuracy"], figures["macro_f1"]
    assert (accuracy.count, accuracy.interval, accuracy.is_unsure) == ((52, 52), tuple(wilson(52, 52)), False)
    assert accuracy.is_clear
    assert (f1.count, f1.interval, f1.is_unsure) == (None, None, True)


def test_runs_of_earlier_versions_get_it_too() -> None:
    old = {"exact_match": 0.75, "f1": 1.0, "rows": 8, "intervals": {"exact_match": [0.4, 1.0], "f1": [1.0, 1.0]}}
    figures = {each.name: each for each in figures_of("question-answering", old)}
    assert (figures["exact_match"].count, figures["exact_match"].interval) == ((6, 8), tuple(wilson(6, 8)))
    assert (figures["f1"].interval, figures["f1"].is_unsure) == (None, True)


@pytest.mark.parametrize(
    "counts", [{"accuracy": [3, 2]}, {"accuracy": [0, 0]}, {"accuracy": ["1", 2]}, {"accuracy": 3}]
)
def test_counts_that_are_none_are_left_out(counts: dict) -> None:
    (accuracy,) = figures_of("multiple-choice", {"accuracy": 0.5, "rows": 4, "counts": counts})
    assert (accuracy.count, accuracy.interval) == (None, None)
    assert math.isclose(accuracy.value, 0.5)
