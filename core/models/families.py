"""What the modules of each BERT-like family are called: the one place that knows.

Every family computes the same thing (Devlin et al. 2018), under other names. Paths are dotted, as in `named_modules()`.
Knows no torch: `core.models.parts` finds the modules behind the names.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Layer:
    """Paths inside one encoder layer: attention, its Add & Norm, the feed-forward network, its Add & Norm."""

    query: str
    key: str
    value: str
    projection: str
    attention_norm: str
    feed_forward_in: str
    activation: str
    feed_forward_out: str
    output_norm: str


@dataclass(frozen=True, slots=True)
class MaskedLMHead:
    """Paths from the whole network to the masked-language head, and its activation function as transformers names it.

    `function` is None where the configuration chooses it, as for the layers.
    """

    dense: str
    norm: str
    decoder: str
    function: str | None = None


@dataclass(frozen=True, slots=True)
class ClassifierHead:
    """Paths to a classification head: `dense` then `function` over [CLS], or None where the pooler does that part."""

    output: str
    dense: str | None = None
    function: str | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """Paths from the encoder (`network.base_model`) to its parts, and from the network to its heads.

    - `layers`: a list of layers, or of groups of layers that are run over and over (ALBERT)
    - `embedding_projection`: from the size of the embeddings to that of the layers, where they may differ
    - `pooler`: the linear map under the pooler's tanh
    - `positions_skip_padding`: positions are counted from the padding's id on, and padding has none (RoBERTa)
    """

    layers: str
    layer: Layer
    masked_lm: MaskedLMHead
    classifier: ClassifierHead
    embedding_projection: str | None = None
    pooler: str | None = None
    next_sentence: str | None = None
    positions_skip_padding: bool = False


_BERT_LAYER = Layer(
    query="attention.self.query",
    key="attention.self.key",
    value="attention.self.value",
    projection="attention.output.dense",
    attention_norm="attention.output.LayerNorm",
    feed_forward_in="intermediate.dense",
    activation="intermediate.intermediate_act_fn",
    feed_forward_out="output.dense",
    output_norm="output.LayerNorm",
)

_ROBERTA = Family(
    layers="encoder.layer",
    layer=_BERT_LAYER,
    pooler="pooler.dense",
    masked_lm=MaskedLMHead("lm_head.dense", "lm_head.layer_norm", "lm_head.decoder", "gelu"),
    classifier=ClassifierHead("classifier.out_proj", "classifier.dense", "tanh"),
    positions_skip_padding=True,
)

FAMILIES = {
    "bert": Family(
        layers="encoder.layer",
        layer=_BERT_LAYER,
        pooler="pooler.dense",
        masked_lm=MaskedLMHead(
            "cls.predictions.transform.dense",
            "cls.predictions.transform.LayerNorm",
            "cls.predictions.decoder",
        ),
        classifier=ClassifierHead("classifier"),
        next_sentence="cls.seq_relationship",
    ),
    "distilbert": Family(
        layers="transformer.layer",
        layer=Layer(
            query="attention.q_lin",
            key="attention.k_lin",
            value="attention.v_lin",
            projection="attention.out_lin",
            attention_norm="sa_layer_norm",
            feed_forward_in="ffn.lin1",
            activation="ffn.activation",
            feed_forward_out="ffn.lin2",
            output_norm="output_layer_norm",
        ),
        masked_lm=MaskedLMHead("vocab_transform", "vocab_layer_norm", "vocab_projector"),
        classifier=ClassifierHead("classifier", "pre_classifier", "relu"),
    ),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "electra": Family(
        layers="encoder.layer",
        layer=_BERT_LAYER,
        embedding_projection="embeddings_project",
        masked_lm=MaskedLMHead(
            "generator_predictions.dense", "generator_predictions.LayerNorm", "generator_lm_head", "gelu"
        ),
        classifier=ClassifierHead("classifier.out_proj", "classifier.dense", "gelu"),
    ),
    "albert": Family(
        layers="encoder.albert_layer_groups",
        layer=Layer(
            query="attention.query",
            key="attention.key",
            value="attention.value",
            projection="attention.dense",
            attention_norm="attention.LayerNorm",
            feed_forward_in="ffn",
            activation="activation",
            feed_forward_out="ffn_output",
            output_norm="full_layer_layer_norm",
        ),
        embedding_projection="encoder.embedding_hidden_mapping_in",
        pooler="pooler",
        masked_lm=MaskedLMHead("predictions.dense", "predictions.LayerNorm", "predictions.decoder"),
        classifier=ClassifierHead("classifier"),
        next_sentence="sop_classifier.classifier",
    ),
}


def layer_paths(config: Any) -> tuple[str, ...]:
    """The path of each layer from the encoder, in the order they run; a layer that is shared comes several times."""
    listed = FAMILIES[config.model_type].layers
    if config.model_type != "albert":
        return tuple(f"{listed}.{number}" for number in range(config.num_hidden_layers))
    runs = config.num_hidden_layers  # ALBERT spreads its groups over so many runs; each group may hold several layers
    groups = [int(run / (runs / config.num_hidden_groups)) for run in range(runs)]  # as `AlbertTransformer.forward`
    return tuple(
        f"{listed}.{group}.albert_layers.{inner}" for group in groups for inner in range(config.inner_group_num)
    )


def activation_name(config: Any) -> str:
    """The activation function of the layers, as transformers names it."""
    return config.activation if config.model_type == "distilbert" else config.hidden_act


def inner_width(config: Any) -> int:
    """The width of the feed-forward network."""
    return config.hidden_dim if config.model_type == "distilbert" else config.intermediate_size


def longest(config: Any) -> int:
    """The most positions that one text may take in the network that `config` describes, whatever its tokenizer says."""
    padding: int | None = config.pad_token_id if FAMILIES[config.model_type].positions_skip_padding else None
    return config.max_position_embeddings - (0 if padding is None else padding + 1)
