"""Every field of every family's configuration is explained, and differences are found under one name."""

import pytest
import transformers

from core import open_model
from core.models.anatomy.blueprints import BLUEPRINTS, blueprint
from core.models.anatomy.config_fields import MEANINGS
from core.models.anatomy.configuration import OTHER, UNKNOWN, as_text, differences, explain

CONFIGS = (
    transformers.BertConfig,
    transformers.DistilBertConfig,
    transformers.RobertaConfig,
    transformers.XLMRobertaConfig,
    transformers.CamembertConfig,
    transformers.ElectraConfig,
    transformers.AlbertConfig,
)


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_field_of_a_family_is_explained(kind: type[transformers.PretrainedConfig]):
    fields = explain(kind())
    assert {field.name for field in fields} == set(kind().to_dict())
    assert [field.name for field in fields if field.group == OTHER] == []
    assert all(field.usual == "" for field in fields)


def test_every_field_of_the_builtin_model_is_explained():
    fields = {field.name: field for field in explain(open_model("builtin").config)}
    assert OTHER not in {field.group for field in fields.values()}
    changed = {name for name, field in fields.items() if field.usual}
    assert changed == {"hidden_size", "num_hidden_layers", "intermediate_size"}
    assert (fields["hidden_size"].value, fields["hidden_size"].usual) == ("384", "768")
    assert fields["_name_or_path"].value == "builtin"


@pytest.mark.parametrize("one", BLUEPRINTS, ids=lambda one: one.id)
def test_every_field_of_a_well_known_model_is_explained(one):
    assert OTHER not in {field.group for field in explain(one.config())}


def test_explanations_are_sentences_and_each_field_has_one():
    names = [name for fields in MEANINGS.values() for name in fields]
    assert len(set(names)) == len(names)
    assert all(meaning.endswith(".") for fields in MEANINGS.values() for meaning in fields.values())


def test_a_field_nobody_knows_is_shown_as_that():
    config = transformers.BertConfig(own_invention="**x**")
    field = next(each for each in explain(config) if each.name == "own_invention")
    assert (field.group, field.value, field.meaning, field.usual) == (OTHER, "**x**", UNKNOWN, "")


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "not set"), (True, "true"), (1e-12, "1e-12"), ("gelu", "gelu"), ({0: "é"}, '{"0": "é"}'), ([1], "[1]")],
)
def test_values_as_text(value: object, text: str):
    assert as_text(value) == text


def test_a_long_value_is_cut_short():
    labels = dict.fromkeys(range(500), "a label")
    assert len(as_text(labels)) == 120


def test_fields_that_families_name_differently_are_compared_under_one_name():
    found = {each.name: each for each in differences(transformers.BertConfig(), transformers.DistilBertConfig())}
    assert "dim" not in found
    assert "hidden_size" not in found  # both 768
    assert "intermediate_size" not in found
    assert (found["num_hidden_layers"].left, found["num_hidden_layers"].right) == ("12", "6")
    assert (found["type_vocab_size"].left, found["type_vocab_size"].right) == ("2", "")


def test_nothing_differs_from_itself_and_bookkeeping_does_not_count():
    left = transformers.BertConfig()
    right = transformers.BertConfig(architectures=["BertForMaskedLM"], output_attentions=True)
    assert differences(left, right) == ()
    assert differences(blueprint("albert-base-v2").config(), blueprint("albert-base-v2").config()) == ()
