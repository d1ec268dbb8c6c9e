"""Scores of one label for each row, from logits and labels. Values in, plain numbers out."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.training.scores.bootstrap import draw_kinds, intervals
from core.training.scores.counts import by_label, mean_where, precision_recall_f1, ratio
from core.training.scores.finite import finite
from core.training.scores.proportion import wilson

_ZERO_DIVISION: Any = 0  # of scikit-learn, which types it after its default “warn”
_AVERAGED = ("precision", "recall", "f1")  # over the labels


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities (row, label) of logits (row, label), computed in float64."""
    exponentials = np.exp(_shifted(logits))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean of −log p(label) over the rows, in nats; NaN when a logit is."""
    shifted = _shifted(logits)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    return float(np.mean(log_sum - shifted[np.arange(len(labels)), labels]))


def _shifted(logits: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # inf − inf is NaN, which the loss passes on
        return logits.astype(np.float64) - logits.max(axis=1, keepdims=True)


def quick(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Loss, accuracy and macro F1 (over the labels that occur, as scikit-learn does it) of logits (row, label) and
    labels (row,)."""
    from sklearn import metrics

    predicted = logits.argmax(axis=1)
    return {
        "loss": cross_entropy(logits, labels),
        "accuracy": float(metrics.accuracy_score(labels, predicted)),
        "macro_f1": float(metrics.f1_score(labels, predicted, average="macro", zero_division=_ZERO_DIVISION)),
    }


def full(logits: np.ndarray, labels: np.ndarray, label_names: Sequence[str], *, majority_label: int) -> dict[str, Any]:
    """All scores of logits (row, label) and labels (row,).

    `majority_label` is the commonest label among the training rows: always answering it gives `majority_accuracy`.
    `mcc` is Matthews' correlation coefficient, 0.0 where it is undefined (only one label occurs). Averages go over the
    labels that occur. `counts` are right rows and rows, on which the interval of the accuracy rests (Wilson's); the
    others are drawn. Raises LabError when a logit is not a number.
    """
    from sklearn.metrics import matthews_corrcoef, precision_recall_fscore_support

    predicted = logits.argmax(axis=1)
    right = labels[predicted == labels]
    by_number = [np.bincount(each, minlength=len(label_names)) for each in (right, predicted, labels)]
    macro, weighted = (
        precision_recall_fscore_support(labels, predicted, average=average, zero_division=_ZERO_DIVISION)
        for average in ("macro", "weighted")
    )
    scores = quick(logits, labels)
    return finite(
        {
            "accuracy": scores["accuracy"],
            "macro_f1": scores["macro_f1"],
            "weighted_f1": float(weighted[2]),
            "mcc": float(matthews_corrcoef(labels, predicted)) if len({*labels, *predicted}) > 1 else 0.0,
            "macro_precision": float(macro[0]),
            "macro_recall": float(macro[1]),
            "weighted_precision": float(weighted[0]),
            "weighted_recall": float(weighted[1]),
            "loss": scores["loss"],
            "majority_accuracy": float(np.mean(labels == majority_label)),
            "intervals": _intervals(labels, predicted) | {"accuracy": wilson(len(right), len(labels))},
            "counts": {"accuracy": [len(right), len(labels)]},
            "rows": len(labels),
            "per_class": by_label(label_names, *by_number),
        }
    )


def confusion_counts(logits: np.ndarray, labels: np.ndarray, label_count: int) -> list[list[int]]:
    """Counts (true label, predicted label)."""
    from sklearn.metrics import confusion_matrix

    return confusion_matrix(labels, logits.argmax(axis=1), labels=list(range(label_count))).tolist()


def _intervals(labels: np.ndarray, predicted: np.ndarray) -> dict[str, list[float] | None]:
    """The intervals of the scores that depend on the confusion matrix only, of which the occupied cells are drawn."""
    cells, counts = np.unique(np.stack([labels, predicted]), axis=1, return_counts=True)
    true, taken = cells
    return intervals(draw_kinds(counts), lambda draws: scores_of_cells(true, taken, draws))


def scores_of_cells(true: np.ndarray, predicted: np.ndarray, draws: np.ndarray) -> dict[str, np.ndarray]:
    """Accuracy, precision, recall and F1 (macro, weighted) and MCC, each (draw,), of confusion matrices given by their
    occupied cells.

    Cell i holds the rows with label `true[i]` that were taken for `predicted[i]`, `draws` (draw, cell) how many these
    are. As scikit-learn on the rows themselves: averages over the labels that occur, MCC by Gorodkin (2004).
    """
    from scipy.sparse import csr_array

    names, codes = np.unique(np.stack([true, predicted]), return_inverse=True)
    hits, ones, cells = true == predicted, np.ones(len(true), dtype=np.int64), np.arange(len(true))

    def of_labels(which: np.ndarray, count: np.ndarray) -> np.ndarray:  # (draw, label)
        return (csr_array((count, (which, cells)), shape=(len(names), len(cells))) @ draws.T).T

    of_true, of_predicted = of_labels(codes[0], ones), of_labels(codes[1], ones)
    correct = of_labels(codes[0], hits.astype(np.int64))
    rows, right = draws.sum(axis=1), correct.sum(axis=1)
    by_name = dict(zip(_AVERAGED, precision_recall_f1(correct, of_predicted, of_true), strict=True))
    occurs = of_true + of_predicted > 0
    spread_true, spread_predicted = (rows**2 - (each**2).sum(axis=1) for each in (of_true, of_predicted))
    covariance = right * rows - (of_true * of_predicted).sum(axis=1)
    return {
        "accuracy": right / rows,
        **{f"macro_{name}": mean_where(each, occurs) for name, each in by_name.items()},
        **{f"weighted_{name}": (each * of_true).sum(axis=1) / rows for name, each in by_name.items()},
        "mcc": ratio(covariance, np.sqrt(spread_true * spread_predicted.astype(np.float64))),
    }
