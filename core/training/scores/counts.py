"""Precision, recall and F1 from counts, of any shape and many resamples at once. Counts nothing itself."""

import numpy as np


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


def mean_where(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Mean over the last axis of the values that are counted (bool, same shape); 0.0 where none is."""
    return ratio(np.where(counted, values, 0.0).sum(axis=-1), counted.sum(axis=-1))
