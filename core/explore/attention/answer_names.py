"""What a model answers, by name: its likeliest answers to a text, and the same answers with and without some heads.

Computes no answer of its own kind: distributions come from `core.explore.answers` and `ablation`.
"""

from dataclasses import dataclass

import torch

from core.explore.answers import Target, answer_logits, check_target, gives_distribution, mask_positions
from core.explore.attention.ablation import Outcome
from core.explore.tokens import Tokens, model_inputs, readable
from core.models.loading import MASKED_LM, Model


@dataclass(frozen=True, slots=True)
class NamedAnswer:
    """One answer: its `target`, its name, and its probability, or its logit where the answers do not compete."""

    target: Target
    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Change:
    """An answer's probability before and after."""

    name: str
    before: float
    after: float


@torch.inference_mode()
def likely_answers(model: Model, tokens: Tokens, *, place: int | None = None, top_k: int = 8) -> list[NamedAnswer]:
    """The likeliest answers, best first: vocabulary entries at the mask at `place` (default: the first), or classes.

    Raises `LabError` when the model answers nothing, or the text holds no mask.
    """
    places = (() if place is None else (place,)) or masks(model, tokens)[:1]
    position = places[0] if places else None
    check_target(model, tokens, Target(0, position))
    logits = answer_logits(model.network, model.task, model_inputs(model, tokens), places)[0, 0]
    values = logits.softmax(-1) if gives_distribution(model) else logits
    best = values.topk(min(top_k, len(values)))
    return [
        NamedAnswer(Target(choice, position), answer_name(model, choice), value)
        for value, choice in zip(best.values.tolist(), best.indices.tolist(), strict=True)
    ]


def changes(model: Model, outcome: Outcome, place: int = 0, *, top_k: int = 6) -> list[Change]:
    """The likeliest answers before, and those that became so, at one of the outcome's places; likeliest before first.

    Empty where the model gives no probabilities.
    """
    if outcome.before is None or outcome.after is None:
        return []
    before, after = outcome.before[place], outcome.after[place]
    shown = min(top_k, len(before))
    chosen = sorted(
        {*before.topk(shown).indices.tolist(), *after.topk(shown).indices.tolist()}, key=lambda each: -before[each]
    )
    return [Change(answer_name(model, each), float(before[each]), float(after[each])) for each in chosen]


def answer_name(model: Model, choice: int) -> str:
    """A class by its label, a vocabulary entry as people read it."""
    return readable(model, choice) if model.task == MASKED_LM else str(model.labels[choice])


def masks(model: Model, tokens: Tokens) -> tuple[int, ...]:
    """Where the masks stand that the model answers for; none where it has no masked-language head."""
    return mask_positions(model, tokens) if model.task == MASKED_LM else ()
