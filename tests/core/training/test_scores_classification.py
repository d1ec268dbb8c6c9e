"""Scores of single labels and of choices, against scikit-learn, torch and hand numbers."""

import math

import numpy as np
import pytest
from sklearn import metrics as oracle

from core.training.scores import choice
from core.training.scores.classification import confusion_counts, cross_entropy, full, quick, softmax
from core.training.scores.proportion import wilson


def test_hand_numbers() -> None:
    logits = np.array([[2.0, 0.0], [0.0, 2.0], [2.0, 0.0], [2.0, 0.0]], dtype=np.float32)
    labels = np.array([0, 1, 1, 0])
    scores = full(logits, labels, ["no", "yes"], majority_label=0)
    assert scores["accuracy"] == 0.75
    assert scores["majority_accuracy"] == 0.5
    assert scores["rows"] == 4
    assert scores["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert scores["loss"] == pytest.approx((3 * math.log(1 + math.exp(-2)) + math.log(1 + math.exp(2))) / 4)
    assert scores["per_class"][1] == {
        "label": "yes", "precision": 1.0, "recall": 0.5, "f1": 2 / 3, "support": 2,
        "precision_interval": wilson(1, 1), "recall_interval": wilson(1, 2),
    }  # fmt: skip
    assert confusion_counts(logits, labels, 2) == [[2, 0], [1, 1]]


def test_against_scikit_learn_and_torch() -> None:
    import torch

    random = np.random.default_rng(0)
    logits = random.normal(size=(200, 4)).astype(np.float32) * 5
    labels = random.integers(0, 3, 200)  # the fourth label occurs in predictions only
    predicted = logits.argmax(axis=1)
    scores = full(logits, labels, list("abcd"), majority_label=1)
    for average in ("macro", "weighted"):
        for name in ("precision", "recall", "f1"):
            score = getattr(oracle, f"{name}_score")(labels, predicted, average=average, zero_division=0)
            assert scores[f"{average}_{name}"] == pytest.approx(score)
    assert scores["accuracy"] == pytest.approx(oracle.accuracy_score(labels, predicted))
    assert scores["mcc"] == pytest.approx(oracle.matthews_corrcoef(labels, predicted))
    assert scores["loss"] == pytest.approx(oracle.log_loss(labels, softmax(logits), labels=[0, 1, 2, 3]))
    loss = torch.nn.functional.cross_entropy(torch.tensor(logits), torch.tensor(labels))
    assert scores["loss"] == pytest.approx(loss.item(), rel=1e-5)
    assert scores["majority_accuracy"] == pytest.approx(np.mean(labels == 1))
    averages = {f"{average}_{name}" for average in ("macro", "weighted") for name in ("precision", "recall", "f1")}
    assert set(scores["intervals"]) == {"accuracy", "mcc"} | averages
    assert {name: scores[name] for name in ("loss", "accuracy", "macro_f1")} == quick(logits, labels)


def test_softmax_of_large_logits_is_finite() -> None:
    logits = np.array([[1e4, 0.0], [-1e4, 0.0]], dtype=np.float32)
    assert softmax(logits).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert cross_entropy(logits, np.array([1, 0])) == pytest.approx(1e4)


def test_one_row_and_absent_labels() -> None:
    scores = full(np.array([[0.0, 1.0, 0.0]]), np.array([1]), list("abc"), majority_label=0)
    assert scores["accuracy"] == 1.0
    assert scores["macro_f1"] == 1.0
    assert scores["mcc"] == 0.0  # undefined
    assert scores["intervals"]["accuracy"] == wilson(1, 1)
    assert scores["intervals"]["mcc"] is None
    assert [item["support"] for item in scores["per_class"]] == [0, 1, 0]


def test_choices_by_hand() -> None:
    logits = np.array([[0.0, 3.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    scores = choice.full(logits, np.array([1, 0, 0, 1]), majority_position=0)
    assert scores["accuracy"] == 0.75
    assert scores["chance_accuracy"] == 0.5
    assert scores["majority_accuracy"] == 0.5
    wrong, right = math.log(1 + math.e), math.log(1 + 1 / math.e)
    assert scores["loss"] == pytest.approx((math.log(1 + math.exp(-3)) + 2 * right + wrong) / 4)
    assert scores["rows"] == 4
