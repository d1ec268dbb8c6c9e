"""The modules of an opened network, found by the names in `core.models.families`, and a clone that may be hooked.

Only finds: what the modules compute is said in `core.explore.trace`, but for the masked-language head, which more need.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
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
    activation: Callable[[Tensor], Tensor]
    feed_forward_out: nn.Linear
    output_norm: nn.LayerNorm
    heads: int

    @property
    def head_dim(self) -> int:
        """How many numbers of a query, key or value each head has: hidden / heads."""
        return self.query.out_features // self.heads


@dataclass(frozen=True, slots=True)
class MaskedLMParts:
    """The masked-language head: dense → activation → LayerNorm → decoder (usually tied to the word embeddings)."""

    dense: nn.Linear
    activation: Callable[[Tensor], Tensor]
    norm: nn.LayerNorm
    decoder: nn.Linear

    def logits(self, hidden: Float[Tensor, "*place hidden"]) -> Float[Tensor, "*place vocab"]:
        """Final hidden states into scores over the vocabulary."""
        return self.decoder(self.norm(self.activation(self.dense(hidden))))


@dataclass(frozen=True, slots=True)
class ClassifierParts:
    """The classification head: dense → activation → output over [CLS]; without `dense` the output reads the pooler."""

    output: nn.Linear
    dense: nn.Linear | None
    activation: Callable[[Tensor], Tensor]


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
    return Parts(
        word=_get(encoder, "embeddings.word_embeddings"),
        position=_get(encoder, "embeddings.position_embeddings"),
        segment=_find(encoder, "embeddings.token_type_embeddings"),
        embedding_norm=_get(encoder, "embeddings.LayerNorm"),
        embedding_projection=_find(encoder, family.embedding_projection),
        layers=tuple(_layer(_get(encoder, path), family, network.config) for path in layer_paths(network.config)),
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


def _get(root: nn.Module, path: str) -> Any:
    """The module at a dotted path, of the kind that the family has there. Raises `AttributeError` for a wrong path."""
    return root.get_submodule(path)


def _find(root: nn.Module, path: str | None) -> Any | None:
    """As `_get`; None when the path is None or leads nowhere."""
    if path is None:
        return None
    try:
        return _get(root, path)
    except AttributeError:  # no such module, or a part that was switched off and is None
        return None


def _layer(module: nn.Module, family: Family, config: PretrainedConfig) -> LayerParts:
    names = {field.name: getattr(family.layer, field.name) for field in fields(family.layer)}
    found = {name: _get(module, path) for name, path in names.items()}
    return LayerParts(**found, heads=config.num_attention_heads)


def _masked_lm(network: PreTrainedModel, family: Family) -> MaskedLMParts | None:
    head = family.masked_lm
    decoder = _find(network, head.decoder)
    if decoder is None:
        return None
    activation = ACT2FN[head.function or activation_name(network.config)]
    return MaskedLMParts(_get(network, head.dense), activation, _get(network, head.norm), decoder)


def _classifier(network: PreTrainedModel, family: Family) -> ClassifierParts | None:
    """The parts of a head over the whole text; heads over words, answers or choices bear the same names."""
    if not type(network).__name__.endswith("ForSequenceClassification"):
        return None
    head = family.classifier
    activation = ACT2FN[head.function or "linear"]
    return ClassifierParts(_get(network, head.output), _find(network, head.dense), activation)
