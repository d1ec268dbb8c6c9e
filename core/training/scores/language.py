"""Scores of guessing hidden tokens (and whether a sentence follows), from sums. Values in, plain numbers out."""

import math
from typing import Any

from core.errors import LabError
from core.training.scores.finite import finite

_LARGEST_EXPONENT = 700.0  # e to this is still a finite float64


def quick(
    loss_sum: float,
    top1_correct: int,
    top5_correct: int,
    count: int,
    next_correct: int = 0,
    next_count: int = 0,
) -> dict[str, float]:
    """Mean loss in nats, perplexity = e^loss, and the shares of hidden tokens found first and among the first five.

    `loss_sum` is the sum of −log p(token) over the `count` hidden tokens. Where `next_count` pairs of sentences were
    judged, `next_sentence_accuracy` is the share judged rightly; otherwise it is left out. The perplexity is capped at
    e^700, so that it is finite. Raises LabError where no token was hidden.
    """
    if count == 0:
        raise LabError(
            "No token was hidden in the texts that are scored.", "Use more or longer texts, or hide a larger share."
        )
    loss = float(loss_sum) / count
    scores = {
        "loss": loss,
        "perplexity": math.exp(min(loss, _LARGEST_EXPONENT)),
        "masked_accuracy": int(top1_correct) / count,
        "masked_top5": int(top5_correct) / count,
    }
    if next_count:
        scores["next_sentence_accuracy"] = int(next_correct) / next_count
    return scores


def full(
    loss_sum: float,
    top1_correct: int,
    top5_correct: int,
    count: int,
    next_correct: int = 0,
    next_count: int = 0,
) -> dict[str, Any]:
    """The scores of `quick`, with the counts behind them: `masked_pieces` and, where judged, `next_sentence_pairs`.

    Raises LabError as `quick` does, and when the loss is not a number.
    """
    scores = quick(loss_sum, top1_correct, top5_correct, count, next_correct, next_count)
    counts = {"masked_pieces": int(count)} | ({"next_sentence_pairs": int(next_count)} if next_count else {})
    return finite(scores | counts)
