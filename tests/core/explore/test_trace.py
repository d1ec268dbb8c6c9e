"""The trace. Oracles: transformers' own outputs, and the same formulas written again in NumPy with 64-bit floats."""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf
from torch import nn

from core import LabError, agreement, open_model, tokenize, trace
from core.explore.agreement import UNCHECKED
from core.explore.trace import Trace
from core.explore.trace_steps import LAYER_STEPS
from core.models.loading import Model
from tests.families import FAMILIES, HEADS, family_folder

TEXT, PAIR = "the cat sat on the mat", "a dog"
WORDS = ("the", "cat", "sat", "mat", "dog", "xylophone", "naïve", "!", "42")
CLOSE = 1e-5
PROJECT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Model]:
    """Every family with every head, by (family, head)."""
    folder = tmp_path_factory.mktemp("families")
    return {
        (family, head): open_model(str(family_folder(family, head, folder / f"{family}-{head}")))
        for family in FAMILIES
        for head in HEADS
    }


@pytest.fixture(scope="module")
def builtin() -> Model:
    return open_model("builtin")


def own_outputs(t: Trace, network: nn.Module | None = None):
    """transformers' outputs for the inputs of a trace."""
    inputs = {name: t.inputs[name] for name in t.given}
    with torch.inference_mode():
        return (network or t.model.network)(**inputs, output_hidden_states=True, output_attentions=True)


def assert_equals_transformers(t: Trace) -> None:
    output = own_outputs(t)
    encoder = own_outputs(t, t.model.network.base_model)
    assert len(output.hidden_states) == t.layers + 1
    first = "embeddings.projection" if "embeddings.projection" in t else "embeddings.output"
    expected = {first: output.hidden_states[0]}
    for number in range(t.layers):
        expected[f"layer.{number}.output"] = output.hidden_states[number + 1]
        expected[f"layer.{number}.probabilities"] = output.attentions[number]
    for name, attribute in (
        ("mlm.logits", "prediction_logits" if "nsp.logits" in t else "logits"),
        ("nsp.logits", "sop_logits" if t.model.config.model_type == "albert" else "seq_relationship_logits"),
        ("classifier.logits", "logits"),
    ):
        if name in t:
            expected[name] = getattr(output, attribute)
    if "pooler" in t:
        expected["pooler"] = encoder.pooler_output
    for name, own in expected.items():
        assert (t.derive(name) - own).abs().max() <= CLOSE, name
        batched = t[name] if t.is_list else t[name][None]
        assert (batched - own).abs().max() <= CLOSE, name


def gelu(x: np.ndarray) -> np.ndarray:
    return x * 0.5 * (1 + erf(x / np.sqrt(2)))


def gelu_new(x: np.ndarray) -> np.ndarray:
    return x * 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


ACTIVATIONS = {"gelu": gelu, "gelu_new": gelu_new}


def linear(module: nn.Linear, x: np.ndarray) -> np.ndarray:
    return np.einsum("...i,oi->...o", x, module.weight.double().numpy()) + module.bias.double().numpy()


def layer_norm(module: nn.LayerNorm, x: np.ndarray) -> np.ndarray:
    centred = x - x.mean(-1, keepdims=True)
    normal = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + module.eps)
    return normal * module.weight.double().numpy() + module.bias.double().numpy()


def derived_by_numpy(t: Trace, number: int) -> dict[str, np.ndarray]:
    """Every tensor of a layer in NumPy: modules taken in the order of their definition, heads one by one in a loop."""
    config = t.model.config
    hidden = t.hidden_states[number].double().numpy()  # (batch, pos, hidden)
    layer_class = {"distilbert": "TransformerBlock"}.get(config.model_type, f"{config.model_type.title()}Layer")
    in_order = [module for module in t.model.network.modules() if type(module).__name__ == layer_class]
    if config.model_type == "albert":  # two groups, each run twice
        in_order = [in_order[index] for index in (0, 1, 0, 1, 2, 3, 2, 3)]
    modules = list(in_order[number].modules())
    query, key, value, projection, up, down = [each for each in modules if isinstance(each, nn.Linear)]
    norms = [each for each in modules if isinstance(each, nn.LayerNorm)]
    attention_norm, output_norm = reversed(norms) if config.model_type == "albert" else norms
    activation = ACTIVATIONS[config.activation if config.model_type == "distilbert" else config.hidden_act]
    heads = config.num_attention_heads
    size = config.hidden_size // heads
    seen = t.inputs["attention_mask"].numpy()[:, None, :] == 1  # (batch, 1, key)

    found = {name: linear(module, hidden) for name, module in (("query", query), ("key", key), ("value", value))}
    parts = {name: np.stack(np.split(each, heads, -1), 1) for name, each in found.items()}  # (batch, head, pos, size)
    scores, probabilities, context = [], [], []
    for head in range(heads):
        raw = np.einsum("bqd,bkd->bqk", parts["query"][:, head], parts["key"][:, head])
        shifted = np.where(seen, raw / np.sqrt(size), -np.inf)
        exponentials = np.exp(shifted - shifted.max(-1, keepdims=True))
        shares = exponentials / exponentials.sum(-1, keepdims=True)
        scores.append(raw)
        probabilities.append(shares)
        context.append(np.einsum("bqk,bkd->bqd", shares, parts["value"][:, head]))
    found = parts | {
        "scores": np.stack(scores, 1),
        "scaled": np.stack(scores, 1) / np.sqrt(size),  # where nothing is masked
        "probabilities": np.stack(probabilities, 1),
        "context": np.stack(context, 1),
        "joined_context": np.concatenate(context, -1),
    }
    found["attention_projection"] = linear(projection, found["joined_context"])
    found["attention_sum"] = hidden + found["attention_projection"]
    found["attention_output"] = layer_norm(attention_norm, found["attention_sum"])
    found["feed_forward_in"] = linear(up, found["attention_output"])
    found["activation"] = activation(found["feed_forward_in"])
    found["feed_forward_out"] = linear(down, found["activation"])
    found["output_sum"] = found["attention_output"] + found["feed_forward_out"]
    found["output"] = layer_norm(output_norm, found["output_sum"])
    return found


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("family", FAMILIES)
def test_what_transformers_exposes_agrees(models, family: str, head: str):
    model = models[family, head]
    assert_equals_transformers(trace(model, tokenize(model, TEXT)))
    assert_equals_transformers(trace(model, tokenize(model, TEXT, PAIR)))
    assert_equals_transformers(trace(model, [tokenize(model, text) for text in ("cat", TEXT, "the mat")]))


def test_what_transformers_exposes_agrees_for_the_built_in_model(builtin):
    assert_equals_transformers(trace(builtin, tokenize(builtin, "The [MASK] sat on the mat.", "It purred.")))
    assert_equals_transformers(trace(builtin, [tokenize(builtin, text) for text in ("Two words", TEXT * 20, "北京")]))


@pytest.mark.parametrize("family", [*FAMILIES, "builtin"])
def test_every_tensor_of_a_layer_agrees_with_its_formula(models, builtin, family: str):
    model = builtin if family == "builtin" else models[family, "masked-lm"]
    t = trace(model, [tokenize(model, text) for text in ("cat", TEXT, "the mat")])
    padded = (t.inputs["attention_mask"] == 0)[:, None, None, :].numpy()
    for number in range(t.layers):
        derived = derived_by_numpy(t, number)
        assert derived.keys() == LAYER_STEPS.keys()
        for name, expected in derived.items():
            own = t[f"layer.{number}.{name}"].numpy()
            if name == "scaled":
                assert (own[np.broadcast_to(padded, own.shape)] < -1e30).all()
                own, expected = np.where(padded, 0, own), np.where(padded, 0, expected)
            size = max(1, np.abs(expected).max())  # rounding of a sum goes with its largest terms
            np.testing.assert_allclose(own, expected, atol=CLOSE * size, rtol=0, err_msg=f"layer {number}: {name}")


@pytest.mark.parametrize("family", FAMILIES)
def test_the_embeddings_agree_with_their_formula(models, family: str):
    model = models[family, "masked-lm"]
    t = trace(model, [tokenize(model, "cat", PAIR), tokenize(model, TEXT)])
    modules = dict(model.network.base_model.embeddings.named_modules())
    ids = t.inputs["input_ids"]
    length = ids.shape[1]
    first = 2 if family == "roberta" else 0
    for row, text in enumerate(t.texts):
        for position in range(len(text)):
            word = modules["word_embeddings"].weight[ids[row, position]]
            place = modules["position_embeddings"].weight[first + position]
            total = word + place
            assert torch.equal(t["embeddings.word"][row, position], word)
            assert torch.equal(t["embeddings.position"][row, position], place)
            if family != "distilbert":
                given = text.segments[position] if family != "roberta" else 0
                segment = modules["token_type_embeddings"].weight[given]
                assert torch.equal(t["embeddings.segment"][row, position], segment)
                total = total + segment
            else:
                assert "embeddings.segment" not in t
            normal = layer_norm(modules["LayerNorm"], total.double().numpy())
            np.testing.assert_allclose(t["embeddings.sum"][row, position], total, atol=CLOSE)
            np.testing.assert_allclose(t["embeddings.output"][row, position], normal, atol=CLOSE)
    assert ("embeddings.projection" in t) == (family in ("electra", "albert"))
    if family == "roberta":  # padding keeps the padding's own position
        assert t.inputs["position_ids"][0, len(t.texts[0]) : length].eq(1).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_heads_agree_with_their_formulas(models, family: str):
    t = trace(models[family, "masked-lm"], [tokenize(models[family, "masked-lm"], TEXT)])
    network = t.model.network
    last = t.hidden_states[-1].double().numpy()
    head = [module for name, module in network.named_modules() if not name.startswith(network.base_model_prefix)]
    dense, decoder = [module for module in head if isinstance(module, nn.Linear)]
    if dense.out_features == t.model.config.vocab_size:  # RoBERTa and ALBERT define them in another order
        dense, decoder = decoder, dense
    (norm,) = [module for module in head if isinstance(module, nn.LayerNorm)]
    act = gelu_new if family == "albert" else gelu
    derived = {"mlm.dense": linear(dense, last)}
    derived["mlm.activation"] = act(derived["mlm.dense"])
    derived["mlm.transform"] = layer_norm(norm, derived["mlm.activation"])
    derived["mlm.logits"] = linear(decoder, derived["mlm.transform"])
    assert derived.keys() == {name for name in t.names() if name.startswith("mlm.")}
    for name, expected in derived.items():
        np.testing.assert_allclose(t[name], expected, atol=CLOSE, rtol=CLOSE, err_msg=name)

    t = trace(models[family, "sequence-classification"], tokenize(models[family, "sequence-classification"], TEXT))
    cls = t.hidden_states[-1][0, 0].double().numpy()
    if family in ("bert", "albert"):
        np.testing.assert_allclose(t["pooler"], np.tanh(linear(t.parts.pooler, cls)), atol=CLOSE)
        features = t["pooler"].double().numpy()
    else:
        act = {"distilbert": lambda x: np.maximum(x, 0), "roberta": np.tanh, "electra": gelu}[family]
        features = act(linear(t.parts.classifier.dense, cls))
        np.testing.assert_allclose(t["classifier.transform"], features, atol=CLOSE)
    np.testing.assert_allclose(t["classifier.logits"], linear(t.parts.classifier.output, features), atol=CLOSE)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_networks_own_tensors_agree(models, family: str, head: str):
    model = models[family, head]
    for tokens in (tokenize(model, TEXT, PAIR), [tokenize(model, "cat"), tokenize(model, TEXT)]):
        t = trace(model, tokens)
        found = agreement(t)
        assert max(found.values()) <= CLOSE
        unseen = {f"layer.{number}.{name}" for number in range(t.layers) for name in UNCHECKED}
        assert set(found) | unseen == set(t.names())


def test_agreement_notices_a_wrong_trace(models):
    model = models["bert", "masked-lm"]
    t = trace(model, tokenize(model, TEXT))
    with torch.inference_mode():
        t.hidden_states[1].mul_(1.01)  # as if layer 1 had been fed something else
    found = agreement(t)
    assert found["layer.0.query"] <= CLOSE
    assert found["layer.1.query"] > 1e-3


def test_agreement_leaves_the_shared_network_alone(models):
    model = models["albert", "masked-lm"]
    t = trace(model, tokenize(model, TEXT))
    agreement(t)
    hooks = [hook for module in model.network.modules() for hook in module._forward_hooks.values()]
    assert all("output_capturing" in hook.__module__ for hook in hooks)  # transformers' own
    assert torch.equal(trace(model, tokenize(model, TEXT)).hidden_states[-1], t.hidden_states[-1])


texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join)


@settings(max_examples=25, deadline=None)
@given(batch=st.lists(st.tuples(texts, st.none() | texts), min_size=1, max_size=4), family=st.sampled_from(FAMILIES))
def test_padding_changes_nothing_and_is_never_attended_to(models, batch: list[tuple[str, str | None]], family: str):
    model = models[family, "masked-lm"]
    tokens = [tokenize(model, text, pair, max_length=60) for text, pair in batch]
    together = trace(model, tokens)
    assert max(agreement(together).values()) <= CLOSE
    for row, alone in enumerate(tokens):
        single = trace(model, alone)
        length = len(alone)
        for name in single.names():
            cut = together[name][row]
            for axis, kind in enumerate(single.axes(name)):
                if kind in ("pos", "query", "key"):
                    cut = cut.narrow(axis, 0, length)
            assert cut.shape == single[name].shape
            torch.testing.assert_close(cut, single[name], atol=CLOSE, rtol=CLOSE, msg=name)
        for number in range(together.layers):
            shares = together[f"layer.{number}.probabilities"][row]  # (head, query, key)
            torch.testing.assert_close(shares.sum(-1), torch.ones(shares.shape[:-1]))
            assert (shares[..., length:] == 0).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_axes_name_every_dimension_by_its_size(models, family: str):
    model = models[family, "pre-training"]
    t = trace(model, [tokenize(model, TEXT), tokenize(model, "cat")])
    sizes: dict[str, int] = {}
    for name in t.names():
        assert len(t.axes(name)) == t[name].ndim, name
        for axis, size in zip(t.axes(name), t[name].shape, strict=True):
            assert sizes.setdefault(axis, size) == size or axis == "label", (name, axis)
    assert sizes["batch"] == 2
    assert sizes["pos"] == sizes["query"] == sizes["key"] == len(tokenize(model, TEXT))
    assert sizes["hidden"] == sizes["head"] * sizes["head_dim"] == 24


def test_heads_that_are_not_there_have_no_names(models):
    def heads(head: str) -> set[str]:
        model = models["bert", head]
        return {name.partition(".")[0] for name in trace(model, tokenize(model, TEXT)).names()} - {
            "embeddings",
            "layer",
        }

    assert heads("masked-lm") == {"mlm"}
    assert heads("pre-training") == {"pooler", "mlm", "nsp"}
    assert heads("sequence-classification") == {"pooler", "classifier"}
    assert heads("encoder") == {"pooler"}


@pytest.mark.parametrize(
    "name",
    ["", "layer", "layer.02.query", "layer.3.query", "layer.-1.query", "layer.0.nothing", "layer.0.input", "mask"],
)
def test_an_unknown_name_is_refused_with_the_known_ones(models, name: str):
    t = trace(models["bert", "masked-lm"], tokenize(models["bert", "masked-lm"], TEXT))
    assert name not in t
    with pytest.raises(LabError) as refused:
        t[name]
    assert "layer.N.probabilities" in refused.value.remedy


def test_no_text_is_refused(models):
    with pytest.raises(LabError):
        trace(models["bert", "masked-lm"], [])


def test_what_was_derived_is_remembered_within_bounds(models, monkeypatch):
    model = models["bert", "masked-lm"]
    t = trace(model, tokenize(model, TEXT))
    first, second = t["layer.1.scores"], t["layer.1.scores"]
    assert first.data_ptr() == second.data_ptr()
    monkeypatch.setattr("core.explore.trace.MEMORY", 5_000)
    t = trace(model, tokenize(model, TEXT))
    everything = {name: t[name].clone() for name in t.names()}
    assert t._memory.bytes == sum(each.nbytes for each in t._memory._tensors.values()) <= 5_000
    assert all(torch.equal(t[name], tensor) for name, tensor in everything.items())


BIG = """
import resource, torch, transformers
from transformers.initialization import no_init_weights
from core.explore.trace import trace
from core.explore.tokens import tokenize
from core.models.loading import Model, open_model

small = open_model("builtin")
with no_init_weights():
    network = transformers.BertForMaskedLM(transformers.BertConfig(attn_implementation="eager")).eval()
model = Model("big", "big", "masked-lm", network.requires_grad_(False), small.tokenizer)
tokens = tokenize(model, "word " * 600)
with torch.inference_mode():  # what any forward pass needs is not the trace's
    network(**{"input_ids": torch.tensor([tokens.ids])})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
t = trace(model, tokens)
sizes = [t[name].shape for name in t.names()]
assert len(tokens) == 512 and sizes.count((12, 512, 512)) == 36
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.slow
def test_every_tensor_of_512_tokens_and_12_layers_stays_under_600_megabytes():
    done = subprocess.run([sys.executable, "-c", BIG], cwd=PROJECT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 600


def test_F06_many_people_read_one_trace_at_once(builtin, monkeypatch):
    tokens = tokenize(builtin, " ".join(WORDS))
    expected = trace(builtin, tokens)
    monkeypatch.setattr("core.explore.trace.MEMORY", 40_000)  # so that each pushes out what the others derived
    shared = trace(builtin, tokens)
    wrong: list[str] = []

    def look(seed: int) -> None:
        for name in np.random.default_rng(seed).permutation(shared.names()):
            if not torch.equal(shared[name], expected[name]):
                wrong.append(name)
        agreement(shared)

    threads = [threading.Thread(target=look, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert wrong == []
