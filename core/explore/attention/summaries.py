"""Attention of many layers and heads in few numbers: roll-out, means, and what each head does over one text or many.

Draws nothing. A head that looks somewhere need not use what it sees: switching it off (`ablation`) tells.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from core.errors import LabError
from core.explore.attention.weights import normalise_rows
from core.explore.tokens import Tokens, tokenize
from core.explore.trace import Trace, trace
from core.models.loading import Model, special_id

POSITIONS_AT_ONCE = 2_048  # of all texts of a batch, and
PAIRS_AT_ONCE = 2**19  # (query, key) pairs: keep a batch within some hundred megabytes at 12 heads
_TOKENIZED_AHEAD = 1_024  # texts of similar length are batched together among so many
_MEASURES = ("entropy", "distance", "cls", "sep", "itself", "previous", "following")


@dataclass(frozen=True, slots=True, eq=False)
class HeadStatistics:
    """What each head looks at: every measure is a mean over all query positions of all texts.

    - `entropy` of the rows in bits: 0 looks at one token, b bits is as spread as looking evenly at 2^b
    - `distance`: |query − key| in tokens, weighted by attention (Vig & Belinkov 2019)
    - `cls`, `sep`, `itself`: share of attention on [CLS], on all [SEP] together, on the query's own position
    - `previous`, `following`: share on the token before or after, over the queries that have one (Clark et al. 2019)

    Special tokens count as queries and keys like any other; padding counts as neither. `done` of `total` texts are in,
    with `queries` positions.
    """

    entropy: Float64[np.ndarray, "layer head"]
    distance: Float64[np.ndarray, "layer head"]
    cls: Float64[np.ndarray, "layer head"]
    sep: Float64[np.ndarray, "layer head"]
    itself: Float64[np.ndarray, "layer head"]
    previous: Float64[np.ndarray, "layer head"]
    following: Float64[np.ndarray, "layer head"]
    queries: int
    done: int
    total: int


@torch.inference_mode()
def rollout(t: Trace) -> Float[Tensor, "*batch layer query key"]:
    """Attention followed through the layers: how much of a position after each layer comes from each input token.

    A_l = rows of (mean over heads of layer l + identity) brought to a sum of 1, where the identity stands for the
    residual connection; R_l = A_l · R_{l−1}, R_0 = A_0 (Abnar & Zuidema 2020, “attention rollout”). Rows sum to 1.
    """
    mixed = mean_over_heads(t)
    found = normalise_rows(mixed + torch.eye(mixed.shape[-1]))
    for number in range(1, t.layers):
        found[..., number, :, :] = found[..., number, :, :] @ found[..., number - 1, :, :]
    return found


@torch.inference_mode()
def mean_over_heads(t: Trace) -> Float[Tensor, "*batch layer query key"]:
    """The mean of all heads, for each layer. Rows sum to 1."""
    return torch.stack([t[f"layer.{number}.probabilities"].mean(-3) for number in range(t.layers)], -3)


@torch.inference_mode()
def mean_over_layers(t: Trace) -> Float[Tensor, "*batch head query key"]:
    """The mean of all layers, for each number of a head; heads of one number in several layers have nothing in common
    but their place. Rows sum to 1.
    """
    total = t["layer.0.probabilities"].clone()
    for number in range(1, t.layers):
        total += t[f"layer.{number}.probabilities"]
    return total / t.layers


def head_statistics(t: Trace) -> HeadStatistics:
    """What each head looks at in the text, or the texts, of a trace."""
    sums, counts, texts = _measure(t)
    return _means(sums, counts, texts, texts)


def corpus_statistics(
    model: Model, texts: Sequence[str], pairs: Sequence[str] | None = None, *, max_length: int | None = None
) -> Iterator[HeadStatistics]:
    """What each head looks at over any number of texts: the statistics so far after each batch, the whole ones last.

    Every query position weighs the same, so a long text weighs more than a short one. Texts are cut to `max_length`
    tokens (default: the model's limit). Blank texts are left out and not counted. In memory is one batch at a time,
    padded to its longest. Raises `LabError` when there is no text, or not one second text for each.
    """
    if pairs is not None and len(pairs) != len(texts):
        raise LabError(f"There are {len(texts)} texts but {len(pairs)} second texts.", "Give one second text per text.")
    wanted = [
        (text, pair) for text, pair in zip(texts, pairs or [None] * len(texts), strict=True) if text and text.strip()
    ]
    if not wanted:
        raise LabError("There is no text to measure attention on.", "Choose a data set with at least one text.")
    return _accumulate(model, wanted, max_length)


def _accumulate(model: Model, wanted: list[tuple[str, str | None]], max_length: int | None) -> Iterator[HeadStatistics]:
    sums, counts, done = np.zeros(()), np.zeros((), int), 0
    for start in range(0, len(wanted), _TOKENIZED_AHEAD):
        ahead = [
            tokenize(model, text, pair, max_length=max_length)
            for text, pair in wanted[start : start + _TOKENIZED_AHEAD]
        ]
        for batch in _batches(sorted(ahead, key=len)):
            more_sums, more_counts, texts = _measure(trace(model, batch))
            sums, counts, done = sums + more_sums, counts + more_counts, done + texts
            yield _means(sums, counts, done, len(wanted))


def _batches(by_length: Sequence[Tokens]) -> Iterator[list[Tokens]]:
    """Neighbours together, as many as `POSITIONS_AT_ONCE` and `PAIRS_AT_ONCE` allow once padded."""
    batch: list[Tokens] = []
    for tokens in by_length:
        length, size = len(tokens), len(batch) + 1
        if batch and (size * length > POSITIONS_AT_ONCE or size * length**2 > PAIRS_AT_ONCE):
            yield batch
            batch = []
        batch.append(tokens)
    yield batch


@torch.inference_mode()
def _measure(t: Trace) -> tuple[Float64[np.ndarray, "measure layer head"], Int[np.ndarray, " measure"], int]:
    """Sums over the query positions of a trace, how many there are for each measure, and how many texts."""
    ids, real = t.inputs["input_ids"], t.inputs["attention_mask"].float()  # (batch, pos)
    cls, sep = (special_id(t.model.tokenizer, role) for role in ("cls", "sep"))
    on_cls, on_sep = (torch.zeros_like(real) if number is None else (ids == number) * real for number in (cls, sep))
    places = torch.arange(ids.shape[1])
    distances = (places[:, None] - places).abs().float()  # (query, key)
    sums = torch.stack([_layer_sums(t, number, real, on_cls, on_sep, distances) for number in range(t.layers)], 1)
    queries, texts = int(real.sum()), len(ids)
    counts = np.array([queries - texts if name in ("previous", "following") else queries for name in _MEASURES])
    return sums.double().numpy(), counts, texts


def _layer_sums(
    t: Trace,
    number: int,
    real: Float[Tensor, "batch pos"],
    on_cls: Float[Tensor, "batch pos"],
    on_sep: Float[Tensor, "batch pos"],
    distances: Float[Tensor, "query key"],
) -> Float[Tensor, "measure head"]:
    """The sums of one layer."""
    shares = t[f"layer.{number}.probabilities"]  # (batch, head, query, key), without batch where it is one text
    shares = shares if shares.ndim == 4 else shares[None]
    entropy = torch.special.entr(shares).sum(-1) / math.log(2)  # (batch, head, query)
    over_texts = torch.einsum("bhqk,bq->hqk", shares, real)
    return torch.stack(
        [
            torch.einsum("bhq,bq->h", entropy, real),
            (over_texts * distances).sum((-2, -1)),
            torch.einsum("bhqk,bq,bk->h", shares, real, on_cls),
            torch.einsum("bhqk,bq,bk->h", shares, real, on_sep),
            *(over_texts.diagonal(offset, -2, -1).sum(-1) for offset in (0, -1, 1)),
        ]
    )


def _means(
    sums: Float64[np.ndarray, "measure layer head"], counts: Int[np.ndarray, " measure"], done: int, total: int
) -> HeadStatistics:
    means = sums / np.maximum(counts, 1)[:, None, None]
    return HeadStatistics(**dict(zip(_MEASURES, means, strict=True)), queries=int(counts[0]), done=done, total=total)
