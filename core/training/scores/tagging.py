"""Scores of a tag for each word, from the tags' names: of entities (B-/I- tags) or of the words themselves.

Entities are read by seqeval in its default mode, that of the CoNLL script conlleval: an I- without a B- before it opens
an entity, and an entity is right when its type, first and last word are.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from core.training.scores.bootstrap import draw_rows, intervals
from core.training.scores.counts import mean_where, precision_recall_f1
from core.training.scores.finite import finite

_OUTSIDE = "O"

Tags = Sequence[Sequence[str]]  # sentence by sentence, word by word


def unit_of(tags: Iterable[str]) -> str:
    """What is counted for these tags: "entity" when each is O or starts with B-, I-, E- or S-, else "token".

    >>> unit_of(["O", "B-PER", "I-PER"]), unit_of(["NOUN", "VERB"])
    ('entity', 'token')
    """
    begins = ("B-", "I-", "E-", "S-")
    return "entity" if all(tag == _OUTSIDE or tag.startswith(begins) for tag in tags) else "token"


def stretches_of(tags: Sequence[str], unit: str) -> list[tuple[str, int, int]]:
    """What a sentence holds, as (type, first word, last word): its entities as seqeval reads them, or its words.

    `unit` is what `unit_of` says, "entity" or "token".
    """
    if unit == "token":
        return [(tag, place, place) for place, tag in enumerate(tags)]
    from seqeval.metrics.sequence_labeling import get_entities

    return get_entities(list(tags))


def quick(true: Tags, predicted: Tags, loss: float) -> dict[str, float]:
    """The loss as given, token accuracy, and precision, recall and F1 of sentences of tags.

    With B-/I- tags these are of entities, over all types together (micro). With other tags they are of words, and the
    mean over the tags that occur (macro). Raises ValueError where a sentence has more tags in one than in the other.
    """
    return {"loss": float(loss), **Counts(true, predicted, _unit(true, predicted)).scores()}


def full(true: Tags, predicted: Tags, loss: float, *, majority_tag: str = _OUTSIDE) -> dict[str, Any]:
    """All scores of sentences of tags, as `quick` has them, and by type of entity (or by tag) in `per_class`.

    `unit` says what precision, recall and F1 count: "entity" or "token". Always answering `majority_tag` gives
    `majority_accuracy` (of tokens) and `majority_f1`, which is 0.0 for O. The interval of `f1` draws whole sentences,
    since the words of one are not independent. Raises LabError when the loss is not a number.
    """
    unit = _unit(true, predicted)
    counts = Counts(true, predicted, unit)
    always = Counts(true, [[majority_tag] * len(sentence) for sentence in true], unit).scores()
    totals = counts.by_sentence.sum(axis=1)  # (3, type)
    return finite(
        {
            **counts.scores(),
            "loss": float(loss),
            "unit": unit,
            "majority_accuracy": always["token_accuracy"],
            "majority_f1": always["f1"],
            "intervals": intervals(draw_rows(len(true)), lambda draws: {"f1": counts.of_draws(draws)[2]}),
            "rows": len(true),
            "tokens": counts.tokens,
            "per_class": [
                {"label": name, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(s)}
                for name, p, r, f, s in zip(counts.types, *precision_recall_f1(*totals), totals[2], strict=True)
            ],
        }
    )


def _unit(true: Tags, predicted: Tags) -> str:
    return unit_of({tag for tags in (true, predicted) for sentence in tags for tag in sentence})


class Counts:
    """What is right, predicted and true in each sentence, by type: `by_sentence` is (3, sentence, type)."""

    def __init__(self, true: Tags, predicted: Tags, unit: str) -> None:
        self.unit = unit
        self.tokens = sum(map(len, true))
        self.right_tokens = sum(
            t == p for tags in zip(true, predicted, strict=True) for t, p in zip(*tags, strict=True)
        )
        found = [(set(stretches_of(t, unit)), set(stretches_of(p, unit))) for t, p in zip(true, predicted, strict=True)]
        self.types = sorted({item[0] for pair in found for items in pair for item in items})
        column = {name: i for i, name in enumerate(self.types)}
        self.by_sentence = np.zeros((3, len(found), len(self.types)), dtype=np.int64)
        for row, (in_true, in_predicted) in enumerate(found):
            for which, items in enumerate((in_true & in_predicted, in_predicted, in_true)):
                for name, *_ in items:
                    self.by_sentence[which, row, column[name]] += 1

    def scores(self) -> dict[str, float]:
        """Precision, recall and F1 of all sentences, each counted once, and the share of right tags."""
        precision, recall, f1 = (float(values[0]) for values in self.of_draws(np.ones((1, self.by_sentence.shape[1]))))
        accuracy = self.right_tokens / self.tokens
        return {"precision": precision, "recall": recall, "f1": f1, "token_accuracy": accuracy}

    def of_draws(self, draws: np.ndarray) -> tuple[np.ndarray, ...]:
        """Precision, recall and F1 (draw,), with sentences as often as `draws` (draw, sentence) says."""
        counts = [draws @ each for each in self.by_sentence.astype(np.float64)]  # (draw, type) each
        if self.unit == "entity":
            return precision_recall_f1(*(each.sum(axis=1) for each in counts))
        occurs = counts[1] + counts[2] > 0
        return tuple(mean_where(values, occurs) for values in precision_recall_f1(*counts))
