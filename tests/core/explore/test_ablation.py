"""Switching heads off. Oracle: the same model copied, with the heads' columns of the output projection set to zero."""

import copy
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from core import LabError, fill_mask, open_model, tokenize
from core.explore.answers import likeliest
from core.explore.attention import ablation
from core.explore.attention.ablation import ablate_each_head, ablate_heads, silenced
from core.explore.fill_mask.fill_mask import MaskPredictions, top_tokens
from core.explore.tokens import model_inputs
from core.models.loading import Model
from core.models.parts import parts_of
from tests.families import FAMILIES, family_folder

HEADS = ("masked-lm", "sequence-classification", "encoder")
CLOSE = 1e-5
SET = {(0, 1), (2, 0), (2, 3)}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Model]:
    folder = tmp_path_factory.mktemp("families")
    return {
        (family, head): open_model(str(family_folder(family, head, folder / f"{family}-{head}")))
        for family in FAMILIES
        for head in HEADS
    }


def tokens_of(model: Model, text: str = "the [MASK] sat on [MASK]"):
    return tokenize(model, text.replace("[MASK]", model.tokenizer.mask_token))


def with_zeroed_columns(model: Model, heads: set[tuple[int, int]]) -> nn.Module:
    """A deep copy whose shared layers (ALBERT) are taken apart first, so that each layer has weights of its own."""
    network = copy.deepcopy(model.network)
    if model.config.model_type == "albert":  # 2 groups of 2 layers over 4 runs: runs 0 and 1 take the first group
        encoder = network.base_model.encoder
        encoder.albert_layer_groups = nn.ModuleList(
            copy.deepcopy(encoder.albert_layer_groups[number]) for number in (0, 0, 1, 1)
        )
        network.config.num_hidden_groups = encoder.config.num_hidden_groups = 4
    for layer, head in heads:
        parts = parts_of(network).layers[layer]
        with torch.no_grad():
            parts.projection.weight[:, head * parts.head_dim : (head + 1) * parts.head_dim] = 0
    return network


@torch.inference_mode()
def outputs(network: nn.Module, model: Model, tokens) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Last hidden states (pos, hidden), and logits (…, choice) where the model has a head."""
    output = network(**model_inputs(model, tokens), output_hidden_states=True)
    return output.hidden_states[-1][0], getattr(output, "logits", [None])[0]


def expected_probabilities(logits: torch.Tensor, model: Model, tokens) -> torch.Tensor:
    if model.task == "masked-lm":
        logits = logits[[place for place, index in enumerate(tokens.ids) if index == model.tokenizer.mask_token_id]]
    return logits.reshape(-1, logits.shape[-1]).softmax(-1)


def same_but_for_rounding(own: torch.Tensor, expected: torch.Tensor) -> None:
    """A copy of the weights can lie otherwise in memory, and products are then summed in another order."""
    torch.testing.assert_close(own, expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("family", FAMILIES)
def test_switching_off_equals_zeroed_columns(models, family: str, head: str):
    model = models[family, head]
    tokens = tokens_of(model)
    off = torch.zeros(1, len(parts_of(model.network).layers), 4, dtype=torch.bool)
    for layer, number in SET:
        off[0, layer, number] = True
    clone, zeroed = silenced(model.network, off), with_zeroed_columns(model, SET)
    hidden, logits = outputs(zeroed, model, tokens)
    for _ in range(2):  # a clone may be run again and again
        own_hidden, own_logits = outputs(clone, model, tokens)
        same_but_for_rounding(own_hidden, hidden)
        if logits is not None:
            same_but_for_rounding(own_logits, logits)

    outcome = ablate_heads(model, tokens, SET)
    assert outcome.heads == SET
    before_hidden, before_logits = outputs(model.network, model, tokens)
    cosine = torch.cosine_similarity(before_hidden.mean(0), hidden.mean(0), dim=0).item()
    assert outcome.cosine == pytest.approx(cosine, abs=CLOSE)
    assert outcome.cosine < 0.9999
    if logits is None:
        assert (outcome.before, outcome.after, outcome.best, outcome.kl_divergence) == (None, None, (), ())
        return
    before, after = (expected_probabilities(each, model, tokens) for each in (before_logits, logits))
    torch.testing.assert_close(outcome.before, before, atol=CLOSE, rtol=CLOSE)
    torch.testing.assert_close(outcome.after, after, atol=CLOSE, rtol=CLOSE)
    assert outcome.best == tuple(before.argmax(-1).tolist())
    assert outcome.positions == (
        tuple(np.flatnonzero(np.array(tokens.ids) == model.tokenizer.mask_token_id)) * (head == "masked-lm")
    )
    kl = [(p.double() * (p.double() / q.double()).log()).sum().item() for p, q in zip(before, after, strict=True)]
    assert outcome.kl_divergence == pytest.approx(kl, abs=CLOSE)
    assert min(outcome.kl_divergence) > 0


@settings(max_examples=25, deadline=None)
@given(
    heads=st.sets(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=12),
    family=st.sampled_from(FAMILIES),
)
def test_any_set_of_heads_equals_zeroed_columns(models, heads: set[tuple[int, int]], family: str):
    model = models[family, "encoder"]
    layers = len(parts_of(model.network).layers)
    heads = {(layer % layers, head) for layer, head in heads}
    tokens = tokens_of(model, "the naïve cat!")
    off = torch.zeros(1, layers, 4, dtype=torch.bool)
    for layer, head in heads:
        off[0, layer, head] = True
    own, _ = outputs(silenced(model.network, off), model, tokens)
    expected, _ = outputs(with_zeroed_columns(model, heads), model, tokens)
    same_but_for_rounding(own, expected)


@pytest.mark.parametrize("head", HEADS)
def test_switching_nothing_off_changes_nothing(models, head: str):
    for family in FAMILIES:
        model = models[family, head]
        outcome = ablate_heads(model, tokens_of(model), ())
        assert outcome.cosine == pytest.approx(1, abs=1e-12)
        if outcome.before is not None:
            assert torch.equal(outcome.before, outcome.after)
            assert set(outcome.kl_divergence) == {0}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_shared_model_stays_bit_identical(models, family: str, head: str):
    model = models[family, head]
    tokens = tokens_of(model)
    weights = {name: tensor.clone() for name, tensor in model.network.state_dict().items()}
    hidden, logits = outputs(model.network, model, tokens)
    ablate_heads(model, tokens, SET)
    list(ablate_each_head(model, tokens))
    assert weights.keys() == model.network.state_dict().keys()
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.network.state_dict().items())
    assert not any(module._forward_pre_hooks for module in model.network.modules())
    again_hidden, again_logits = outputs(model.network, model, tokens)
    assert torch.equal(again_hidden, hidden)
    assert logits is None or torch.equal(again_logits, logits)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_sweep_equals_one_head_at_a_time(models, family: str, head: str, monkeypatch):
    model = models[family, head]
    tokens = tokens_of(model)
    monkeypatch.setattr(ablation, "POSITIONS_AT_ONCE", 5 * len(tokens))
    seen = list(ablate_each_head(model, tokens))
    effects = seen[-1]
    layers, heads = effects.cosine_distance.shape
    assert (layers, heads) == (4 * 2 if family == "albert" else 3, 4)
    assert [each.done for each in seen] == [*range(5, layers * heads, 5), layers * heads][: len(seen)]
    assert all(np.isfinite(each.cosine_distance).sum() == each.done == len(each.ranking()) for each in seen)
    assert (effects.kl_divergence is None) == (effects.drop is None) == (head == "encoder")
    for layer in range(layers):
        for number in range(heads):
            alone = ablate_heads(model, tokens, {(layer, number)})
            assert effects.cosine_distance[layer, number] == pytest.approx(1 - alone.cosine, abs=CLOSE)
            if head != "encoder":
                assert effects.kl_divergence[layer, number] == pytest.approx(np.mean(alone.kl_divergence), abs=CLOSE)
                places = range(len(alone.best))
                drops = [(alone.before - alone.after)[place, alone.best[place]].item() for place in places]
                assert effects.drop[layer, number] == pytest.approx(np.mean(drops), abs=CLOSE)
    ranking = effects.ranking()
    assert {(layer, number) for layer, number, _ in ranking} == set(np.ndindex(layers, heads))
    values = [effect for *_, effect in ranking]
    assert values == sorted(values, reverse=True)
    used = effects.cosine_distance if head == "encoder" else effects.kl_divergence
    assert all(used[layer, number] == effect for layer, number, effect in ranking)


def test_a_masked_language_model_can_be_asked_anywhere_or_nowhere(models):
    model = models["bert", "masked-lm"]
    tokens = tokenize(model, "the cat sat")
    assert ablate_heads(model, tokens, SET).before is None  # no mask
    assert next(ablate_each_head(model, tokens)).kl_divergence is None
    outcome = ablate_heads(model, tokens, SET, positions=[2, 1])
    _, logits = outputs(model.network, model, tokens)
    torch.testing.assert_close(outcome.before, logits[[2, 1]].softmax(-1), atol=CLOSE, rtol=CLOSE)
    *_, effects = ablate_each_head(model, tokens, positions=[2])
    ((layer, number, effect), *_) = effects.ranking()
    alone = ablate_heads(model, tokens, {(layer, number)}, positions=[2])
    assert effect == pytest.approx(alone.kl_divergence[0], abs=CLOSE)


def test_the_answers_before_are_those_of_fill_mask():
    model = open_model("builtin")
    text = "Paris is the [MASK] of France."
    tokens = tokenize(model, text)
    outcome = ablate_heads(model, tokens, {(5, head) for head in range(12)})
    (own,) = top_tokens(model, MaskPredictions(tokens, outcome.positions, outcome.before))
    (expected,) = fill_mask(model, text)
    assert [token for token, _ in own] == [token for token, _ in expected]
    assert [share for _, share in own] == pytest.approx([share for _, share in expected], abs=CLOSE)
    torch.testing.assert_close(outcome.after.sum(-1), torch.ones(1))


@pytest.mark.parametrize(("count", "problem"), [(1, "regression"), (3, "multi_label_classification")])
def test_logits_that_do_not_compete_have_no_distribution(models, count: int, problem: str):
    model = models["bert", "sequence-classification"]
    network = copy.deepcopy(model.network)
    network.classifier = nn.Linear(24, count)
    network.config.num_labels, network.config.problem_type = count, problem
    outcome = ablate_heads(Model("own", "own", model.task, network, model.tokenizer), tokens_of(model), SET)
    assert outcome.before is None
    assert outcome.cosine < 1


def test_many_people_switch_off_heads_of_one_model_at_once(models):
    model = models["albert", "masked-lm"]
    tokens = tokens_of(model)
    sets = [{(number % 8, number % 4), (number % 3, 1)} for number in range(12)]
    alone = [ablate_heads(model, tokens, heads).after for heads in sets]
    together: dict[int, torch.Tensor] = {}

    def look(number: int) -> None:
        together[number] = ablate_heads(model, tokens, sets[number]).after

    threads = [threading.Thread(target=look, args=(number,)) for number in range(len(sets))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for number, expected in enumerate(alone):
        torch.testing.assert_close(together[number], expected, atol=CLOSE, rtol=0)


def test_what_there_is_not_is_refused(models):
    model = models["bert", "masked-lm"]
    tokens = tokens_of(model)
    for heads in ({(3, 0)}, {(0, 4)}, {(-1, 0)}, {(0, -1)}):
        with pytest.raises(LabError, match=r"no layer\.-?\d+ head -?\d+"):
            ablate_heads(model, tokens, heads)
    for positions in ([-1], [0, len(tokens)]):
        with pytest.raises(LabError, match="no position"):
            ablate_heads(model, tokens, SET, positions=positions)
        with pytest.raises(LabError, match="no position"):
            ablate_each_head(model, tokens, positions=positions)  # at once, not when first asked for a result
    for head in ("encoder", "sequence-classification"):
        with pytest.raises(LabError, match="no masked-language head"):
            ablate_heads(models["bert", head], tokens, SET, positions=[1])


@pytest.mark.parametrize(
    ("head", "kind"),
    [("token-classification", "tags"), ("question-answering", "places in a passage"), ("multiple-choice", "choices")],
)
def test_F05_a_model_whose_answers_are_not_followed_is_told_so(tmp_path, head: str, kind: str):
    model = open_model(str(family_folder("bert", head, tmp_path)))
    tokens = tokens_of(model)
    assert ablate_heads(model, tokens, SET).before is None
    with pytest.raises(LabError, match=f"answers with {kind}, which are not followed"):
        likeliest(model, tokens)


def test_a_sweep_leaves_its_caller_out_of_inference_mode(models):
    model = models["bert", "encoder"]
    for _ in ablate_each_head(model, tokens_of(model)):
        assert not torch.is_inference_mode_enabled()
