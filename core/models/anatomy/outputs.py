"""The exact tensors that go into a model and come out of it: names, axes in words, shapes. Computes no value."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from transformers import PretrainedConfig, PreTrainedModel

from core.errors import LabError
from core.models.anatomy.skeleton import example_input, is_multiple_choice, skeleton
from core.models.families import longest
from core.models.layer_names import after_state, layer_name

_HIDDEN = ("batch", "pos", "hidden")
_ATTENTION = ("batch", "head", "query", "key")


@dataclass(frozen=True, slots=True)
class TensorShape:
    """One tensor. `axes` names each number of `shape`; `meaning` says in a sentence what it holds."""

    name: str
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    meaning: str

    @property
    def bytes(self) -> int:
        """What the tensor takes in memory."""
        return torch.Size(self.shape).numel() * getattr(torch, self.dtype).itemsize


def inputs(
    config: PretrainedConfig, architecture: str | None = None, *, batch: int, length: int, has_pooler: bool = True
) -> list[TensorShape]:
    """What the model takes for so many texts of so many tokens each, padding included."""
    network = skeleton(config, architecture, has_pooler=has_pooler)
    ids = example_input(network, batch=batch, length=length)
    axes = ("batch", "choice", "pos") if is_multiple_choice(network) else ("batch", "pos")
    given = [
        ("input_ids", "The row of each token in the vocabulary."),
        ("attention_mask", "1 for tokens to look at, 0 for padding."),
    ]
    if getattr(config, "type_vocab_size", 0) > 1:
        given.append(("token_type_ids", "0 for the first text, 1 for the second."))
    return [_shape(name, ids, axes, meaning) for name, meaning in given]


def outputs(
    config: PretrainedConfig, architecture: str | None = None, *, batch: int, length: int, has_pooler: bool = True
) -> list[TensorShape]:
    """Every tensor that the model returns with `output_hidden_states=True, output_attentions=True`.

    Arguments and errors as `skeleton`; `length` counts tokens, at most `core.models.families.longest(config)`.
    """
    if length > longest(config):
        raise LabError(
            f"A text of {length} tokens is longer than the model's {longest(config)} positions.", "Use a shorter one."
        )
    network = skeleton(config, architecture, has_pooler=has_pooler)
    ids = example_input(network, batch=batch, length=length)
    with torch.no_grad():
        returned = network(input_ids=ids, output_hidden_states=True, output_attentions=True)
    return [shape for name, value in returned.items() if value is not None for shape in _shapes(network, name, value)]


def _shapes(
    network: PreTrainedModel, name: str, value: torch.Tensor | tuple[torch.Tensor, ...]
) -> Iterator[TensorShape]:
    if isinstance(value, torch.Tensor):
        axes, meaning = _named(network, name, value)
        yield _shape(name, value, axes, meaning)
        return
    folded = "batch × choice" if is_multiple_choice(network) else "batch"  # such a network folds its choices in
    for number, tensor in enumerate(value):  # cross-attentions are an empty tuple in an encoder
        if name == "hidden_states":
            axes, meaning = _HIDDEN, f"{after_state(number).capitalize()}."
        else:
            axes, meaning = _ATTENTION, f"{layer_name(number).capitalize()}: how much each query looks at each key."
        yield _shape(f"{name}[{number}]", tensor, (folded, *axes[1:]), meaning)


def _named(network: PreTrainedModel, name: str, value: torch.Tensor) -> tuple[tuple[str, ...], str]:
    """Axes and meaning of a single tensor of the output."""
    architecture = type(network).__name__
    if name == "last_hidden_state":
        return _HIDDEN, "The vector of each token after the last layer."
    if name == "pooler_output":
        return ("batch", "hidden"), "The first token's vector, once more transformed: stands for the whole text."
    if name in ("start_logits", "end_logits"):
        return ("batch", "pos"), f"A score for each token to be the {name.partition('_')[0]} of the answer."
    if name == "sop_logits":  # ALBERT's
        return ("batch", "label"), "Two scores: whether the two texts stand in their order, or swapped."
    if name == "seq_relationship_logits" or architecture.endswith("ForNextSentencePrediction"):
        return ("batch", "label"), "Two scores: whether the second text follows the first."
    if name == "prediction_logits" or architecture.endswith(("ForMaskedLM", "ForCausalLM", "LMHeadModel")):
        return ("batch", "pos", "vocab"), "A score for each entry of the vocabulary, at each token."
    if architecture.endswith("ForMultipleChoice"):
        return ("batch", "choice"), "A score for each choice."
    if architecture.endswith("ForTokenClassification"):
        return ("batch", "pos", "label"), "A score for each label, at each token."
    if value.dim() == 2 and architecture.endswith("ForPreTraining"):
        return ("batch", "pos"), "A score for each token to have been replaced."
    return ("batch", "label"), "A score for each label."


def _shape(name: str, tensor: torch.Tensor, axes: tuple[str, ...], meaning: str) -> TensorShape:
    return TensorShape(name, axes, tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."), meaning)
