"""How each tensor of a forward pass follows from others: one line a tensor, its axes and the function that computes it.

Axes are explained in `core.explore.trace`, which reads these lines. Holds no tensor.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from core.models.parts import LayerParts, Parts

_POS_HIDDEN = ("pos", "hidden")
_POS_INNER = ("pos", "inner")
_PER_HEAD = ("head", "pos", "head_dim")
_ATTENTION = ("head", "query", "key")

# Every function below reads other tensors of the same trace by name: `x("scores")`. All carry a batch axis in front.
Read = Callable[[str], Shaped[Tensor, "batch ..."]]


@dataclass(frozen=True, slots=True)
class Step:
    """How one tensor follows from others: its axes (without batch), and the function that computes it."""

    axes: tuple[str, ...]
    compute: Callable[[Read], Tensor]


@dataclass(frozen=True, slots=True)
class LayerStep:
    """As `Step`, for a tensor that each layer has. `x("input")` is what enters the layer."""

    axes: tuple[str, ...]
    compute: Callable[[LayerParts, Read], Tensor]


LAYER_STEPS = {
    "query": LayerStep(_PER_HEAD, lambda layer, x: split_heads(layer.query(x("input")), layer.heads)),
    "key": LayerStep(_PER_HEAD, lambda layer, x: split_heads(layer.key(x("input")), layer.heads)),
    "value": LayerStep(_PER_HEAD, lambda layer, x: split_heads(layer.value(x("input")), layer.heads)),
    "scores": LayerStep(_ATTENTION, lambda layer, x: x("query") @ x("key").mT),
    "scaled": LayerStep(_ATTENTION, lambda layer, x: x("scores") * layer.head_dim**-0.5 + x("mask")),
    "probabilities": LayerStep(_ATTENTION, lambda layer, x: x("scaled").softmax(-1)),
    "context": LayerStep(_PER_HEAD, lambda layer, x: x("probabilities") @ x("value")),
    "joined_context": LayerStep(_POS_HIDDEN, lambda layer, x: join_heads(x("context"))),
    "attention_projection": LayerStep(_POS_HIDDEN, lambda layer, x: layer.projection(x("joined_context"))),
    "attention_sum": LayerStep(_POS_HIDDEN, lambda layer, x: x("attention_projection") + x("input")),
    "attention_output": LayerStep(_POS_HIDDEN, lambda layer, x: layer.attention_norm(x("attention_sum"))),
    "feed_forward_in": LayerStep(_POS_INNER, lambda layer, x: layer.feed_forward_in(x("attention_output"))),
    "activation": LayerStep(_POS_INNER, lambda layer, x: layer.activation(x("feed_forward_in"))),
    "feed_forward_out": LayerStep(_POS_HIDDEN, lambda layer, x: layer.feed_forward_out(x("activation"))),
    "output_sum": LayerStep(_POS_HIDDEN, lambda layer, x: x("feed_forward_out") + x("attention_output")),
    "output": LayerStep(_POS_HIDDEN, lambda layer, x: layer.output_norm(x("output_sum"))),
}


def embedding_steps(parts: Parts) -> dict[str, Step]:
    """From token ids to what enters the first layer, in the order in which the network computes it."""
    axes = ("pos", "hidden" if parts.embedding_projection is None else "embedding")
    steps = {"embeddings.word": Step(axes, lambda x: parts.word(x("input_ids")))}
    if (segment := parts.segment) is not None:
        steps["embeddings.segment"] = Step(axes, lambda x: segment(x("token_type_ids")))
    summed = (*steps, "embeddings.position")
    steps["embeddings.position"] = Step(axes, lambda x: parts.position(x("position_ids")))
    steps["embeddings.sum"] = Step(axes, lambda x: reduce(torch.add, map(x, summed)))
    steps["embeddings.output"] = Step(axes, lambda x: parts.embedding_norm(x("embeddings.sum")))
    if (projection := parts.embedding_projection) is not None:
        steps["embeddings.projection"] = Step(_POS_HIDDEN, lambda x: projection(x("embeddings.output")))
    return steps


def head_steps(parts: Parts) -> dict[str, Step]:
    """What the heads make of the last layer's output, `x("last")`; none for an encoder without a pooler and heads."""
    steps: dict[str, Step] = {}
    if (pooler := parts.pooler) is not None:
        steps["pooler.dense"] = Step(("hidden",), lambda x: pooler(x("last")[:, 0]))
        steps["pooler"] = Step(("hidden",), lambda x: x("pooler.dense").tanh())
    if (head := parts.masked_lm) is not None:
        inner = "hidden" if parts.embedding_projection is None else "embedding"
        steps["mlm.dense"] = Step(("pos", inner), lambda x: head.dense(x("last")))
        steps["mlm.activation"] = Step(("pos", inner), lambda x: head.activation(x("mlm.dense")))
        steps["mlm.transform"] = Step(("pos", inner), lambda x: head.norm(x("mlm.activation")))
        steps["mlm.logits"] = Step(("pos", "vocab"), lambda x: head.decoder(x("mlm.transform")))
    if (next_sentence := parts.next_sentence) is not None:
        steps["nsp.logits"] = Step(("label",), lambda x: next_sentence(x("pooler")))
    if (classifier := parts.classifier) is not None:
        features = "pooler"
        if (dense := classifier.dense) is not None:
            features = "classifier.transform"
            steps["classifier.dense"] = Step(("hidden",), lambda x: dense(x("last")[:, 0]))
            steps[features] = Step(("hidden",), lambda x: classifier.activation(x("classifier.dense")))
        steps["classifier.logits"] = Step(("label",), lambda x: classifier.output(x(features)))
    return steps


def split_heads(joined: Float[Tensor, "*batch pos hidden"], heads: int) -> Float[Tensor, "*batch head pos head_dim"]:
    """Each head takes its own stretch of the vector: head_dim = hidden / heads numbers."""
    return joined.unflatten(-1, (heads, -1)).transpose(-3, -2)


def join_heads(split: Float[Tensor, "*batch head pos head_dim"]) -> Float[Tensor, "*batch pos hidden"]:
    """The heads' vectors end to end: hidden = heads · head_dim numbers."""
    return split.transpose(-3, -2).flatten(-2)
