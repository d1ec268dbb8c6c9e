"""What a module of a network is, in words: from its dotted path to a title, a place and a kind.

The paths themselves stand in `core.models.families`; heads that the lab does not open yet are named here.
"""

import re
from dataclasses import dataclass, fields

from transformers import PreTrainedModel

from core.models.families import FAMILIES, Family
from core.models.layer_names import layer_name

EMBEDDINGS, LAYERS, POOLER, HEAD = "Embeddings", "Layers", "Pooler", "Head"
KINDS = (EMBEDDINGS, LAYERS, POOLER, HEAD)
ATTENTION, FEED_FORWARD = "Attention", "Feed-forward"

_EMBEDDING_TITLES = {
    "word_embeddings": "Words",
    "position_embeddings": "Positions",
    "token_type_embeddings": "Segments",
    "LayerNorm": "Norm",
}
_LAYER_TITLES = {  # by field of `core.models.families.Layer`
    "query": (ATTENTION, "Query"),
    "key": (ATTENTION, "Key"),
    "value": (ATTENTION, "Value"),
    "projection": (ATTENTION, "Output"),
    "attention_norm": (ATTENTION, "Norm"),
    "feed_forward_in": (FEED_FORWARD, "Widen"),
    "feed_forward_out": (FEED_FORWARD, "Narrow"),
    "output_norm": (FEED_FORWARD, "Norm"),
}
_MASKED_LM, _CLASSIFIER, _NEXT_SENTENCE = "Masked-language head", "Classifier", "Sentence-pair head"
_OTHER_HEADS = {
    "classifier": (_CLASSIFIER, "Scores"),  # of each token
    "qa_outputs": ("Answer head", "Start and end"),
    "discriminator_predictions.dense": ("Replaced-word head", "Transform"),
    "discriminator_predictions.dense_prediction": ("Replaced-word head", "Score"),
    "sequence_summary.summary": (_CLASSIFIER, "Hidden layer"),
}


@dataclass(frozen=True, slots=True)
class PartName:
    """`place` is where a part stands, outermost first; `layer` which set of layer weights it belongs to."""

    kind: str
    place: tuple[str, ...]
    title: str
    layer: int | None = None


def name_part(network: PreTrainedModel, path: str) -> PartName:
    """Name the module at `path`. What no table knows keeps its own name, as part of the head."""
    family = FAMILIES[network.config.model_type]
    is_bare = network.base_model is network
    inner = path if is_bare else path.removeprefix(network.base_model_prefix + ".")
    if is_bare or inner != path:
        return _name_in_encoder(inner, family, network)
    place, title = _head_titles(family).get(path) or _OTHER_HEADS.get(path) or (HEAD, _spelled(path))
    return PartName(HEAD, (place,), title)


def _name_in_encoder(path: str, family: Family, network: PreTrainedModel) -> PartName:
    if found := re.match(re.escape(family.layers) + r"\.(\d+)\.(?:albert_layers\.(\d+)\.)?(.+)", path):
        config = network.config
        outer, inner, rest = int(found[1]), int(found[2] or 0), found[3]
        number = outer * getattr(config, "inner_group_num", 1) + inner
        shared = getattr(config, "num_hidden_groups", config.num_hidden_layers) < config.num_hidden_layers
        titles = {getattr(family.layer, field.name): _LAYER_TITLES.get(field.name) for field in fields(family.layer)}
        group, title = titles.get(rest) or (_spelled(rest.split(".")[0]), _spelled(rest))
        return PartName(
            LAYERS,
            (f"Shared {layer_name(number)}" if shared else layer_name(number).capitalize(), group),
            title,
            number,
        )
    if path == family.embedding_projection:
        return PartName(EMBEDDINGS, (EMBEDDINGS,), "Projection")
    if path == family.pooler:
        return PartName(POOLER, (POOLER,), "Linear map")
    last = path.rpartition(".")[2]
    return PartName(EMBEDDINGS, (EMBEDDINGS,), _EMBEDDING_TITLES.get(last) or _spelled(last))


def _head_titles(family: Family) -> dict[str | None, tuple[str, str]]:
    """Place and title by path, for the heads that the families' table knows."""
    return {
        family.masked_lm.dense: (_MASKED_LM, "Transform"),
        family.masked_lm.norm: (_MASKED_LM, "Norm"),
        family.masked_lm.decoder: (_MASKED_LM, "Decoder"),
        family.classifier.dense: (_CLASSIFIER, "Hidden layer"),
        family.classifier.output: (_CLASSIFIER, "Scores"),
        family.next_sentence: (_NEXT_SENTENCE, "Scores"),
    }


def _spelled(path: str) -> str:
    """A module's own name as words: "qa_outputs" becomes "Qa outputs"."""
    return path.rpartition(".")[2].replace("_", " ").capitalize()
