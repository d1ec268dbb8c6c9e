"""From logits of windows to the answers of their questions: the best spans over all windows, and whether to answer.

As in transformers' example of question answering (run_qa, `postprocess_qa_predictions`), but every span is looked at,
and further answers do not overlap better ones.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from core.training.batches.windows import Windows
from core.training.scores.answers import LONGEST_ANSWER, Span, best_span, no_answer_score


@dataclass(frozen=True, slots=True)
class Found:
    """An answer: `text` is `context[start:end]`; "" and None stand for no answer.

    probability: that of its first times that of its last token, among those of the context and “no answer” in its
    window. logit: the sum of both logits, by which answers are ranked.
    """

    text: str
    start: int | None
    end: int | None
    probability: float
    logit: float

    @property
    def characters(self) -> range:
        """Where it stands in the context; empty for no answer."""
        return range(self.start or 0, self.end or 0)


@dataclass(frozen=True, slots=True)
class Answers:
    """What was found for one question: answers, best first; “no answer”; whether that is what the model says."""

    found: tuple[Found, ...]
    no_answer: Found
    is_declined: bool

    @property
    def best(self) -> Found:
        """The model's answer."""
        return self.no_answer if self.is_declined else self.found[0]


def answers_in(
    outputs: Sequence[np.ndarray],
    windows: Windows,
    contexts: Sequence[str],
    *,
    can_decline: bool,
    count: int = 1,
    longest: int = LONGEST_ANSWER,
) -> list[Answers]:
    """The `count` best answers to each question that do not overlap, of logits (2, pos) for each window.

    Each has at most `longest` tokens. “No answer” is as likely as the window says that speaks most against it. It is
    the model's answer when its logit is above that of the best span and `can_decline` allows it, and always when a
    context has no token.
    """
    found = []
    for row, context in enumerate(contexts):
        spans: list[Found] = []
        none: list[Found] = []
        for window in windows.of_row(row):
            offsets = windows.offsets_of(window)
            logits = outputs[window].astype(np.float64)
            chances = _chances(logits, offsets[:, 0] >= 0)
            none.append(Found("", None, None, float(chances[0, 0] * chances[1, 0]), no_answer_score(*logits)))
            for span in _best_spans(logits, offsets[:, 0] >= 0, count, longest):
                start, end = int(offsets[span.start, 0]), int(offsets[span.end, 1])
                chance = float(chances[0, span.start] * chances[1, span.end])
                spans.append(Found(context[start:end], start, end, chance, span.score))
        no_answer = min(none, key=lambda each: each.logit)
        best = _without_overlap(spans, count)
        is_declined = not best or (can_decline and no_answer.logit > best[0].logit)
        found.append(Answers(best, no_answer, is_declined))
    return found


def mean_loss(outputs: Sequence[np.ndarray], answers: np.ndarray) -> float:
    """Mean over the windows of the cross-entropy of first and last token (window, 2), as the network computes it.

    Over the tokens of a window only: in a batch the network also spreads probability over padding.
    """
    losses = [
        np.logaddexp.reduce(each) - each[place]
        for logits, places in zip(outputs, answers.tolist(), strict=True)
        for each, place in zip(logits.astype(np.float64), places, strict=True)
    ]
    return float(np.mean(losses))


def window_logits(output: Any, batch: dict[str, torch.Tensor]) -> list[np.ndarray]:
    """Logits (2, pos) in float32 of first and last token for each window of a batch, without padding."""
    both = torch.stack([output.start_logits, output.end_logits], dim=1).float().cpu().numpy()
    lengths = batch["attention_mask"].sum(dim=1).tolist()
    return [logits[:, :length] for logits, length in zip(both, lengths, strict=True)]


def _chances(logits: np.ndarray, is_context: np.ndarray) -> np.ndarray:
    """Probabilities (2, pos) over the tokens of the context and the first one, which stands for no answer."""
    counted = is_context.copy()
    counted[0] = True
    exponentials = np.where(counted, np.exp(logits - logits[:, counted].max(axis=1, keepdims=True)), 0.0)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def _best_spans(logits: np.ndarray, allowed: np.ndarray, count: int, longest: int) -> list[Span]:
    """The best span of a window, then the best of what is left on either side of it, and so on: at most `count`."""
    found: list[Span] = []
    waiting: list[tuple[float, int, int, Span]] = []

    def look(first: int, behind: int) -> None:
        part = slice(first, behind)
        starts, ends = logits[:, part]
        span = best_span(starts, ends, allowed[part], most_tokens=longest)
        if span is not None:
            moved = Span(span.start + first, span.end + first, span.score)
            heapq.heappush(waiting, (-span.score, first, behind, moved))

    look(0, len(allowed))
    while waiting and len(found) < count:
        _, first, behind, span = heapq.heappop(waiting)
        found.append(span)
        look(first, span.start)
        look(span.end + 1, behind)
    return found


def _without_overlap(spans: Sequence[Found], count: int) -> tuple[Found, ...]:
    """The best spans of all windows, leaving out what shares a character with a better one."""
    kept: list[Found] = []
    for span in sorted(spans, key=lambda each: -each.logit):
        own = span.characters
        others = (each.characters for each in kept)
        if len(kept) < count and all(own.stop <= other.start or other.stop <= own.start for other in others):
            kept.append(span)
    return tuple(kept)
