"""Scores of one number for each row. Values in, plain numbers out."""

import math
from typing import Any

import numpy as np

from core.training.scores.bootstrap import draw_rows, intervals
from core.training.scores.counts import ratio
from core.training.scores.finite import finite

_CONSTANT = 1e-12  # a spread below this share of the largest value is rounding


def quick(values: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Loss (mean squared error), Pearson's and Spearman's correlation of values and labels (row,).

    A correlation is 0.0 where it is undefined: one row, or values or labels that are all the same.
    """
    values, labels = values.astype(np.float64), labels.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # an infinite value makes the loss infinite, or NaN
        loss = float(np.mean((values - labels) ** 2))
        both = correlations(values, labels, np.ones((1, len(labels))))
    return {"loss": loss, **{name: float(value[0]) for name, value in both.items()}}


def full(values: np.ndarray, labels: np.ndarray, *, training_mean: float) -> dict[str, Any]:
    """All scores of values and labels (row,), in the labels' unit.

    `training_mean` is the mean label of the training rows: always answering it gives `mean_rmse`. `r2` is the share of
    the labels' variance explained, 0.0 where the labels are all the same; correlations as in `quick`. Raises LabError
    when a value is not a number.
    """
    values, labels = values.astype(np.float64), labels.astype(np.float64)
    scores = quick(values, labels)
    finite(scores)  # before anything is drawn
    varies = labels.std() > _CONSTANT * np.abs(labels).max()
    return finite(
        {
            "pearson": scores["pearson"],
            "spearman": scores["spearman"],
            "loss": scores["loss"],
            "rmse": math.sqrt(scores["loss"]),
            "mae": float(np.mean(np.abs(values - labels))),
            "r2": 1.0 - scores["loss"] / float(labels.var()) if varies else 0.0,
            "mean_rmse": math.sqrt(np.mean((labels - training_mean) ** 2)),
            "intervals": intervals(draw_rows(len(labels)), lambda draws: correlations(values, labels, draws)),
            "rows": len(labels),
        }
    )


def correlations(values: np.ndarray, labels: np.ndarray, draws: np.ndarray) -> dict[str, np.ndarray]:
    """Both correlations (draw,) of values and labels (row,), with rows as often as `draws` (draw, row) says."""
    return {
        "pearson": _correlation(values, labels, draws),
        "spearman": _correlation(_ranks(values, draws), _ranks(labels, draws), draws),
    }


def _correlation(x: np.ndarray, y: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Pearson's correlation (draw,) of x and y, (row,) or (draw, row), by weights (draw, row); 0.0 where undefined."""
    x, y = _centred(x, draws), _centred(y, draws)
    covariance, of_x, of_y = ((draws * product).sum(axis=1) for product in (x * y, x * x, y * y))
    rows = draws.sum(axis=1)
    varies = np.minimum(of_x, of_y) > rows * _CONSTANT**2
    return np.clip(ratio(np.where(varies, covariance, 0.0), np.where(varies, np.sqrt(of_x * of_y), 1.0)), -1.0, 1.0)


def _centred(values: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Values less their weighted mean, (draw, row), scaled so that the largest value was 1: no square overflows."""
    largest = np.abs(values).max()
    scaled = values / largest if largest > 0 else values
    return scaled - (draws * scaled).sum(axis=1, keepdims=True) / draws.sum(axis=1, keepdims=True)


def _ranks(values: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Ranks (draw, row), counted from ½, of values (row,) among the rows drawn; equals share the mean of theirs."""
    _, group = np.unique(values, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    in_group = np.add.reduceat(draws[:, order], starts, axis=1)  # (draw, group), from the smallest value up
    last = in_group.cumsum(axis=1)
    return (last - in_group / 2)[:, group]
