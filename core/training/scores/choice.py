"""Scores of one choice among several for each row, from logits and labels. Values in, plain numbers out."""

from typing import Any

import numpy as np

from core.training.scores.classification import cross_entropy
from core.training.scores.finite import finite
from core.training.scores.proportion import wilson


def quick(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Loss and accuracy of logits (row, choice) and labels (row,), the position of the right choice."""
    return {"loss": cross_entropy(logits, labels), "accuracy": float(np.mean(logits.argmax(axis=1) == labels))}


def full(logits: np.ndarray, labels: np.ndarray, *, majority_position: int) -> dict[str, Any]:
    """All scores of logits (row, choice) and labels (row,).

    `chance_accuracy` is what guessing gives, `majority_accuracy` what always choosing `majority_position` gives, the
    commonest among the training rows. Raises LabError when a logit is not a number.
    """
    scores = quick(logits, labels)
    right = int((logits.argmax(axis=1) == labels).sum())
    return finite(
        {
            "accuracy": scores["accuracy"],
            "loss": scores["loss"],
            "chance_accuracy": 1 / logits.shape[1],
            "majority_accuracy": float(np.mean(labels == majority_position)),
            "intervals": {"accuracy": wilson(right, len(labels))},
            "counts": {"accuracy": [right, len(labels)]},
            "rows": len(labels),
        }
    )
