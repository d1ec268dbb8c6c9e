"""A model's configuration, each field explained, and what sets two of them apart. Opens no model."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PretrainedConfig

from core.models.anatomy.config_fields import BOOKKEEPING, MEANINGS

OTHER = "Other fields"
UNKNOWN = "Not a field of this family; nothing reads it, as far as the lab knows."
_KNOWN = {name: (group, meaning) for group, fields in MEANINGS.items() for name, meaning in fields.items()}
_GROUPS = (*MEANINGS, OTHER)
_SHOWN_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its value and its family's default, both as text as in config.json, and what it means.

    `usual` is empty where the value is the default, and where a default would mean nothing (bookkeeping).
    """

    name: str
    group: str
    value: str
    usual: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A field in which two configurations differ; a side that does not have it is empty."""

    name: str
    left: str
    right: str
    meaning: str


def explain(config: PretrainedConfig) -> tuple[Field, ...]:
    """Every field of a configuration, group by group. Names are the family's own, as in its config.json."""
    default = type(config)().to_dict()
    fields = []
    for name, value in config.to_dict().items():
        group, meaning = _KNOWN.get(name, (OTHER, UNKNOWN))
        differs = group != BOOKKEEPING and name in default and default[name] != value
        if name == "_name_or_path":
            value = Path(str(value)).name  # where this machine keeps it is nobody's business
        fields.append(Field(name, group, as_text(value), as_text(default[name]) if differs else "", meaning))
    order = {name: index for index, name in enumerate(_KNOWN)}
    return tuple(sorted(fields, key=lambda each: (_GROUPS.index(each.group), order.get(each.name, 0), each.name)))


def differences(left: PretrainedConfig, right: PretrainedConfig) -> tuple[Difference, ...]:
    """The fields in which two configurations differ, bookkeeping aside.

    Families name some fields differently (DistilBERT's `dim` is `hidden_size`): they are compared under BERT's names.
    """
    first, second = _in_common_names(left), _in_common_names(right)
    missing = object()
    names = sorted({*first, *second}, key=lambda name: (list(_KNOWN).index(name) if name in _KNOWN else 999, name))
    found = []
    for name in names:
        group, meaning = _KNOWN.get(name, (OTHER, UNKNOWN))
        if group != BOOKKEEPING and first.get(name, missing) != second.get(name, missing):
            texts = [as_text(side[name]) if name in side else "" for side in (first, second)]
            found.append(Difference(name, texts[0], texts[1], meaning))
    return tuple(found)


def as_text(value: Any) -> str:
    """A value as it stands in config.json, without quotes; "not set" for null; long lists cut short.

    >>> as_text(None), as_text(True), as_text("gelu"), as_text(1e-12)
    ('not set', 'true', 'gelu', '1e-12')
    """
    if value is None:
        return "not set"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"


# Fields that transformers' own `attribute_map` does not translate, though they mean the same, by family.
_SAME_MEANING = {
    "distilbert": {
        "hidden_dim": "intermediate_size",
        "activation": "hidden_act",
        "dropout": "hidden_dropout_prob",
        "attention_dropout": "attention_probs_dropout_prob",
        "seq_classif_dropout": "classifier_dropout",
    },
    "albert": {"classifier_dropout_prob": "classifier_dropout"},
}


def _in_common_names(config: PretrainedConfig) -> dict[str, Any]:
    common = {own: usual for usual, own in config.attribute_map.items()} | _SAME_MEANING.get(config.model_type, {})
    return {common.get(name, name): value for name, value in config.to_dict().items()}
