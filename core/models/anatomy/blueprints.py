"""Well-known models as configurations: enough to take them apart, nothing to download. Holds no weights."""

from dataclasses import dataclass, field

from transformers import AutoConfig, PretrainedConfig


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A published model: its Hub id, the name people use, its family and what differs from the family's defaults."""

    id: str
    title: str
    family: str
    settings: dict[str, object] = field(default_factory=dict)

    def config(self) -> PretrainedConfig:
        """The configuration that its family's class makes of the settings."""
        return AutoConfig.for_model(self.family, **self.settings)


def _sizes(width: int, layers: int, heads: int, inner: int | None = None) -> dict[str, object]:
    """The four sizes that a BERT-like configuration starts with; the inner width is four times the width by custom."""
    return {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": inner or 4 * width,
    }


_ROBERTA: dict[str, object] = {"max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
_ALBERT: dict[str, object] = {"hidden_act": "gelu_new", "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}

# Sizes as in each model's config.json on the Hub.
BLUEPRINTS = (
    Blueprint("bert-base-uncased", "BERT base", "bert"),
    Blueprint("bert-large-uncased", "BERT large", "bert", _sizes(1024, 24, 16)),
    Blueprint("google/bert_uncased_L-2_H-128_A-2", "BERT tiny", "bert", _sizes(128, 2, 2)),
    Blueprint("google/bert_uncased_L-4_H-256_A-4", "BERT mini", "bert", _sizes(256, 4, 4)),
    Blueprint("google/bert_uncased_L-4_H-512_A-8", "BERT small", "bert", _sizes(512, 4, 8)),
    Blueprint("google/bert_uncased_L-8_H-512_A-8", "BERT medium", "bert", _sizes(512, 8, 8)),
    Blueprint("bert-base-chinese", "BERT base Chinese", "bert", {"vocab_size": 21128}),
    Blueprint("bert-base-multilingual-cased", "BERT base multilingual", "bert", {"vocab_size": 119547}),
    Blueprint("distilbert-base-uncased", "DistilBERT base", "distilbert"),
    Blueprint("sentence-transformers/all-MiniLM-L6-v2", "MiniLM, 6 layers", "bert", _sizes(384, 6, 12)),
    Blueprint("microsoft/MiniLM-L12-H384-uncased", "MiniLM, 12 layers", "bert", _sizes(384, 12, 12)),
    Blueprint("roberta-base", "RoBERTa base", "roberta", _ROBERTA),
    Blueprint("roberta-large", "RoBERTa large", "roberta", _ROBERTA | _sizes(1024, 24, 16)),
    Blueprint("xlm-roberta-base", "XLM-RoBERTa base", "xlm-roberta", _ROBERTA | {"vocab_size": 250002}),
    Blueprint("camembert-base", "CamemBERT base", "camembert", _ROBERTA | {"vocab_size": 32005}),
    Blueprint("google/electra-small-discriminator", "ELECTRA small", "electra"),
    Blueprint(
        "google/electra-base-discriminator", "ELECTRA base", "electra", _sizes(768, 12, 12) | {"embedding_size": 768}
    ),
    Blueprint("albert-base-v2", "ALBERT base", "albert", _ALBERT | _sizes(768, 12, 12)),
    Blueprint("albert-xxlarge-v2", "ALBERT xxlarge", "albert"),
)


def blueprint(id: str) -> Blueprint:
    """The well-known model with this Hub id. Raises `KeyError`: ask only for those of `BLUEPRINTS`."""
    return {each.id: each for each in BLUEPRINTS}[id]
