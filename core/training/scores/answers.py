"""Scores of answers cut from a text, as SQuAD has them (Rajpurkar et al. 2016, 2018), and the best span of a window.

The rules are those of the official evaluation script of SQuAD 2.0, written again. They are made for English: articles
go, and words end at blanks, so that an answer in Chinese is one word. Puts no windows together.
"""

import re
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.training.scores.bootstrap import mean_intervals
from core.training.scores.finite import finite
from core.training.scores.proportion import wilson

LONGEST_ANSWER = 30  # tokens, as in transformers' example
_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True, slots=True)
class Span:
    """An answer in a window: its first and last token, and the sum of their logits."""

    start: int
    end: int
    score: float


def normalize(answer: str) -> str:
    """An answer as it is compared: in small letters, without punctuation (of ASCII), a, an, the and superfluous blanks.

    >>> normalize("The  Norman Conquest (of 1066).")
    'norman conquest of 1066'
    """
    bare = answer.lower().translate(_PUNCTUATION)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())


def exact_match(predicted: str, answers: Sequence[str]) -> float:
    """1.0 when the prediction equals one of the answers, both normalised, else 0.0. No answers: it has to be empty."""
    return max(float(normalize(predicted) == normalize(answer)) for answer in _gold(answers))


def f1(predicted: str, answers: Sequence[str]) -> float:
    """F1 of the words shared with the answer that fits best; where one side is empty, 1.0 if both are, else 0.0."""
    return max(_overlap(normalize(predicted).split(), normalize(answer).split()) for answer in _gold(answers))


def _gold(answers: Sequence[str]) -> Sequence[str]:
    """The answers that say something; the empty one where none does, which is how SQuAD 2.0 has the unanswerable."""
    return [answer for answer in answers if normalize(answer)] or [""]


def _overlap(predicted: list[str], gold: list[str]) -> float:
    if not predicted or not gold:
        return float(predicted == gold)
    return 2 * (Counter(predicted) & Counter(gold)).total() / (len(predicted) + len(gold))


def quick(predictions: Sequence[str], answers: Sequence[Sequence[str]], loss: float) -> dict[str, float]:
    """The loss as given, and the means of exact match and F1, between 0 and 1, of one prediction for each question.

    `answers` holds the right answers of each question; a question without any is right when its prediction is "".
    """
    exact, overlap = _by_question(predictions, answers)
    return {"loss": float(loss), "exact_match": float(exact.mean()), "f1": float(overlap.mean())}


def full(predictions: Sequence[str], answers: Sequence[Sequence[str]], loss: float) -> dict[str, Any]:
    """All scores of one prediction for each question, between 0 and 1; see `quick`.

    `answerable` and `unanswerable` hold the number of such questions (`rows`) and their own exact match and F1, None
    where there are none. `counts` are exact matches and questions, on which that interval rests (Wilson's); that of F1
    is drawn. `no_answer_f1` is what never answering gives. Raises LabError when the loss is not a number.
    """
    exact, overlap = _by_question(predictions, answers)
    right = int(exact.sum())
    has_answer = np.array([_gold(each) != [""] for each in answers])
    return finite(
        {
            "exact_match": float(exact.mean()),
            "f1": float(overlap.mean()),
            "loss": float(loss),
            "answerable": _part(exact, overlap, has_answer),
            "unanswerable": _part(exact, overlap, ~has_answer),
            "no_answer_f1": float(np.mean(~has_answer)),
            "intervals": mean_intervals(f1=overlap) | {"exact_match": wilson(right, len(answers))},
            "counts": {"exact_match": [right, len(answers)]},
            "rows": len(answers),
        }
    )


def _by_question(predictions: Sequence[str], answers: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
    pairs = list(zip(predictions, answers, strict=True))
    return np.array([exact_match(*pair) for pair in pairs]), np.array([f1(*pair) for pair in pairs])


def _part(exact: np.ndarray, overlap: np.ndarray, which: np.ndarray) -> dict[str, Any]:
    means = [float(values[which].mean()) if which.any() else None for values in (exact, overlap)]
    return {"rows": int(which.sum()), "exact_match": means[0], "f1": means[1]}


def best_span(
    start_logits: np.ndarray, end_logits: np.ndarray, allowed: np.ndarray, *, most_tokens: int = LONGEST_ANSWER
) -> Span | None:
    """The span of a window with the highest start logit + end logit; None where no token is allowed.

    Logits and `allowed` (bool: the token belongs to the context) are (pos,). First and last token are both allowed, and
    a span holds at most `most_tokens`. Every such span is looked at, not only those of the best few starts and ends. Of
    equals, the one that starts first, then the shorter, wins.
    """
    if not allowed.any():
        return None
    starts = np.where(allowed, start_logits.astype(np.float64), -np.inf)
    ends = np.where(allowed, end_logits.astype(np.float64), -np.inf)
    padded = np.concatenate([ends, np.full(most_tokens - 1, -np.inf)])
    scores = starts[:, np.newaxis] + np.lib.stride_tricks.sliding_window_view(padded, most_tokens)  # (pos, length − 1)
    start, further = divmod(int(scores.argmax()), most_tokens)
    return Span(start, start + further, float(scores[start, further]))


def no_answer_score(start_logits: np.ndarray, end_logits: np.ndarray) -> float:
    """How strongly a window says that it holds no answer: start logit + end logit of its first token, [CLS]."""
    return float(start_logits[0]) + float(end_logits[0])
