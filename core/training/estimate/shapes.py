"""How large a model is, by its configuration alone: widths, layers, positions, weights. Opens no model."""

import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from core.errors import LabError
from core.models.catalogue import locate
from core.models.families import FAMILIES
from core.models.families import longest as longest_text
from core.models.inference_settings import read_settings

_BERT_BASE = {
    "model_type": "bert",
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "intermediate_size": 3072,
    "vocab_size": 30522,
    "max_position_embeddings": 512,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of an encoder. `layers` are those a text goes through, `distinct` those with weights of their own."""

    width: int
    layers: int
    distinct: int
    inner: int  # width of the feed-forward network
    vocabulary: int
    longest: int  # most tokens of a text, special tokens included

    @property
    def layer_weights(self) -> int:
        """Weights of one layer, biases aside."""
        return 4 * self.width**2 + 2 * self.width * self.inner

    @property
    def encoder_weights(self) -> int:
        """Weights that every token is multiplied with on its way up; those of shared layers once for each layer."""
        return self.layers * self.layer_weights

    @property
    def embedding_weights(self) -> int:
        """Weights of the tables of tokens and of positions, of which a text reads a few rows only."""
        return self.width * (self.vocabulary + self.longest)

    @property
    def weights(self) -> int:
        """About how many there are in all."""
        return self.distinct * self.layer_weights + self.embedding_weights


def shape_of(model: str) -> Shape:
    """The shape of the model called `model`; that of BERT-base where its configuration is not at hand."""
    config, tokenizer = _BERT_BASE, {}
    try:
        if (folder := locate(model)) is not None:
            config = _BERT_BASE | json.loads((folder / "config.json").read_text("utf-8"))
            tokenizer = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
            if (settings := read_settings(folder)) is not None:  # a run's tokenizer keeps the length of its plan
                tokenizer["model_max_length"] = settings.position_limit
        return _shape(config, tokenizer)
    except (LabError, OSError, ValueError, TypeError, AttributeError):
        return _shape(config, {})


def _shape(config: dict[str, Any], tokenizer: dict[str, Any]) -> Shape:
    width = int(config.get("dim") or config["hidden_size"])
    layers = int(config.get("n_layers") or config["num_hidden_layers"])
    limit = int(config["max_position_embeddings"])
    if config["model_type"] in FAMILIES:
        limit = longest_text(SimpleNamespace(**{"pad_token_id": None, **config}))
    own = tokenizer.get("model_max_length")
    return Shape(
        width=width,
        layers=layers,
        distinct=int(config.get("num_hidden_groups") or layers),
        inner=int(config.get("hidden_dim") or config.get("intermediate_size") or 4 * width),
        vocabulary=int(config["vocab_size"]),
        longest=min(limit, own) if isinstance(own, int) else limit,
    )
