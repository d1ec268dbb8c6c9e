"""Scores of numbers, against scipy, scikit-learn, torch and hand numbers."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as some
from scipy import stats
from sklearn import metrics as oracle

from core.training.scores.bootstrap import draw_rows
from core.training.scores.regression import correlations, full, quick


def test_hand_numbers() -> None:
    scores = full(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 3.0, 2.0, 4.0]), training_mean=2.0)
    assert scores["pearson"] == scores["spearman"] == pytest.approx(0.8)
    assert scores["loss"] == 0.5
    assert scores["rmse"] == math.sqrt(0.5)
    assert scores["mae"] == 0.5
    assert scores["r2"] == pytest.approx(1 - 2 / 5)
    assert scores["mean_rmse"] == math.sqrt((1 + 1 + 0 + 4) / 4)
    assert scores["rows"] == 4


def test_against_scipy_scikit_learn_and_torch() -> None:
    import torch

    random = np.random.default_rng(0)
    labels = np.round(random.uniform(0, 5, 300), 1)  # with ties, as in STS-B
    values = (labels + random.normal(size=300)).astype(np.float32)
    scores = full(values, labels, training_mean=2.5)
    assert scores["pearson"] == pytest.approx(stats.pearsonr(values, labels)[0])
    assert scores["spearman"] == pytest.approx(stats.spearmanr(values, labels)[0])
    assert scores["rmse"] == pytest.approx(oracle.root_mean_squared_error(labels, values))
    assert scores["mae"] == pytest.approx(oracle.mean_absolute_error(labels, values))
    assert scores["r2"] == pytest.approx(oracle.r2_score(labels, values))
    loss = torch.nn.MSELoss()(torch.tensor(values), torch.tensor(labels, dtype=torch.float32))
    assert scores["loss"] == pytest.approx(loss.item(), rel=1e-5)


NUMBERS = some.lists(some.integers(-5, 5), min_size=2, max_size=12)


@given(NUMBERS, some.data(), some.floats(1e-100, 1e100))
def test_correlations_are_scipys(values: list[int], data: some.DataObject, scale: float) -> None:
    labels = data.draw(some.lists(some.integers(-5, 5), min_size=len(values), max_size=len(values)))
    assume(len(set(values)) > 1 and len(set(labels)) > 1)
    both = correlations(scale * np.array(values), np.array(labels) / 7, np.ones((1, len(values))))
    assert both["pearson"] == pytest.approx(stats.pearsonr(values, labels)[0], abs=1e-9)
    assert both["spearman"] == pytest.approx(stats.spearmanr(values, labels)[0], abs=1e-9)


def test_correlations_of_a_draw_are_those_of_its_rows() -> None:
    random = np.random.default_rng(1)
    labels = random.integers(0, 4, 30).astype(np.float64)
    values = np.round(labels + random.normal(size=30), 1)
    (draws,) = draw_rows(30, draws=50)
    both = correlations(values, labels, draws)
    for i, draw in enumerate(draws.astype(int)):
        rows = np.repeat(np.arange(30), draw)
        assert both["pearson"][i] == pytest.approx(stats.pearsonr(values[rows], labels[rows])[0])
        assert both["spearman"][i] == pytest.approx(stats.spearmanr(values[rows], labels[rows])[0])


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.1] * 7, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]),  # a model that always says the same
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], [0.1] * 7),
        ([0.0] * 7, [0.0] * 7),
        ([2.0], [3.0]),
    ],
)
def test_undefined_correlations_are_zero(values: list[float], labels: list[float]) -> None:
    scores = full(np.array(values), np.array(labels), training_mean=0.0)
    assert scores["pearson"] == scores["spearman"] == 0.0
    assert scores["intervals"] == {"pearson": None, "spearman": None}
    assert scores["r2"] == (0.0 if len(set(labels)) == 1 else pytest.approx(oracle.r2_score(labels, values)))


def test_rounding_in_a_draw_of_equal_values_is_no_correlation() -> None:
    draws = np.array([[4.0, 3.0, 2.0, 1.0, 0.0], [2.0, 1.0, 3.0, 1.0, 0.0], [1.0] * 5])  # two without the odd row
    both = correlations(np.array([0.1, 0.1, 0.1, 0.1, 0.7]), np.array([0.2, 0.2, 0.2, 0.2, 0.9]), draws)
    assert both["pearson"].tolist() == both["spearman"].tolist() == pytest.approx([0.0, 0.0, 1.0])


def test_a_nearly_constant_model_still_has_a_correlation() -> None:
    labels = np.arange(10.0)
    assert quick(1.0 + 1e-7 * labels, labels)["pearson"] == pytest.approx(1.0, abs=1e-6)
