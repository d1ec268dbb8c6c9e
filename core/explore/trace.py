"""One forward pass, every intermediate by name. Reads the shared network, never changes it; draws nothing.

*Kept* are the hidden states of the one forward pass. *Derived* from them, when asked for, is everything else, with the
layer's own weights: at most `MEMORY` bytes of what was derived are remembered. The lab hooks nothing, and transformers'
own capturing of hidden states keeps threads apart, so many people can trace one shared model at once.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from core.errors import LabError
from core.explore.tokens import Tokens, model_inputs
from core.models.loading import Model
from core.models.parts import LayerParts, Parts, parts_of

MEMORY = 96 * 2**20  # bytes: one layer of a 12-head model at 512 positions

_OWN_BYTES = 32 * 2**10  # about what a trace takes beside its tensors

_POS_HIDDEN = ("pos", "hidden")
_POS_INNER = ("pos", "inner")
_PER_HEAD = ("head", "pos", "head_dim")
_ATTENTION = ("head", "query", "key")

# Every function below reads other tensors of the same trace by name: `x("scores")`. All carry a batch axis in front.
Read = Callable[[str], Tensor]


@dataclass(frozen=True, slots=True)
class Step:
    """How one tensor follows from others: its axes (without batch), and the function that computes it."""

    axes: tuple[str, ...]
    compute: Callable[[Parts, Read], Tensor]


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


def _embedding_steps(parts: Parts) -> dict[str, Step]:
    size = "embedding" if parts.embedding_projection else "hidden"
    axes = ("pos", size)
    found = {
        "embeddings.word": Step(axes, lambda p, x: p.word(x("input_ids"))),
        "embeddings.segment": Step(axes, lambda p, x: p.segment(x("token_type_ids"))),
        "embeddings.position": Step(axes, lambda p, x: p.position(x("position_ids"))),
        "embeddings.sum": Step(axes, _sum_embeddings),
        "embeddings.output": Step(axes, lambda p, x: p.embedding_norm(x("embeddings.sum"))),
        "embeddings.projection": Step(_POS_HIDDEN, lambda p, x: p.embedding_projection(x("embeddings.output"))),
    }
    if parts.segment is None:
        del found["embeddings.segment"]
    if parts.embedding_projection is None:
        del found["embeddings.projection"]
    return found


def _sum_embeddings(parts: Parts, x: Read) -> Tensor:
    word = x("embeddings.word")
    return (word if parts.segment is None else word + x("embeddings.segment")) + x("embeddings.position")


def _head_steps(parts: Parts) -> dict[str, Step]:
    steps: dict[str, Step] = {}
    if parts.pooler is not None:
        steps["pooler.dense"] = Step(("hidden",), lambda p, x: p.pooler(x("last")[:, 0]))
        steps["pooler"] = Step(("hidden",), lambda p, x: x("pooler.dense").tanh())
    if (head := parts.masked_lm) is not None:
        inner = "hidden" if parts.embedding_projection is None else "embedding"
        steps["mlm.dense"] = Step(("pos", inner), lambda p, x: head.dense(x("last")))
        steps["mlm.activation"] = Step(("pos", inner), lambda p, x: head.activation(x("mlm.dense")))
        steps["mlm.transform"] = Step(("pos", inner), lambda p, x: head.norm(x("mlm.activation")))
        steps["mlm.logits"] = Step(("pos", "vocab"), lambda p, x: head.decoder(x("mlm.transform")))
    if parts.next_sentence is not None:
        steps["nsp.logits"] = Step(("label",), lambda p, x: p.next_sentence(x("pooler")))
    if (classifier := parts.classifier) is not None:
        features = "pooler"
        if classifier.dense is not None:
            features = "classifier.transform"
            steps["classifier.dense"] = Step(("hidden",), lambda p, x: classifier.dense(x("last")[:, 0]))
            steps[features] = Step(("hidden",), lambda p, x: classifier.activation(x("classifier.dense")))
        steps["classifier.logits"] = Step(("label",), lambda p, x: classifier.output(x(features)))
    return steps


def split_heads(joined: Tensor, heads: int) -> Tensor:
    """(…, pos, hidden) into (…, head, pos, head_dim): each head takes its own stretch of the vector."""
    return joined.unflatten(-1, (heads, -1)).transpose(-3, -2)


def join_heads(split: Tensor) -> Tensor:
    """(…, head, pos, head_dim) into (…, pos, hidden): the heads' vectors end to end."""
    return split.transpose(-3, -2).flatten(-2)


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Every intermediate of one forward pass: `t["layer.3.scores"]`, `t.names()`, `t.axes(name)`.

    Of one text the tensors have the axes that `axes` gives; of a list of texts, `batch` comes first and short texts are
    padded at their ends. Layers and heads count from 0. Axes: `batch pos head query key hidden vocab`, and `head_dim`
    (hidden / heads), `inner` (the feed-forward network's width), `embedding` (where embeddings are narrower than
    layers), `label`.
    """

    model: Model
    tokens: Tokens | tuple[Tokens, ...]
    given: tuple[str, ...]  # which of the inputs the network was given; it works the others out for itself
    inputs: Mapping[str, Tensor]  # each (batch, pos), and `mask`
    hidden_states: tuple[Tensor, ...]  # layers + 1 of (batch, pos, hidden); the first is what enters layer 0
    parts: Parts
    _steps: Mapping[str, Step]
    _memory: "_Memory" = field(repr=False)

    @property
    def layers(self) -> int:
        return len(self.parts.layers)

    @property
    def heads(self) -> int:
        return self.parts.layers[0].heads

    @property
    def bytes(self) -> int:
        """What this trace takes in memory now: hidden states, inputs, and what was derived; the model not counted."""
        kept = sum(each.nbytes for each in (*self.hidden_states, *self.inputs.values()))
        return kept + self._memory.bytes + _OWN_BYTES

    def names(self) -> tuple[str, ...]:
        """The names of all tensors, in the order in which the network computes them."""
        first = [name for name in self._steps if name.startswith("embeddings.")]
        last = [name for name in self._steps if not name.startswith("embeddings.")]
        layers = [f"layer.{number}.{name}" for number in range(self.layers) for name in LAYER_STEPS]
        return (*first, *layers, *last)

    def axes(self, name: str) -> tuple[str, ...]:
        """The names of a tensor's axes. Raises `LabError` for a name that this trace does not have."""
        number, step_name = self._resolve(name)
        step = self._steps[step_name] if number is None else LAYER_STEPS[step_name]
        return step.axes if isinstance(self.tokens, Tokens) else ("batch", *step.axes)

    def __getitem__(self, name: str) -> Tensor:
        """The tensor called `name`, with the axes of `axes(name)`; shared, so never write to it. Raises `LabError`."""
        self._resolve(name)
        tensor = self._read(name)
        return tensor[0] if isinstance(self.tokens, Tokens) else tensor

    def __contains__(self, name: str) -> bool:
        try:
            self._resolve(name)
        except LabError:
            return False
        return True

    @torch.inference_mode()
    def derive(self, name: str) -> Tensor:
        """As `trace[name]`, batch axis included, but computed from the tensors before it, hidden states included.

        Where `trace[name]` is one of the kept hidden states, the two can be compared.
        """
        number, step_name = self._resolve(name)
        if number is None:
            return self._steps[step_name].compute(self.parts, self._read)
        return LAYER_STEPS[step_name].compute(self.parts.layers[number], lambda other: self._read_in(number, other))

    def _read(self, name: str) -> Tensor:
        """A tensor with its batch axis: an input, a kept one, a remembered one, or derived now."""
        if name in self.inputs:
            return self.inputs[name]
        if name == "last":
            return self.hidden_states[-1]
        if name == self._entry_name():
            return self.hidden_states[0]
        number, step_name = self._resolve(name)
        if step_name == "output" and number is not None:
            return self.hidden_states[number + 1]
        return self._memory.remember(name, lambda: self.derive(name))

    def _read_in(self, number: int, name: str) -> Tensor:
        """What layer `number` reads under `name`."""
        if name == "input":
            return self.hidden_states[number]
        if name == "mask":
            return self.inputs["mask"]
        return self._read(f"layer.{number}.{name}")

    def _entry_name(self) -> str:
        return "embeddings.output" if self.parts.embedding_projection is None else "embeddings.projection"

    def _resolve(self, name: str) -> tuple[int | None, str]:
        """(layer, name of its step), or (None, name) outside the layers."""
        if name in self._steps:
            return None, name
        kind, _, rest = name.partition(".")
        number, _, step_name = rest.partition(".")
        known = {str(each): each for each in range(self.layers)}
        if kind == "layer" and number in known and step_name in LAYER_STEPS:
            return known[number], step_name
        raise LabError(
            f"This trace has no tensor called “{name[:80]}”.",
            f"The names are: {', '.join(self._steps)}, and for each layer N from 0 to {self.layers - 1} "
            f"layer.N.{', layer.N.'.join(LAYER_STEPS)}.",
        )


@torch.inference_mode()
def trace(model: Model, tokens: Tokens | Sequence[Tokens], *, padding: int = 0) -> Trace:
    """Run the encoder once over one text, or over several padded to the longest, and name everything it computes.

    `padding` adds so many positions to the longest text, to show what the mask does.

    The forward pass is transformers' own (`network.base_model` with `output_hidden_states`). What is derived from its
    hidden states agrees with the network's own tensors to rounding; `core.explore.agreement` measures it.
    Raises `LabError` when there is no text.

    >>> t = trace(model, tokenize(model, "The cat sat."))
    >>> t["layer.0.probabilities"].shape, t.axes("layer.0.probabilities")
    (torch.Size([12, 6, 6]), ('head', 'query', 'key'))
    """
    if not isinstance(tokens, Tokens):
        tokens = tuple(tokens)
        if not tokens:
            raise LabError("There is no text to trace.", "Pass one tokenized text, or a list of them.")
    inputs = model_inputs(model, tokens, padding=padding)
    output = model.network.base_model(**inputs, output_hidden_states=True)
    parts = parts_of(model.network)
    return Trace(
        model=model,
        tokens=tokens,
        given=tuple(inputs),
        inputs=inputs | _implied_inputs(model, parts, inputs),
        hidden_states=output.hidden_states,
        parts=parts,
        _steps=_embedding_steps(parts) | _head_steps(parts),
        _memory=_Memory(),
    )


def _implied_inputs(model: Model, parts: Parts, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What the network works out for itself: position ids, segments when it is given none, the mask that is added."""
    ids, attends = inputs["input_ids"], inputs["attention_mask"]
    positions = torch.arange(ids.shape[1]).expand_as(ids)
    if parts.positions_skip_padding:  # RoBERTa: real tokens are counted from the padding's id on
        padding = model.config.pad_token_id
        is_real = (ids != padding).long()
        positions = is_real.cumsum(1) * is_real + padding
    mask = torch.zeros(attends.shape).masked_fill(attends == 0, torch.finfo(torch.float32).min)
    return {
        "position_ids": positions,
        "token_type_ids": inputs.get("token_type_ids", torch.zeros_like(ids)),
        "mask": mask[:, None, None, :],  # (batch, head, query, key): no query sees a padded key
    }


class _Memory:
    """Derived tensors by name, the longest unused forgotten when they take more than `MEMORY` bytes."""

    def __init__(self) -> None:
        self.bytes = 0
        self._tensors: OrderedDict[str, Tensor] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, name: str, compute: Callable[[], Tensor]) -> Tensor:
        """The tensor called `name`; two threads may compute the same one, with the same result."""
        with self._lock:
            if name in self._tensors:
                self._tensors.move_to_end(name)
                return self._tensors[name]
        tensor = compute()
        with self._lock:
            known = self._tensors.pop(name, None)
            self._tensors[name] = tensor
            self.bytes += tensor.nbytes - (0 if known is None else known.nbytes)
            while self.bytes > MEMORY:
                self.bytes -= self._tensors.popitem(last=False)[1].nbytes
        return tensor
