"""Scores of any number of labels for each row, from logits and 0/1 labels. Values in, plain numbers out."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.training.scores.bootstrap import draw_rows, intervals
from core.training.scores.counts import by_label, f1_score
from core.training.scores.finite import finite
from core.training.scores.proportion import wilson

THRESHOLD = 0.5  # a label is given where its probability is above it


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Probabilities of logits of any shape, computed in float64: each label is a yes or no of its own."""
    from scipy.special import expit

    return expit(logits.astype(np.float64))


def binary_cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean over rows and labels of −log p(what is so), in nats, as torch.nn.BCEWithLogitsLoss; NaN when a logit is."""
    logits = logits.astype(np.float64)
    with np.errstate(invalid="ignore"):  # inf − inf is NaN, which the loss passes on
        return float(np.mean(np.logaddexp(0.0, logits) - logits * labels))


def quick(logits: np.ndarray, labels: np.ndarray, *, threshold: float = THRESHOLD) -> dict[str, float]:
    """Loss, micro and macro F1 and subset accuracy of logits and 0/1 labels (row, label).

    A label is predicted where its probability is above `threshold`. Macro F1 is the mean over all labels, 0.0 for one
    that neither occurs nor is predicted; subset accuracy is the share of rows with every label right.
    """
    predicted, true = sigmoid(logits) > threshold, labels.astype(bool)
    return {"loss": binary_cross_entropy(logits, labels), **_scores(predicted, true)}


def full(
    logits: np.ndarray,
    labels: np.ndarray,
    label_names: Sequence[str],
    *,
    majority_labels: Sequence[int],
    threshold: float = THRESHOLD,
) -> dict[str, Any]:
    """All scores of logits and 0/1 labels (row, label).

    `majority_labels` (label,), of 0 and 1, is the commonest set of labels among the training rows: always answering it
    gives `majority_accuracy` (of whole sets) and `majority_micro_f1`. `hamming_loss` is the share of wrong cells.
    `counts` are the rows with every label right and all rows, on which the interval of `subset_accuracy` rests
    (Wilson's); the others are drawn. Raises LabError when a logit is not a number.
    """
    predicted, true = sigmoid(logits) > threshold, labels.astype(bool)
    majority = np.broadcast_to(np.asarray(majority_labels, dtype=bool), true.shape)
    always = _scores(majority, true)
    right = int((predicted == true).all(axis=1).sum())
    drawn = intervals(draw_rows(len(true)), lambda draws: _of_draws(predicted, true, draws))
    counts = (predicted & true).sum(axis=0), predicted.sum(axis=0), true.sum(axis=0)
    return finite(
        {
            **_scores(predicted, true),
            "loss": binary_cross_entropy(logits, labels),
            "hamming_loss": float(np.mean(predicted != true)),
            "majority_accuracy": always["subset_accuracy"],
            "majority_micro_f1": always["micro_f1"],
            "intervals": drawn | {"subset_accuracy": wilson(right, len(true))},
            "counts": {"subset_accuracy": [right, len(true)]},
            "threshold": threshold,
            "rows": len(true),
            "per_class": by_label(label_names, *counts),
        }
    )


def _scores(predicted: np.ndarray, true: np.ndarray) -> dict[str, float]:
    each_once = np.ones((1, len(true)))
    return {name: float(values[0]) for name, values in _of_draws(predicted, true, each_once).items()}


def _of_draws(predicted: np.ndarray, true: np.ndarray, draws: np.ndarray) -> dict[str, np.ndarray]:
    """Micro and macro F1 and subset accuracy, each (draw,), with rows as often as `draws` (draw, row) says.

    `predicted` and `true` are bool (row, label).
    """
    counts = [draws @ each.astype(np.float64) for each in (predicted & true, predicted, true)]  # (draw, label) each
    return {
        "micro_f1": f1_score(*(each.sum(axis=1) for each in counts)),
        "macro_f1": f1_score(*counts).mean(axis=1),
        "subset_accuracy": draws @ (predicted == true).all(axis=1) / len(true),
    }
