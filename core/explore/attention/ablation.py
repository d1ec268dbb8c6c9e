"""Switching heads off, any set of them, and what that changes: at a [MASK], in the classes, in the text's vector.

The opened model stays as it is: heads are silenced in a clone that shares its weights. What a head looks at is
measured elsewhere (`core.explore.attention.summaries`).
"""

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from core.errors import LabError
from core.explore.answers import answer, gives_distribution, mask_positions
from core.explore.tokens import Tokens, model_inputs
from core.models.loading import MASKED_LM, Model
from core.models.parts import parts_of, weight_sharing_clone

POSITIONS_AT_ONCE = 1_024  # of all copies of the text in a batch
ANSWERS_AT_ONCE = 128  # distributions over the vocabulary in a batch: some 15 MB


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a network answers with and without some heads.

    `before` and `after` are (place, choice) probabilities, rows sum to 1: over the vocabulary at each of `positions`,
    or over the classes in one row; None without an answer (an encoder, a text without a mask, logits that do not
    compete). For each place, `best` is the likeliest choice before and `kl_divergence` is KL(before ‖ after) in nats: 0
    where nothing changed. `cosine` is the similarity of the text's vectors, before and after: the mean of the last
    hidden states over all its tokens.
    """

    heads: frozenset[tuple[int, int]]
    positions: tuple[int, ...]
    before: Tensor | None
    after: Tensor | None
    best: tuple[int, ...]
    kl_divergence: tuple[float, ...]
    cosine: float


@dataclass(frozen=True, slots=True, eq=False)
class HeadEffects:
    """What switching off each head alone changes, (layer, head) each; NaN for those not tried yet (`done` of `total`).

    `kl_divergence` in nats and `drop`, by how much the probability of the likeliest answer falls, are means over all
    places that answer; None where there is none. `cosine_distance` is 1 − cosine of the text's vectors.
    """

    kl_divergence: np.ndarray | None
    drop: np.ndarray | None
    cosine_distance: np.ndarray
    done: int
    total: int

    def ranking(self) -> list[tuple[int, int, float]]:
        """(layer, head, effect), strongest first; the effect is the KL divergence, or else the cosine distance."""
        effect = self.cosine_distance if self.kl_divergence is None else self.kl_divergence
        places = np.argsort(-effect, axis=None, kind="stable")[: self.done]  # NaN sorts last
        rows, columns = np.unravel_index(places, effect.shape)
        return [(int(row), int(column), float(effect[row, column])) for row, column in zip(rows, columns, strict=True)]


@dataclass(frozen=True, slots=True, eq=False)
class _Answers:
    """`log_probabilities` (batch, place, choice) in fp64 or None, and `vectors` (batch, hidden)."""

    log_probabilities: Tensor | None
    vectors: Tensor


@torch.inference_mode()
def ablate_heads(
    model: Model,
    tokens: Tokens,
    heads: Collection[tuple[int, int]],
    *,
    positions: Sequence[int] | None = None,
) -> Outcome:
    """Run a text with the heads {(layer, head)} switched off, and compare.

    A head is off when its slice of the context, which goes into the layer's output projection, is zero (Michel et al.
    2019). The answer of a masked-language model is read at `positions`, by default at each mask. Raises `LabError` for
    a head or a position that there is not.

    >>> ablate_heads(model, tokenize(model, "The [MASK] barked."), {(3, 0), (3, 7)}).kl_divergence
    """
    positions = _answer_positions(model, tokens, positions)
    off = _none_off(model)
    for layer, head in heads:
        if not (0 <= layer < off.shape[0] and 0 <= head < off.shape[1]):
            raise LabError(
                f"This model has no layer.{layer} head {head}.",
                f"It has layer.0 to layer.{off.shape[0] - 1} with heads 0 to {off.shape[1] - 1}, as in code.",
            )
        off[layer, head] = True
    before = _ask(model, model.network, tokens, positions)
    after = _ask(model, silenced(model.network, off[None]), tokens, positions)
    kl, _, distance = _changes(before, after)
    answers = before.log_probabilities is not None
    return Outcome(
        heads=frozenset(heads),
        positions=positions,
        before=before.log_probabilities[0].exp().float() if answers else None,
        after=after.log_probabilities[0].exp().float() if answers else None,
        best=tuple(before.log_probabilities[0].argmax(-1).tolist()) if answers else (),
        kl_divergence=tuple(kl[0].tolist()) if answers else (),
        cosine=1 - distance.item(),
    )


def ablate_each_head(model: Model, tokens: Tokens, *, positions: Sequence[int] | None = None) -> Iterator[HeadEffects]:
    """Switch off every head, each alone: the effects so far after each batch of heads, all of them last.

    The text is repeated along the batch with another head off in each row. `positions` and errors as in
    `ablate_heads`.
    """
    return _ablate_each_head(model, tokens, _answer_positions(model, tokens, positions))


def _ablate_each_head(model: Model, tokens: Tokens, positions: tuple[int, ...]) -> Iterator[HeadEffects]:
    layers, heads = _none_off(model).shape
    at_once = max(1, min(POSITIONS_AT_ONCE // len(tokens), ANSWERS_AT_ONCE // max(1, len(positions))))
    each_alone = torch.eye(layers * heads, dtype=torch.bool).unflatten(1, (layers, heads))
    with torch.inference_mode():  # not around a yield: it would hold in the caller's code, too
        before = _ask(model, model.network, tokens, positions)
    found: list[tuple[Tensor | None, Tensor | None, Tensor]] = []
    for off in each_alone.split(at_once):
        with torch.inference_mode():
            after = _ask(model, silenced(model.network, off), tokens, positions, copies=len(off))
            kl, drop, distance = _changes(before, after)
        found.append((None if kl is None else kl.mean(-1), None if drop is None else drop.mean(-1), distance))
        arrays = (None if parts[0] is None else _filled(parts, layers, heads) for parts in zip(*found, strict=True))
        yield HeadEffects(*arrays, done=sum(len(part) for *_, part in found), total=layers * heads)


def silenced(network: PreTrainedModel, off: Tensor) -> PreTrainedModel:
    """A clone over the same weights in which heads are switched off; the network itself stays untouched.

    `off` is (batch, layer, head), true for heads to silence in that row of a batch; one row serves for all. Layers that
    share their modules (ALBERT) are told apart by counting calls, so the clone must always be run as a whole.
    """
    clone = weight_sharing_clone(network)
    numbers: dict[nn.Module, list[int]] = {}
    for number, layer in enumerate(parts_of(clone).layers):
        numbers.setdefault(layer.projection, []).append(number)
    for projection, served in numbers.items():
        projection.register_forward_pre_hook(_silencer(off, itertools.cycle(served)))
    return clone


def _silencer(off: Tensor, calls: Iterator[int]):
    def hook(module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        context, *others = args  # (batch, pos, head · head_dim)
        silent = off[:, next(calls)]  # (batch, head)
        by_head = context.unflatten(-1, (silent.shape[1], -1))
        return by_head.masked_fill(silent[:, None, :, None], 0).flatten(-2), *others

    return hook


def _none_off(model: Model) -> Tensor:
    """(layer, head), all false."""
    layers = parts_of(model.network).layers
    return torch.zeros(len(layers), layers[0].heads, dtype=torch.bool)


def _answer_positions(model: Model, tokens: Tokens, positions: Sequence[int] | None) -> tuple[int, ...]:
    if positions is None:
        return mask_positions(model, tokens) if model.task == MASKED_LM else ()
    if model.task != MASKED_LM:
        raise LabError(
            f"The model “{model.title}” has no masked-language head, so it guesses no word at a position.",
            "Leave the positions out, or choose a masked-language model.",
        )
    if beyond := [position for position in positions if not 0 <= position < len(tokens)]:
        raise LabError(
            f"There is no position {beyond[0]} in a text of {len(tokens)} positions.",
            f"Choose positions from 0 to {len(tokens) - 1}.",
        )
    return tuple(positions)


def _ask(model: Model, network: PreTrainedModel, tokens: Tokens, positions: Sequence[int], copies: int = 1) -> _Answers:
    inputs = {name: rows.expand(copies, -1) for name, rows in model_inputs(model, tokens).items()}
    hidden, logits = answer(network, model.task, inputs, positions)
    is_answer = logits is not None and gives_distribution(model)
    return _Answers(logits.double().log_softmax(-1) if is_answer else None, hidden.mean(1))


def _changes(before: _Answers, after: _Answers) -> tuple[Tensor | None, Tensor | None, Tensor]:
    """(batch, place) KL divergence and drop of the best answer, None without answers; (batch,) cosine distance."""
    cosine = torch.cosine_similarity(before.vectors.double(), after.vectors.double(), dim=-1)
    distance = (1 - cosine).clamp_min(0)
    if before.log_probabilities is None:
        return None, None, distance
    was, now = before.log_probabilities, after.log_probabilities
    best = was.argmax(-1, keepdim=True).expand(len(now), -1, -1)  # (batch, place, 1)
    kl = (was.exp() * (was - now)).sum(-1).clamp_min(0)  # rounding can take an unchanged answer below zero
    return kl, (was.exp().expand_as(now).gather(-1, best) - now.exp().gather(-1, best))[..., 0], distance


def _filled(parts: Sequence[Tensor], layers: int, heads: int) -> np.ndarray:
    """What was measured so far as (layer, head), NaN for the rest."""
    found = np.full(layers * heads, np.nan)
    measured = torch.cat(list(parts)).numpy()
    found[: len(measured)] = measured
    return found.reshape(layers, heads)
