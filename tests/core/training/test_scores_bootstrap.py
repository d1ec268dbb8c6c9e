"""Intervals, against resampling the rows with scikit-learn, scipy's bootstrap and the normal approximation."""

from functools import partial

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as oracle

from core.training.scores.bootstrap import DRAWS, draw_kinds, draw_rows, intervals, mean_intervals
from core.training.scores.classification import full, scores_of_cells
from core.training.scores.counts import f1_score, mean_where, precision_recall_f1

SCORES = {"accuracy": oracle.accuracy_score, "mcc": oracle.matthews_corrcoef} | {
    f"{average}_{name}": partial(getattr(oracle, f"{name}_score"), average=average, zero_division=0)
    for average in ("macro", "weighted")
    for name in ("precision", "recall", "f1")
}


@pytest.fixture
def answered() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits (row, label), labels and predictions of 150 rows, one label rare."""
    random = np.random.default_rng(3)
    labels = random.choice(3, 150, p=[0.6, 0.35, 0.05])
    logits = random.normal(size=(150, 3)) + 1.5 * np.eye(3)[labels]
    return logits, labels, logits.argmax(axis=1)


def test_scores_of_a_draw_are_those_of_its_rows(answered: tuple[np.ndarray, ...]) -> None:
    _, labels, predicted = answered
    cells, counts = np.unique(np.stack([labels, predicted]), axis=1, return_counts=True)
    (draws,) = draw_kinds(counts, draws=40)
    never_guessed = np.where(cells[1] == 2, 0, counts)  # its precision is undefined
    without_the_rare = np.where((cells == 2).any(axis=0), 0, counts)  # a draw in which a label does not occur
    draws = np.vstack([draws, never_guessed, without_the_rare])
    scores = scores_of_cells(*cells, draws)
    assert scores.keys() == SCORES.keys()
    for i, draw in enumerate(draws):
        rows = np.repeat(cells, draw, axis=1)
        for name, score in SCORES.items():
            assert scores[name][i] == pytest.approx(score(*rows)), name


def test_drawing_cells_is_drawing_rows(answered: tuple[np.ndarray, ...]) -> None:
    logits, labels, predicted = answered
    ours = full(logits, labels, list("abc"), majority_label=0)["intervals"]
    random = np.random.default_rng(11)
    samples = [random.integers(150, size=150) for _ in range(DRAWS)]
    drawn: dict[str, list[float]] = {name: [] for name in SCORES}
    for rows in samples:
        truth, answers = labels[rows], predicted[rows]
        drawn["accuracy"].append(np.mean(truth == answers))
        drawn["mcc"].append(oracle.matthews_corrcoef(truth, answers))
        *of_labels, support = oracle.precision_recall_fscore_support(truth, answers, zero_division=0)
        for name, values in zip(("precision", "recall", "f1"), of_labels, strict=True):
            drawn[f"macro_{name}"].append(values.mean())
            drawn[f"weighted_{name}"].append(np.average(values, weights=support))
    for name, values in ((name, np.array(values)) for name, values in drawn.items()):
        # Each end is a quantile of 1,000 draws: its own standard error is about 0.085 standard deviations of the score.
        assert ours[name] == pytest.approx(np.quantile(values, [0.025, 0.975]).tolist(), abs=0.4 * values.std()), name


def test_rows_and_kinds_are_drawn_as_often_as_they_should() -> None:
    counts = np.array([700, 250, 50])
    of_kinds = np.concatenate(list(draw_kinds(counts)))
    of_rows = np.concatenate(list(draw_rows(1_000)))
    grouped = np.add.reduceat(of_rows, [0, 700, 950], axis=1)
    share = counts / 1_000
    expected = 1_000 * (np.diag(share) - np.outer(share, share))  # the covariance of a multinomial
    for draws in (of_kinds, grouped):
        assert draws.shape == (DRAWS, 3)
        assert (draws.sum(axis=1) == 1_000).all()
        np.testing.assert_allclose(draws.mean(axis=0), counts, atol=5 * np.sqrt(210 / DRAWS))
        np.testing.assert_allclose(np.cov(draws.T, bias=True), expected, atol=0.2 * 210)


def test_the_interval_of_a_mean_is_scipys() -> None:
    values = np.random.default_rng(5).exponential(size=400)
    ours = mean_intervals(mean=values)["mean"]
    theirs = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=2_000, rng=1).confidence_interval
    assert ours == pytest.approx(list(theirs), abs=0.02)
    normal = values.mean() + np.array([-1.96, 1.96]) * values.std() / 20
    assert ours == pytest.approx(normal.tolist(), abs=0.02)


def test_many_rows_are_drawn_in_blocks_and_the_same_each_time() -> None:
    first, second = (list(draw_rows(900_000, draws=3)) for _ in range(2))
    assert [block.shape[0] for block in first] == [2, 1]
    assert all((block.sum(axis=1) == 900_000).all() for block in first)
    assert all(np.array_equal(*blocks) for blocks in zip(first, second, strict=True))
    assert not np.array_equal(first[0][0], first[0][1])


def test_about_95_of_100_intervals_hold_the_truth() -> None:
    random = np.random.default_rng(7)
    held = 0
    for _ in range(200):
        right = random.binomial(300, 0.8)
        cells = np.array([right, 300 - right])
        low, high = intervals(draw_kinds(cells), lambda draws: {"accuracy": draws[:, 0] / 300})["accuracy"]
        held += low <= 0.8 <= high
    assert 180 <= held <= 199  # 190 expected, standard deviation 3


def test_scores_from_counts_by_hand() -> None:
    precision, recall, f1 = precision_recall_f1(np.array([2, 0, 0]), np.array([4, 0, 3]), np.array([2, 0, 0]))
    assert precision.tolist() == [0.5, 0.0, 0.0]
    assert recall.tolist() == [1.0, 0.0, 0.0]
    assert f1.tolist() == pytest.approx([2 / 3, 0.0, 0.0])
    assert float(f1_score(2, 4, 2)) == pytest.approx(2 / 3)
    counted = np.array([[True, False, True], [False] * 3])
    assert mean_where(np.array([[1.0, 9.0, 0.5]] * 2), counted).tolist() == [0.75, 0.0]
