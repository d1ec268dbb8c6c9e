"""Scores of many labels a row, against scikit-learn, torch and hand numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays
from sklearn import metrics as oracle

from core.training.scores.multi_label import binary_cross_entropy, full, quick, sigmoid

NUMBERS = ("precision", "recall", "f1", "support")


def test_hand_numbers() -> None:
    logits = np.array(
        [[2.0, -1.0], [-1.0, 0.0], [3.0, 1.0]], dtype=np.float32
    )  # 0.0 is a probability of 0.5: not above
    labels = np.array([[1, 0], [1, 1], [1, 0]])
    scores = full(logits, labels, ["a", "b"], majority_labels=[1, 0])
    assert scores["subset_accuracy"] == pytest.approx(1 / 3)
    assert scores["hamming_loss"] == pytest.approx(3 / 6)
    assert scores["micro_f1"] == pytest.approx(2 * 2 / (3 + 4))
    assert scores["macro_f1"] == pytest.approx((2 * 2 / (2 + 3) + 0) / 2)
    assert scores["majority_accuracy"] == pytest.approx(2 / 3)
    assert scores["majority_micro_f1"] == pytest.approx(2 * 3 / (3 + 4))
    named = [{name: each[name] for name in ("label", *NUMBERS)} for each in scores["per_class"]]
    assert named == [
        {"label": "a", "precision": 1.0, "recall": 2 / 3, "f1": 0.8, "support": 3},
        {"label": "b", "precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1},
    ]


@pytest.mark.parametrize("threshold", [0.5, 0.2])
def test_against_scikit_learn_and_torch(threshold: float) -> None:
    import torch

    random = np.random.default_rng(0)
    labels = (random.random((300, 5)) < [0.5, 0.2, 0.1, 0.02, 0.0]).astype(np.int64)  # the last never occurs
    logits = (random.normal(size=labels.shape) + 3 * labels - 2).astype(np.float32)
    logits[:, 4] = -9  # and is never predicted
    predicted = (torch.sigmoid(torch.tensor(logits)) > threshold).numpy()
    scores = full(logits, labels, list("abcde"), majority_labels=[0] * 5, threshold=threshold)
    for average in ("micro", "macro"):
        f1 = oracle.f1_score(labels, predicted, average=average, zero_division=0)
        assert scores[f"{average}_f1"] == pytest.approx(f1)
    assert scores["subset_accuracy"] == pytest.approx(oracle.accuracy_score(labels, predicted))
    assert quick(logits, labels, threshold=threshold).items() <= scores.items()
    assert scores["hamming_loss"] == pytest.approx(oracle.hamming_loss(labels, predicted))
    parts = oracle.precision_recall_fscore_support(labels, predicted, zero_division=0)
    ours = [[item[name] for item in scores["per_class"]] for name in NUMBERS]
    np.testing.assert_allclose(ours, parts)
    loss = torch.nn.BCEWithLogitsLoss()(torch.tensor(logits), torch.tensor(labels, dtype=torch.float32))
    assert scores["loss"] == pytest.approx(loss.item(), rel=1e-5)
    assert set(scores["intervals"]) == {"micro_f1", "macro_f1", "subset_accuracy"}


@given(
    arrays(np.float64, (4, 2), elements=some.floats(-1e6, 1e6)), arrays(np.int64, (4, 2), elements=some.integers(0, 1))
)
def test_the_loss_is_torchs_also_for_large_logits(logits: np.ndarray, labels: np.ndarray) -> None:
    import torch

    loss = torch.nn.functional.binary_cross_entropy_with_logits(torch.tensor(logits), torch.tensor(labels).double())
    assert binary_cross_entropy(logits, labels) == pytest.approx(loss.item(), rel=1e-12, abs=1e-12)
    assert sigmoid(logits) == pytest.approx(torch.sigmoid(torch.tensor(logits)).numpy(), rel=1e-12)


def test_a_single_label() -> None:
    scores = quick(np.array([[1.0], [1.0], [-1.0]]), np.array([[1], [0], [0]]))
    assert scores["micro_f1"] == scores["macro_f1"] == pytest.approx(2 / 3)
    assert scores["subset_accuracy"] == pytest.approx(2 / 3)
