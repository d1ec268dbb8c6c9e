"""Scores of a classifier, from logits and labels. Values in, plain numbers out; reads and writes nothing."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities (row, label) of logits (row, label), computed in float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean of −log p(label) over the rows, in nats."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    return float(np.mean(log_sum - shifted[np.arange(len(labels)), labels]))


def quick_scores(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Loss, accuracy and macro F1 (over the labels that occur, as scikit-learn does it): for curves during training."""
    from sklearn.metrics import accuracy_score, f1_score

    predicted = logits.argmax(axis=1)
    return {
        "loss": cross_entropy(logits, labels),
        "accuracy": float(accuracy_score(labels, predicted)),
        "macro_f1": float(f1_score(labels, predicted, average="macro", zero_division=0)),
    }


def full_scores(
    logits: np.ndarray, labels: np.ndarray, label_names: Sequence[str], *, majority_label: int
) -> dict[str, Any]:
    """All scores of a held-out set, as they stand in `evaluation/metrics.json`.

    `logits` (row, label); `majority_label` is the commonest label among the training rows: always answering it gives
    `majority_accuracy`, which a trained model has to beat. `mcc` is Matthews' correlation coefficient.
    """
    from sklearn.metrics import f1_score, matthews_corrcoef, precision_recall_fscore_support

    predicted = logits.argmax(axis=1)
    numbers = list(range(len(label_names)))
    parts = precision_recall_fscore_support(labels, predicted, labels=numbers, zero_division=0)
    per_class = [
        {"label": name, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(s)}
        for name, p, r, f, s in zip(label_names, *parts, strict=True)
    ]
    quick = quick_scores(logits, labels)
    return {
        "accuracy": quick["accuracy"],
        "macro_f1": quick["macro_f1"],
        "weighted_f1": float(f1_score(labels, predicted, average="weighted", zero_division=0)),
        "mcc": float(matthews_corrcoef(labels, predicted)) if len({*labels, *predicted}) > 1 else 0.0,
        "loss": quick["loss"],
        "majority_accuracy": float(np.mean(labels == majority_label)),
        "rows": len(labels),
        "per_class": per_class,
    }


def confusion_counts(logits: np.ndarray, labels: np.ndarray, label_count: int) -> list[list[int]]:
    """Counts (true label, predicted label)."""
    from sklearn.metrics import confusion_matrix

    return confusion_matrix(labels, logits.argmax(axis=1), labels=list(range(label_count))).tolist()
