"""Precision, recall and F1 from counts, of any shape and many resamples at once. Counts nothing itself."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.training.scores.proportion import wilson


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Elementwise quotient in float64, 0.0 where the denominator is 0 (as scikit-learn's `zero_division=0`)."""
    numerator, denominator = np.broadcast_arrays(np.asarray(numerator), np.asarray(denominator))
    return np.divide(numerator, denominator, out=np.zeros(numerator.shape), where=denominator != 0)


def f1_score(correct: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """F1 = 2 · correct / (predicted + true), which is the harmonic mean of precision and recall; 0.0 where there is
    nothing to find and nothing was found."""
    return ratio(2 * np.asarray(correct), np.asarray(predicted) + np.asarray(true))


def precision_recall_f1(correct: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, ...]:
    """Precision, recall and F1 of counts of one shape, e.g. (label,), each in that shape."""
    return ratio(correct, predicted), ratio(correct, true), f1_score(correct, predicted, true)


def by_label(
    names: Sequence[str], correct: np.ndarray, predicted: np.ndarray, true: np.ndarray
) -> list[dict[str, Any]]:
    """An entry for each label, for counts (label,) of independent rows: its scores, the intervals of precision and
    recall (None where there is nothing that they could be a share of), and its rows as `support`."""
    scores = precision_recall_f1(correct, predicted, true)
    return [
        {
            "label": name, "precision": float(precision), "recall": float(recall), "f1": float(f1), "support": int(t),
            "precision_interval": wilson(int(c), int(p)) if p else None,
            "recall_interval": wilson(int(c), int(t)) if t else None,
        }
        for name, precision, recall, f1, c, p, t in zip(names, *scores, correct, predicted, true, strict=True)
    ]  # fmt: skip


def mean_where(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Mean over the last axis of the values that are counted (bool, same shape); 0.0 where none is."""
    return ratio(np.where(counted, values, 0.0).sum(axis=-1), counted.sum(axis=-1))
