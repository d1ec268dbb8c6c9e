"""Switching heads off, any set of them, and what that changes: at a [MASK], in the classes, in the text's vector.

The opened model stays as it is: heads are silenced in a clone that shares its weights. What a head looks at is
measured elsewhere (`core.explore.attention.summaries`).
"""

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64
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

    `before` and `after` are probabilities, rows sum to 1: over the vocabulary at each of `positions`, or over the
    classes in one row; None without an answer (an encoder, a text without a mask, logits that do not
    compete). For each place, `best` is the likeliest choice before and `kl_divergence` is KL(before ‖ after) in nats: 0
    where nothing changed. `cosine` is the similarity of the text's vectors, before and after: the mean of the last
    hidden states over all its tokens.
    """

    heads: frozenset[tuple[int, int]]
    positions: tuple[int, ...]
    before: Float[Tensor, "place choice"] | None
    after: Float[Tensor, "place choice"] | None
    best: tuple[int, ...]
    kl_divergence: tuple[float, ...]
    cosine: float


@dataclass(frozen=True, slots=True, eq=False)
class HeadEffects:
    """What switching off each head alone changes; NaN for those not tried yet (`done` of `total`).

    `kl_divergence` in nats and `drop`, by how much the probability of the likeliest answer falls, are means over all
    places that answer; None where there is none. `cosine_distance` is 1 − cosine of the text's vectors.
    """

    kl_divergence: Float64[np.ndarray, "layer head"] | None
    drop: Float64[np.ndarray, "layer head"] | None
    cosine_distance: Float64[np.ndarray, "layer head"]
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
    """What a network answers, None where it does not, and the vectors of the texts."""

    log_probabilities: Float64[Tensor, "batch place choice"] | None
    vectors: Float[Tensor, "batch hidden"]


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
    (0.036...,)
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
    cosine = 1 - _cosine_distances(before, after).item()
    if before.log_probabilities is None or after.log_probabilities is None:
        return Outcome(frozenset(heads), positions, None, None, (), (), cosine)
    was, now = before.log_probabilities, after.log_probabilities
    kl, _ = _changes(was, now)
    return Outcome(
        heads=frozenset(heads),
        positions=positions,
        before=was[0].exp().float(),
        after=now[0].exp().float(),
        best=tuple(was[0].argmax(-1).tolist()),
        kl_divergence=tuple(kl[0].tolist()),
        cosine=cosine,
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
    kls, drops, distances = (torch.full((layers * heads,), torch.nan, dtype=torch.float64) for _ in range(3))
    done = 0
    for off in each_alone.split(at_once):
        tried = slice(done, done + len(off))
        with torch.inference_mode():
            after = _ask(model, silenced(model.network, off), tokens, positions, copies=len(off))
            distances[tried] = _cosine_distances(before, after)
            if before.log_probabilities is not None and after.log_probabilities is not None:
                kl, drop = _changes(before.log_probabilities, after.log_probabilities)
                kls[tried], drops[tried] = kl.mean(-1), drop.mean(-1)
        done = tried.stop
        by_head = [each.clone().numpy().reshape(layers, heads) for each in (kls, drops, distances)]  # the next goes on
        answered = [None, None] if before.log_probabilities is None else by_head[:2]
        yield HeadEffects(answered[0], answered[1], by_head[2], done=done, total=layers * heads)


def silenced(network: PreTrainedModel, off: Bool[Tensor, "batch layer head"]) -> PreTrainedModel:
    """A clone over the same weights in which heads are switched off; the network itself stays untouched.

    `off` is true for heads to silence in that row of a batch; one row serves for all. Layers that
    share their modules (ALBERT) are told apart by counting calls, so the clone must always be run as a whole.
    """
    clone = weight_sharing_clone(network)
    numbers: dict[nn.Module, list[int]] = {}
    for number, layer in enumerate(parts_of(clone).layers):
        numbers.setdefault(layer.projection, []).append(number)
    for projection, served in numbers.items():
        projection.register_forward_pre_hook(_silencer(off, itertools.cycle(served)))
    return clone


def _silencer(
    off: Bool[Tensor, "batch layer head"], calls: Iterator[int]
) -> Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, ...]]:
    def hook(module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        context, *others = args  # (batch, pos, head · head_dim)
        silent = off[:, next(calls)]  # (batch, head)
        by_head = context.unflatten(-1, (silent.shape[1], -1))
        return by_head.masked_fill(silent[:, None, :, None], 0).flatten(-2), *others

    return hook


def _none_off(model: Model) -> Bool[Tensor, "layer head"]:
    """All false."""
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
    if logits is None or not gives_distribution(model):
        return _Answers(None, hidden.mean(1))
    return _Answers(logits.double().log_softmax(-1), hidden.mean(1))


def _changes(
    was: Float64[Tensor, "1 place choice"], now: Float64[Tensor, "batch place choice"]
) -> tuple[Float64[Tensor, "batch place"], Float64[Tensor, "batch place"]]:
    """The KL divergence in nats, and by how much the probability of the best answer falls, from log-probabilities."""
    best = was.argmax(-1, keepdim=True).expand(len(now), -1, -1)  # (batch, place, 1)
    kl = (was.exp() * (was - now)).sum(-1).clamp_min(0)  # rounding can take an unchanged answer below zero
    return kl, (was.exp().expand_as(now).gather(-1, best) - now.exp().gather(-1, best))[..., 0]


def _cosine_distances(before: _Answers, after: _Answers) -> Float64[Tensor, " batch"]:
    cosine = torch.cosine_similarity(before.vectors.double(), after.vectors.double(), dim=-1)
    return (1 - cosine).clamp_min(0)
