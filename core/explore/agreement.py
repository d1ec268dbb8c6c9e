"""How closely a trace matches the network: every derived tensor against the one the network itself computes."""

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor, nn

from core.explore.trace import Trace
from core.explore.trace_steps import join_heads
from core.models.parts import Parts, parts_of, weight_sharing_clone

# Inside the attention function, where no module hands them out; the probabilities made from them are checked.
UNCHECKED = ("scores", "scaled")


@torch.inference_mode()
def agreement(t: Trace) -> Mapping[str, float]:
    """The largest absolute difference between each tensor of the trace and the network's own, by name.

    A second forward pass, of a weight-sharing clone with hooks (PyTorch, `register_forward_hook`), hands out what each
    module takes and gives; attention probabilities come from transformers (`output_attentions`). Kept tensors, which
    are the network's own, are derived again for the comparison. Padded positions count, too. Raw and scaled scores have
    no entry (`UNCHECKED`), and with SDPA, which returns none, probabilities neither. Only the differences are kept, so
    the memory needed is that of a forward pass.
    """
    clone = weight_sharing_clone(t.model.network)
    found: dict[str, float] = {}

    def compare(name: str, own: Tensor) -> None:
        derived = t.derive(name)
        if name.endswith((".query", ".key", ".value")):
            derived = join_heads(derived)
        found[name] = (derived - own).abs().max().item()
        if name.endswith(".joined_context"):
            found[name.replace("joined_context", "context")] = found[name]  # the same numbers, cut into heads

    calls: dict[nn.Module, list[tuple[str | None, str | None]]] = {}
    parts = parts_of(clone)
    for module, takes, gives in _module_tensors(parts):
        calls.setdefault(module, []).append((takes, gives))  # a shared layer is called once for each of its numbers
    for module, expected in calls.items():
        module.register_forward_hook(_hook(iter(expected), compare))
    inputs = {name: t.inputs[name] for name in t.given}
    has_traced_head = parts.masked_lm is not None or parts.classifier is not None
    output = (clone if has_traced_head else clone.base_model)(**inputs, output_attentions=True)
    for number, probabilities in enumerate(output.attentions):
        compare(f"layer.{number}.probabilities", probabilities)
    if getattr(output, "pooler_output", None) is not None:  # of an encoder without a head
        compare("pooler", output.pooler_output)
    return {name: found[name] for name in t.names() if name in found}


def _hook(
    expected: Iterator[tuple[str | None, str | None]], compare: Callable[[str, Tensor], None]
) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    def hook(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        takes, gives = next(expected)
        if takes:
            compare(takes, args[0])
        if gives:
            compare(gives, output)

    return hook


def _module_tensors(parts: Parts) -> Iterator[tuple[nn.Module, str | None, str | None]]:
    """(module, name of what it takes, name of what it gives), in the order of the calls."""
    yield parts.word, None, "embeddings.word"
    yield parts.position, None, "embeddings.position"
    if parts.segment is not None:
        yield parts.segment, None, "embeddings.segment"
    yield parts.embedding_norm, "embeddings.sum", "embeddings.output"
    if parts.embedding_projection is not None:
        yield parts.embedding_projection, None, "embeddings.projection"
    for number, layer in enumerate(parts.layers):
        name = f"layer.{number}."
        yield layer.query, None, name + "query"
        yield layer.key, None, name + "key"
        yield layer.value, None, name + "value"
        yield layer.projection, name + "joined_context", name + "attention_projection"
        yield layer.attention_norm, name + "attention_sum", name + "attention_output"
        yield layer.feed_forward_in, None, name + "feed_forward_in"
        yield layer.feed_forward_out, name + "activation", name + "feed_forward_out"
        yield layer.output_norm, name + "output_sum", name + "output"
    if parts.pooler is not None:
        yield parts.pooler, None, "pooler.dense"
    if parts.masked_lm is not None:
        yield parts.masked_lm.dense, None, "mlm.dense"
        yield parts.masked_lm.norm, "mlm.activation", "mlm.transform"
        yield parts.masked_lm.decoder, None, "mlm.logits"
    if parts.next_sentence is not None:
        yield parts.next_sentence, "pooler", "nsp.logits"
    if (classifier := parts.classifier) is not None:
        if classifier.dense is not None:
            yield classifier.dense, None, "classifier.dense"
            yield classifier.output, "classifier.transform", "classifier.logits"
        else:
            yield classifier.output, "pooler", "classifier.logits"
