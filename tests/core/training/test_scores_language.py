"""Scores of guessing hidden tokens, against hand numbers."""

import math

import pytest

from core.errors import LabError
from core.training.scores.language import full, quick


def test_hand_numbers() -> None:
    scores = full(30.0, 4, 7, 10)
    assert scores == {
        "loss": 3.0,
        "perplexity": pytest.approx(math.exp(3)),
        "masked_accuracy": 0.4,
        "masked_top5": 0.7,
        "masked_pieces": 10,
    }
    with_next = full(30.0, 4, 7, 10, 3, 4)
    assert with_next == {**scores, "next_sentence_accuracy": 0.75, "next_sentence_pairs": 4}


def test_the_perplexity_of_a_huge_loss_is_finite() -> None:
    assert quick(1e9, 0, 0, 1)["perplexity"] == math.exp(700)


def test_without_hidden_tokens_there_is_no_score() -> None:
    with pytest.raises(LabError, match="No token was hidden"):
        quick(0.0, 0, 0, 0)
