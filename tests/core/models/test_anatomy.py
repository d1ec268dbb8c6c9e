"""Parts, work, shapes and module trees, against transformers itself and against published or hand-made numbers."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import transformers
from torch.utils.flop_counter import FlopCounterMode

from core import LabError, open_model
from core.charts.bars import stacked_bars
from core.charts.treemap import treemap
from core.models.anatomy.blueprints import BLUEPRINTS, blueprint
from core.models.anatomy.comparison import compare
from core.models.anatomy.flops import PROJECTIONS, SCORES, count_flops
from core.models.anatomy.module_tree import module_tree
from core.models.anatomy.outputs import inputs, outputs
from core.models.anatomy.parameters import Freezing, anatomy, trainable_parameters, training_memory
from core.models.anatomy.part_names import FEED_FORWARD, HEAD
from core.models.anatomy.skeleton import encoder_name, skeleton
from core.models.families import longest
from tests import families

SMALL = {
    "vocab_size": 100,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "max_position_embeddings": 60,
}
CONFIGS = {
    "bert": transformers.BertConfig(**SMALL),
    "distilbert": transformers.DistilBertConfig(
        vocab_size=100, dim=24, n_layers=3, n_heads=4, hidden_dim=40, max_position_embeddings=60
    ),
    "roberta": transformers.RobertaConfig(**SMALL, type_vocab_size=1),
    "xlm-roberta": transformers.XLMRobertaConfig(**SMALL, type_vocab_size=1),
    "camembert": transformers.CamembertConfig(**SMALL, type_vocab_size=1),
    "electra": transformers.ElectraConfig(**SMALL, embedding_size=12),
    "albert": transformers.AlbertConfig(**SMALL, embedding_size=12),
    "albert in groups": transformers.AlbertConfig(
        **SMALL | {"num_hidden_layers": 4}, embedding_size=12, num_hidden_groups=2, inner_group_num=2
    ),
}
PREFIXES = {"distilbert": "DistilBert", "xlm-roberta": "XLMRoberta", "albert in groups": "Albert"}
HEADS = ("Model", "ForMaskedLM", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering")
ALL = [(family, PREFIXES.get(family, family.capitalize()) + head) for family in CONFIGS for head in HEADS]
SAME_CODE = ("xlm-roberta", "camembert")  # as roberta, under other names
ALL = [(family, name) for family, name in ALL if family not in SAME_CODE or name.endswith(("Model", "MaskedLM"))]
ALL += [("bert", "BertForPreTraining"), ("bert", "BertForMultipleChoice"), ("bert", "BertForNextSentencePrediction")]
ALL += [("electra", "ElectraForPreTraining"), ("albert", "AlbertForPreTraining"), ("albert", "AlbertForMultipleChoice")]
# Of the encoder with its pooler, where it has one: as on the Hub and in the papers, to the last digit.
PUBLISHED = {
    "bert-base-uncased": 109_482_240,
    "bert-large-uncased": 335_141_888,
    "google/bert_uncased_L-2_H-128_A-2": 4_385_920,
    "bert-base-chinese": 102_267_648,
    "bert-base-multilingual-cased": 177_853_440,
    "distilbert-base-uncased": 66_362_880,
    "sentence-transformers/all-MiniLM-L6-v2": 22_713_216,
    "microsoft/MiniLM-L12-H384-uncased": 33_360_000,
    "roberta-base": 124_645_632,
    "roberta-large": 355_359_744,
    "xlm-roberta-base": 278_043_648,
    "camembert-base": 110_621_952,
    "google/electra-small-discriminator": 13_483_008,
    "google/electra-base-discriminator": 108_891_648,
    "albert-base-v2": 11_683_584,
    "albert-xxlarge-v2": 222_595_584,
}


def real_network(family: str, architecture: str) -> transformers.PreTrainedModel:
    """The same architecture with random weights in memory, built by transformers alone."""
    config = transformers.AutoConfig.for_model(**CONFIGS[family].to_dict())
    config._attn_implementation = "eager"
    return getattr(transformers, architecture)(config).eval()


@pytest.mark.parametrize("id", PUBLISHED)
def test_well_known_models_have_their_published_numbers_of_parameters(id: str):
    assert anatomy(blueprint(id).config()).parameters == PUBLISHED[id]


def test_every_blueprint_can_be_taken_apart():
    assert len({each.id for each in BLUEPRINTS}) == len({each.title for each in BLUEPRINTS}) == len(BLUEPRINTS)
    for each in BLUEPRINTS:
        assert anatomy(each.config()).parameters > 4_000_000


def test_bert_base_by_kind():
    body = anatomy(transformers.BertConfig())
    assert body.by_kind() == {"Embeddings": 23_837_184, "Layers": 85_054_464, "Pooler": 590_592}
    assert (body.layers, body.heads, body.head_width, body.width, body.inner_width) == (12, 12, 64, 768, 3072)
    assert (body.bytes("fp32"), body.bytes("bf16")) == (437_928_960, 218_964_480)
    assert (body.vocabulary, body.positions, body.notes) == (30_522, 512, ())


@pytest.mark.parametrize(("family", "architecture"), ALL)
def test_parts_hold_every_parameter_once(family: str, architecture: str):
    real = real_network(family, architecture)
    body = anatomy(CONFIGS[family], architecture)
    assert body.architecture == architecture
    assert body.parameters == sum(each.numel() for each in real.parameters())
    named = dict(real.named_parameters(remove_duplicate=False))
    weights = [weight for part in body.parts for weight in part.weights]
    assert {weight.path: weight.shape for weight in weights} == {w.path: tuple(named[w.path].shape) for w in weights}
    for part in body.parts:
        for name, owner in part.borrowed:
            assert named[f"{part.path}.{name}"] is named[owner]
    assert len({part.steps for part in body.parts}) == len(body.parts)


@pytest.mark.parametrize("family", CONFIGS)
def test_every_layer_has_the_same_parts_in_words(family: str):
    body = anatomy(CONFIGS[family])
    groups = {part.steps[2:] for part in body.parts if part.layer is not None}
    attention = [("Attention", title) for title in ("Query", "Key", "Value", "Output", "Norm")]
    assert groups == {*attention, *(("Feed-forward", title) for title in ("Widen", "Narrow", "Norm"))}
    assert len([part for part in body.parts if part.layer is not None]) == 8 * body.distinct_layers


@pytest.mark.parametrize("family", CONFIGS)
def test_the_decoder_uses_the_word_embeddings_and_says_so(family: str):
    architecture = PREFIXES.get(family, family.capitalize()) + "ForMaskedLM"
    body = anatomy(CONFIGS[family], architecture)
    decoder = next(part for part in body.parts if part.title == "Decoder")
    assert decoder.parameters == 100  # its bias
    assert dict(decoder.borrowed)["weight"].endswith("embeddings.word_embeddings.weight")
    assert "uses the word embeddings" in body.notes[-1]
    assert [part.kind for part in body.parts][-1] == HEAD


def test_a_decoder_of_its_own_is_counted():
    config = transformers.BertConfig(**SMALL, tie_word_embeddings=False)
    tied, own = (anatomy(each, "BertForMaskedLM") for each in (CONFIGS["bert"], config))
    assert own.parameters - tied.parameters == 100 * (24 + 1)  # transformers then keeps the bias twice, too
    assert own.notes == ()


def test_shared_layers_are_counted_once():
    one, groups = anatomy(CONFIGS["albert"]), anatomy(CONFIGS["albert in groups"])
    assert (one.layers, one.distinct_layers) == (3, 1)
    assert "share one set" in one.notes[0]
    assert (groups.layers, groups.distinct_layers) == (8, 4)  # two groups of two, run four times
    assert anatomy(CONFIGS["bert"]).distinct_layers == 3


def test_freezing_takes_the_embeddings_and_the_lowest_layers_out_of_training():
    body = anatomy(transformers.BertConfig(), "BertForSequenceClassification")
    layer = 85_054_464 // 12
    assert trainable_parameters(body, Freezing()) == body.parameters
    assert body.parameters - trainable_parameters(body, Freezing(embeddings=True)) == 23_837_184
    assert body.parameters - trainable_parameters(body, Freezing(layers=5)) == 5 * layer
    assert trainable_parameters(body, Freezing(embeddings=True, layers=12)) == 590_592 + 2 * 768 + 2


def test_memory_of_a_training():
    memory = training_memory(1_000, 400)
    assert (memory.weights, memory.gradients, memory.optimizer, memory.total) == (4_000, 1_600, 3_200, 8_800)


@pytest.mark.parametrize(("family", "architecture"), ALL)
def test_work_is_what_torch_counts_at_every_length(family: str, architecture: str):
    work = count_flops(CONFIGS[family], architecture)
    real = real_network(family, architecture)
    for length in (1, 7, 50):
        ids = torch.zeros((1, 2, length) if "Choice" in architecture else (1, length), dtype=torch.long)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            real(input_ids=ids)
        assert work.total(length) == counter.get_total_flops()
        assert sum(work.at(length).values()) == work.total(length)


def test_work_of_bert_base_by_hand():
    length, width, inner, layers = 128, 768, 3072, 12
    counts = count_flops(transformers.BertConfig()).at(length)
    assert counts[PROJECTIONS] == layers * 2 * 4 * width * width * length
    assert counts[FEED_FORWARD] == layers * 2 * 2 * width * inner * length
    assert counts[SCORES] == layers * 4 * length * width * length
    assert counts["Pooler"] == 2 * width * width  # once a text
    assert "Embeddings" not in counts  # looked up, not multiplied


def test_counting_at_the_same_time_does_not_mix_two_networks_up():
    configs = [CONFIGS["bert"], CONFIGS["albert"], CONFIGS["electra"], CONFIGS["distilbert"]] * 3
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(count_flops, configs)) == [count_flops(each) for each in configs]


@pytest.mark.parametrize(("family", "architecture"), ALL)
def test_outputs_have_the_shapes_of_a_real_run(family: str, architecture: str):
    batch, length = 3, 11
    stated = outputs(CONFIGS[family], architecture, batch=batch, length=length)
    real = real_network(family, architecture)
    given = inputs(CONFIGS[family], architecture, batch=batch, length=length)
    with torch.no_grad():
        fed = {each.name: torch.ones(each.shape, dtype=getattr(torch, each.dtype)) for each in given}
        made = real(**fed, output_hidden_states=True, output_attentions=True)
    expected = {}
    for name, value in made.items():
        tensors = {name: value} if isinstance(value, torch.Tensor) else {f"{name}[{i}]": t for i, t in enumerate(value)}
        expected |= {key: (tuple(tensor.shape), str(tensor.dtype)) for key, tensor in tensors.items()}
    assert {each.name: (each.shape, f"torch.{each.dtype}") for each in stated} == expected
    layers = real.config.num_hidden_layers
    repeats = (
        2 if family == "albert in groups" else 1
    )  # layers inside a group: attention of each, hidden states of each
    assert len([each for each in stated if each.name.startswith("attentions")]) == layers * repeats
    sizes = {"batch": batch, "pos": length, "query": length, "key": length, "hidden": 24, "head": 4, "vocab": 100}
    sizes |= {"label": 2, "choice": 2, "batch × choice": 2 * batch}
    for each in stated:
        assert each.shape == tuple(sizes[axis] for axis in each.axes)
        assert each.meaning.endswith(".")


@pytest.mark.parametrize(("family", "architecture"), ALL)
def test_the_unfolded_tree_is_transformers_own(family: str, architecture: str):
    real = real_network(family, architecture)
    rows = module_tree(CONFIGS[family], architecture, fold=False)
    assert [(row.path, row.kind) for row in rows] == [
        (path, type(each).__name__) for path, each in real.named_modules()
    ]
    for row in rows:
        assert row.parameters == sum(each.numel() for each in real.get_submodule(row.path).parameters())


def test_layers_that_are_alike_fold_into_one_line():
    rows = module_tree(transformers.BertConfig())
    folded = [row for row in rows if row.alike > 1]
    assert [(row.name, row.alike, row.parameters) for row in folded] == [("0 … 11", 12, 85_054_464)]
    assert rows[0].parameters == 109_482_240
    assert len(rows) < 40


def test_the_longest_text():
    assert longest(transformers.BertConfig()) == 512
    assert longest(blueprint("roberta-base").config()) == 512  # of 514 rows
    config = CONFIGS["roberta"]
    assert outputs(config, batch=1, length=longest(config))


def test_the_configuration_is_left_as_it_was():
    config = transformers.BertConfig(**SMALL)
    before = (config.to_dict(), config._attn_implementation)
    anatomy(config, "BertForMaskedLM")
    assert (config.to_dict(), config._attn_implementation) == before
    assert {each.device.type for each in skeleton(config).parameters()} == {"meta"}


@pytest.mark.parametrize("name", [None, "", "NoSuchModel", "os", "RobertaForMaskedLM", "BertConfig", "AutoModel"])
def test_a_class_the_family_does_not_have_becomes_its_encoder(name: str | None):
    assert anatomy(CONFIGS["bert"], name).architecture == encoder_name(CONFIGS["bert"]) == "BertModel"


@pytest.mark.parametrize("broken", [{"hidden_size": 25}, {"vocab_size": -1}, {"hidden_act": "no such thing"}])
def test_sizes_that_do_not_fit_are_refused(broken: dict[str, object]):
    config = transformers.BertConfig(**SMALL)
    for name, value in broken.items():
        setattr(config, name, value)
    with pytest.raises(LabError, match="describes no network"):
        anatomy(config)


def test_two_models_side_by_side():
    left, right = transformers.BertConfig(), transformers.DistilBertConfig()
    rows = {
        row.name: row
        for row in compare(anatomy(left), anatomy(right), work=(count_flops(left), count_flops(right)), length=128)
    }
    assert (rows["Parameters"].left, rows["Parameters"].right) == (109_482_240, 66_362_880)
    assert rows["Layers"].ratio == 0.5
    assert rows["– Pooler"].right == 0
    assert rows["FLOPs per token at 128"].ratio == pytest.approx(0.5, abs=1e-3)
    back = compare(anatomy(right), anatomy(left), work=(count_flops(right), count_flops(left)), length=128)
    assert {row.name: row for row in back}["– Pooler"].ratio is None


def test_the_treemap_adds_up_and_hatches_what_is_frozen_as_a_whole():
    places = [("A", "x"), ("A", "y"), ("B<b>", "x")]
    picture = treemap(places, [1, 2, 4], title="t", root="all", unit="parameters", hatched=[True, True, False]).data[0]
    sizes = dict(zip(picture.labels, picture.values, strict=True))
    assert (sizes["all"], sizes["A"], sizes["B‹b›"]) == (7, 3, 4)
    hatched = {id for id, shape in zip(picture.ids, picture.marker.pattern.shape, strict=True) if shape}
    assert len(hatched) == 3  # A and both in it
    assert set(picture.parents) - {""} <= set(picture.ids)
    assert len(set(picture.ids)) == len(picture.ids) == 6


def test_stacked_bars_keep_their_parts():
    picture = stacked_bars({"one": {"a": 1, "b": 2}, "two": {"b": 3}}, title="t", x_title="x")
    assert {bar.name: tuple(bar.x) for bar in picture.data} == {"a": (1, 0), "b": (2, 3)}


@pytest.mark.parametrize("head", families.HEADS)
@pytest.mark.parametrize("family", families.FAMILIES)
def test_an_opened_model_has_the_parameters_its_anatomy_counts(tmp_path, family: str, head: str):
    model = open_model(str(families.family_folder(family, head, tmp_path / "model")))
    body = anatomy(model.config, type(model.network).__name__, has_pooler=model.has_pooler)
    assert body.parameters == sum(each.numel() for each in model.network.parameters())
    returned = outputs(model.config, type(model.network).__name__, batch=1, length=4, has_pooler=model.has_pooler)
    assert {"pooler_output"} & {each.name for each in returned} <= ({"pooler_output"} if model.has_pooler else set())


def test_a_token_classifier_opens_without_a_pooler_and_is_counted_so(tmp_path):
    folder = families.family_folder("bert", "encoder", tmp_path / "model")
    config = transformers.AutoConfig.from_pretrained(folder)
    transformers.BertForTokenClassification(config).save_pretrained(folder)
    model = open_model(str(folder))
    assert not model.has_pooler
    body = anatomy(model.config, type(model.network).__name__, has_pooler=model.has_pooler)
    assert body.parameters == sum(each.numel() for each in model.network.parameters())
    assert "Pooler" not in body.by_kind()


def test_a_text_too_long_has_no_outputs():
    with pytest.raises(LabError, match="longer than"):
        outputs(transformers.BertConfig(), batch=1, length=513)
