"""One forward pass, every intermediate by name. Reads the shared network, never changes it; draws nothing.

*Kept* are the hidden states of the one forward pass. *Derived* from them, when asked for, is everything else, with the
layer's own weights: at most `MEMORY` bytes of what was derived are remembered. The lab hooks nothing, and transformers'
own capturing of hidden states keeps threads apart, so many people can trace one shared model at once.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from transformers import PreTrainedModel

from core.errors import LabError
from core.explore.tokens import Tokens, model_inputs
from core.explore.trace_steps import LAYER_STEPS, Step, embedding_steps, head_steps
from core.models.loading import Model
from core.models.parts import Parts, parts_of

MEMORY = 96 * 2**20  # bytes: one layer of a 12-head model at 512 positions

_OWN_BYTES = 32 * 2**10  # about what a trace takes beside its tensors


@torch.inference_mode()
def encoder_states(
    network: PreTrainedModel, inputs: Mapping[str, Int[Tensor, "batch pos"]]
) -> tuple[Float[Tensor, "batch pos hidden"], ...]:
    """One forward pass of the encoder: what enters its first layer, then what leaves each (transformers' own).

    layers + 1 tensors: `hidden_states` of a call with `output_hidden_states`.
    """
    output: Any = network.base_model(**inputs, output_hidden_states=True)
    return output.hidden_states


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Every intermediate of one forward pass: `t["layer.3.scores"]`, `t.names()`, `t.axes(name)`.

    Of one text the tensors have the axes that `axes` gives; of a list of texts, `batch` comes first and short texts are
    padded at their ends. Layers and heads count from 0. Axes: `batch pos head query key hidden vocab`, and `head_dim`
    (hidden / heads), `inner` (the feed-forward network's width), `embedding` (where embeddings are narrower than
    layers), `label`.

    - `texts`: what was traced, one entry a text; `is_list`: whether it was given as a list, which may hold one text
    - `given`: which of the inputs the network was given; it works the others out for itself
    - `inputs`: each (batch, pos), and `mask` (batch, 1, 1, key), which is added to the scores
    - `hidden_states`: layers + 1 of them; the first is what enters layer 0
    """

    model: Model
    texts: tuple[Tokens, ...]
    is_list: bool
    given: tuple[str, ...]
    inputs: Mapping[str, Shaped[Tensor, "batch ..."]]
    hidden_states: tuple[Float[Tensor, "batch pos hidden"], ...]
    parts: Parts
    _steps: Mapping[str, Step]
    _memory: "_Memory" = field(repr=False)

    @property
    def tokens(self) -> Tokens:
        """The text of a trace of one. Raises `LabError` for a trace of a list, whose texts are `texts`."""
        if self.is_list:
            raise LabError("One text is looked at here, and this trace is of a list of texts.", "Trace one text.")
        return self.texts[0]

    @property
    def layers(self) -> int:
        """How many layers the text went through."""
        return len(self.parts.layers)

    @property
    def heads(self) -> int:
        """How many heads each layer has."""
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
        return ("batch", *step.axes) if self.is_list else step.axes

    def __getitem__(self, name: str) -> Float[Tensor, "..."]:
        """The tensor called `name`, with the axes of `axes(name)`; shared, so never write to it. Raises `LabError`."""
        self._resolve(name)
        tensor = self._read(name)
        return tensor if self.is_list else tensor[0]

    def __contains__(self, name: str) -> bool:
        try:
            self._resolve(name)
        except LabError:
            return False
        return True

    @torch.inference_mode()
    def derive(self, name: str) -> Float[Tensor, "batch ..."]:
        """As `trace[name]`, batch axis included, but computed from the tensors before it, hidden states included.

        Where `trace[name]` is one of the kept hidden states, the two can be compared. Raises `LabError` for a name that
        this trace does not have.
        """
        number, step_name = self._resolve(name)
        if number is None:
            return self._steps[step_name].compute(self._read)
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
    texts = (tokens,) if isinstance(tokens, Tokens) else tuple(tokens)
    if not texts:
        raise LabError("There is no text to trace.", "Pass one tokenized text, or a list of them.")
    inputs = model_inputs(model, texts, padding=padding)
    parts = parts_of(model.network)
    return Trace(
        model=model,
        texts=texts,
        is_list=not isinstance(tokens, Tokens),
        given=tuple(inputs),
        inputs=inputs | _implied_inputs(model, parts, inputs),
        hidden_states=encoder_states(model.network, inputs),
        parts=parts,
        _steps=embedding_steps(parts) | head_steps(parts),
        _memory=_Memory(),
    )


def _implied_inputs(
    model: Model, parts: Parts, inputs: Mapping[str, Int[Tensor, "batch pos"]]
) -> dict[str, Shaped[Tensor, "batch ..."]]:
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
