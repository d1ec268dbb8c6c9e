"""The modules of an opened network, found by the names in `core.models.families`, and a clone that may be hooked.

Only finds: what the modules compute is said in `core.explore.trace`, but for the masked-language head, which more need.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import nn
from transformers import PretrainedConfig, PreTrainedModel
from transformers.activations import ACT2FN

from core.models.families import FAMILIES, Family, activation_name, layer_paths


@dataclass(frozen=True, slots=True)
class LayerParts:
    """The modules of one encoder layer, and its number of heads. Shared layers (ALBERT) are the same objects."""

    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    projection: nn.Linear
    attention_norm: nn.LayerNorm
    feed_forward_in: nn.Linear
    activation: Callable[[torch.Tensor], torch.Tensor]
    feed_forward_out: nn.Linear
    output_norm: nn.LayerNorm
    heads: int

    @property
    def head_dim(self) -> int:
        return self.query.out_features // self.heads


@dataclass(frozen=True, slots=True)
class MaskedLMParts:
    """The masked-language head: dense → activation → LayerNorm → decoder (usually tied to the word embeddings)."""

    dense: nn.Linear
    activation: Callable[[torch.Tensor], torch.Tensor]
    norm: nn.LayerNorm
    decoder: nn.Linear

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Final hidden states (…, hidden) into scores over the vocabulary (…, vocab)."""
        return self.decoder(self.norm(self.activation(self.dense(hidden))))


@dataclass(frozen=True, slots=True)
class ClassifierParts:
    """The classification head: dense → activation → output over [CLS]; without `dense` it reads the pooler."""

    output: nn.Linear
    dense: nn.Linear | None
    activation: Callable[[torch.Tensor], torch.Tensor] | None


@dataclass(frozen=True, slots=True)
class Parts:
    """All modules of a network. A part that the network does not have is None."""

    word: nn.Embedding
    position: nn.Embedding
    segment: nn.Embedding | None
    embedding_norm: nn.LayerNorm
    embedding_projection: nn.Linear | None
    layers: tuple[LayerParts, ...]
    pooler: nn.Linear | None
    masked_lm: MaskedLMParts | None
    classifier: ClassifierParts | None
    next_sentence: nn.Linear | None
    positions_skip_padding: bool


def parts_of(network: PreTrainedModel) -> Parts:
    """Find the modules of a network of one of the `FAMILIES`, with or without heads."""
    family = FAMILIES[network.config.model_type]
    encoder = network.base_model
    embeddings = encoder.embeddings
    return Parts(
        word=embeddings.word_embeddings,
        position=embeddings.position_embeddings,
        segment=_find(embeddings, "token_type_embeddings"),
        embedding_norm=embeddings.LayerNorm,
        embedding_projection=_find(encoder, family.embedding_projection),
        layers=tuple(
            _layer(encoder.get_submodule(path), family, network.config) for path in layer_paths(network.config)
        ),
        pooler=_find(encoder, family.pooler),
        masked_lm=_masked_lm(network, family),
        classifier=_classifier(network, family),
        next_sentence=_find(network, family.next_sentence),
        positions_skip_padding=family.positions_skip_padding,
    )


def weight_sharing_clone(network: PreTrainedModel) -> PreTrainedModel:
    """A second network over the very same weights: no memory, and hooks on it leave the original alone."""
    shared = {id(tensor): tensor for tensor in [*network.parameters(), *network.buffers()]}
    return copy.deepcopy(network, shared)


def _find(root: nn.Module, path: str | None) -> nn.Module | None:
    """The module at a dotted path, None when the path is None or leads nowhere."""
    if path is None:
        return None
    try:
        return root.get_submodule(path)
    except AttributeError:  # no such module, or a part that was switched off and is None
        return None


def _layer(module: nn.Module, family: Family, config: PretrainedConfig) -> LayerParts:
    names = {field.name: getattr(family.layer, field.name) for field in fields(family.layer)}
    found = {name: module.get_submodule(path) for name, path in names.items()}
    return LayerParts(**found, heads=config.num_attention_heads)


def _masked_lm(network: nn.Module, family: Family) -> MaskedLMParts | None:
    head = family.masked_lm
    decoder = _find(network, head.decoder)
    if decoder is None:
        return None
    activation = ACT2FN[head.function or activation_name(network.config)]
    return MaskedLMParts(network.get_submodule(head.dense), activation, network.get_submodule(head.norm), decoder)


def _classifier(network: nn.Module, family: Family) -> ClassifierParts | None:
    """The parts of a head over the whole text; heads over words, answers or choices bear the same names."""
    if not type(network).__name__.endswith("ForSequenceClassification"):
        return None
    head = family.classifier
    output = _find(network, head.output)
    activation = ACT2FN[head.function] if head.function else None
    return ClassifierParts(output, _find(network, head.dense), activation)
