"""Attribution. Oracles: the integral summed up in a loop of its own, and the network asked with the replaced ids."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from core import LabError, fill_mask, open_model, tokenize, trace
from core.explore.answers import Target, likeliest, mask_positions
from core.explore.attention import attribution
from core.explore.attention.attribution import FILLERS, VALUES, integrated_gradients, occlusion
from core.explore.tokens import Tokens, model_inputs
from core.models.loading import Model
from core.models.parts import parts_of
from tests.families import FAMILIES, family_folder

HEADS = ("masked-lm", "sequence-classification")
CLOSE = 1e-4


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Model]:
    folder = tmp_path_factory.mktemp("families")
    return {
        (family, head): open_model(str(family_folder(family, head, folder / f"{family}-{head}")))
        for family in FAMILIES
        for head in (*HEADS, "encoder")
    }


def tokens_of(model: Model, text: str = "playing the [MASK] was", pair: str | None = "a naïve cat") -> Tokens:
    return tokenize(model, text.replace("[MASK]", model.tokenizer.mask_token), pair)


def target_of(model: Model, tokens: Tokens, choice: int = 2) -> Target:
    return Target(choice, mask_positions(model, tokens)[0] if model.task == "masked-lm" else None)


def value(model: Model, tokens: Tokens, target: Target, kind: str, ids: list[int] | None = None, zeroed=()) -> float:
    """The target's value by the network itself, with other ids in the same places; word vectors at `zeroed` are 0."""
    network = copy.deepcopy(model.network) if zeroed else model.network
    inputs = model_inputs(model, tokens)
    if parts_of(network).positions_skip_padding:  # told, because the network would count round a [PAD]
        inputs["position_ids"] = torch.arange(len(tokens))[None] + model.config.pad_token_id + 1
    if zeroed:
        network.base_model.embeddings.word_embeddings.register_forward_hook(
            lambda module, args, output: output.index_fill(1, torch.tensor(zeroed), 0)
        )
    with torch.no_grad():
        logits = network(**inputs | {"input_ids": torch.tensor([ids or list(tokens.ids)])}).logits[0]
    row = logits if target.position is None else logits[target.position]
    return {"logit": row, "log-probability": row.log_softmax(-1)}[kind][target.choice].item()


def replaced(model: Model, tokens: Tokens, filler: str, places) -> list[int]:
    """The ids with a filler at some places."""
    index = {"pad": model.tokenizer.pad_token_id, "mask": model.tokenizer.mask_token_id}[filler]
    return [index if place in places else each for place, each in enumerate(tokens.ids)]


def ordinary(tokens: Tokens) -> list[int]:
    return [place for place, is_special in enumerate(tokens.is_special) if not is_special]


# --- integrated gradients


@pytest.mark.parametrize("baseline", FILLERS)
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_values_and_the_gap_are_those_of_the_network(models, family: str, head: str, baseline: str):
    model = models[family, head]
    tokens = tokens_of(model)
    target = target_of(model, tokens)
    for kind, steps in (("log-probability", 2), ("logit", 64)):
        found = integrated_gradients(trace(model, tokens), target, baseline=baseline, steps=steps, value=kind)
        places = ordinary(tokens)
        at_input = value(model, tokens, target, kind)
        if baseline == "zero":
            at_baseline = value(model, tokens, target, kind, zeroed=places)
        else:
            at_baseline = value(model, tokens, target, kind, replaced(model, tokens, baseline, places))
        assert found.at_input == pytest.approx(at_input, abs=CLOSE)
        assert found.at_baseline == pytest.approx(at_baseline, abs=CLOSE)
        gap = found.scores.sum().item() - (at_input - at_baseline)  # what is too much is above zero
        assert found.gap == pytest.approx(gap, abs=5 * CLOSE)
        assert steps == 2 or abs(found.gap) < 0.05
        assert (found.value, found.baseline, found.steps) == (kind, baseline, steps)
        assert found.scores.shape == (len(tokens),)
        assert set(np.flatnonzero(found.scores.numpy())) <= set(places)  # special tokens and masks score 0


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("family", FAMILIES)
def test_scores_equal_the_integral_summed_up_in_a_loop(models, family: str, head: str):
    model = models[family, head]
    tokens = tokens_of(model, pair=None)
    target = target_of(model, tokens)
    network = copy.deepcopy(model.network)
    table = network.base_model.embeddings.word_embeddings.weight.detach()
    end, start = (table[ids] for ids in (list(tokens.ids), replaced(model, tokens, "mask", ordinary(tokens))))
    moved = torch.zeros(())  # what the hook puts in place of the word embeddings
    network.base_model.embeddings.word_embeddings.register_forward_hook(lambda module, args, output: moved[None])
    gradients = torch.zeros_like(end)
    points, weights = np.polynomial.legendre.leggauss(16)
    for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
        moved = (start + float(point) * (end - start)).requires_grad_()
        logits = network(**model_inputs(model, tokens)).logits[0]
        row = logits if target.position is None else logits[target.position]
        (gradient,) = torch.autograd.grad(row.log_softmax(-1)[target.choice], moved)
        gradients += float(weight) * gradient
    expected = (gradients * (end - start)).sum(-1)
    found = integrated_gradients(trace(model, tokens), target, steps=16)
    torch.testing.assert_close(found.scores, expected, atol=CLOSE, rtol=CLOSE)
    assert found.scores.abs().max() > 0.01


def test_batches_of_steps_change_nothing_and_report_progress(models, monkeypatch):
    model = models["albert", "sequence-classification"]
    tokens = tokens_of(model)
    whole = integrated_gradients(trace(model, tokens), Target(1), steps=12)
    monkeypatch.setattr(attribution, "POSITIONS_AT_ONCE", 5 * len(tokens))
    heard: list[int] = []
    parts = integrated_gradients(trace(model, tokens), Target(1), steps=12, on_progress=heard.append)
    torch.testing.assert_close(parts.scores, whole.scores, atol=1e-5, rtol=1e-4)
    assert heard == [5, 10, 12]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_shared_model_gets_no_gradients_and_stays_bit_identical(models, family: str):
    model = models[family, "masked-lm"]
    tokens = tokens_of(model)
    weights = {name: tensor.clone() for name, tensor in model.network.state_dict().items()}
    hooks = [len(module._forward_hooks) for module in model.network.modules()]
    with torch.inference_mode():  # as a page may be in
        inside = integrated_gradients(trace(model, tokens), target_of(model, tokens), steps=4)
    outside = integrated_gradients(trace(model, tokens), target_of(model, tokens), steps=4)
    list(occlusion(trace(model, tokens), target_of(model, tokens)))
    torch.testing.assert_close(inside.scores, outside.scores)
    assert not outside.scores.requires_grad
    for name, parameter in model.network.named_parameters():
        assert parameter.grad is None, name
        assert not parameter.requires_grad, name
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.network.state_dict().items())
    assert [len(module._forward_hooks) for module in model.network.modules()] == hooks


def test_roberta_keeps_its_positions_round_a_padding_token_in_the_text(models):
    model = models["roberta", "masked-lm"]
    tokens = tokenize(model, "the <pad> cat <mask>")
    target = target_of(model, tokens)
    with torch.no_grad():
        logits = model.network(**model_inputs(model, tokens)).logits[0, target.position]
    found = integrated_gradients(trace(model, tokens), target, steps=1, value="logit")
    assert found.at_input == pytest.approx(logits[target.choice].item(), abs=CLOSE)


def test_the_gap_of_the_built_in_model_closes_with_more_steps():
    model = open_model("builtin")
    tokens = tokenize(model, "Paris is the [MASK] of France.")
    target = likeliest(model, tokens)
    ((best, _), *_) = fill_mask(model, "Paris is the [MASK] of France.")[0]
    assert model.tokenizer.decode([target.choice]).strip() == best
    found = {steps: integrated_gradients(trace(model, tokens), target, steps=steps) for steps in (1, 256)}
    assert abs(found[256].gap) < 1e-2 < abs(found[1].gap)
    assert found[256].at_input > found[256].at_baseline


# --- occlusion


@pytest.mark.parametrize("whole_words", [False, True])
@pytest.mark.parametrize("filler", ["mask", "pad"])
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("family", FAMILIES)
def test_occlusion_equals_one_forward_pass_a_unit(models, family, head, filler, whole_words, monkeypatch):
    model = models[family, head]
    tokens = tokens_of(model)
    target = target_of(model, tokens)
    monkeypatch.setattr(attribution, "POSITIONS_AT_ONCE", 3 * len(tokens))
    *_, found = seen = list(occlusion(trace(model, tokens), target, filler=filler, whole_words=whole_words))
    assert [each.done for each in seen][-1] == len(found.units) == len(found.drops)
    assert [each.done for each in seen] == sorted({each.done for each in seen})
    assert all(torch.isfinite(each.drops).sum() == each.done for each in seen)
    probability = np.exp(value(model, tokens, target, "log-probability"))
    assert found.probability == pytest.approx(probability, abs=CLOSE)
    for unit, drop in zip(found.units, found.drops.tolist(), strict=True):
        ids = replaced(model, tokens, filler, unit.positions)
        expected = probability - np.exp(value(model, tokens, target, "log-probability", ids))
        assert drop == pytest.approx(expected, abs=CLOSE)
    assert [place for unit in found.units for place in unit.positions] == ordinary(tokens)
    assert whole_words == any(len(unit.positions) > 1 for unit in found.units)


def test_the_targets_own_position_is_not_occluded(models):
    model = models["bert", "masked-lm"]
    tokens = tokenize(model, "the cat sat")
    (*_, found) = occlusion(trace(model, tokens), Target(7, 2))
    assert [unit.label for unit in found.units] == ["the", "sat"]
    assert not torch.is_inference_mode_enabled()


def test_a_text_of_masks_alone_has_nothing_to_attribute(models):
    model = models["bert", "masked-lm"]
    tokens = tokenize(model, "[MASK]")
    target = likeliest(model, tokens)
    (found,) = occlusion(trace(model, tokens), target)
    assert (found.units, len(found.drops), found.done) == ((), 0, 0)
    assert found.probability == pytest.approx(np.exp(value(model, tokens, target, "log-probability")), abs=CLOSE)
    attributed = integrated_gradients(trace(model, tokens), target, steps=2)
    assert attributed.scores.tolist() == [0, 0, 0]
    assert attributed.gap == -attributed.difference
    assert attributed.gap == pytest.approx(0, abs=CLOSE)  # two equal rows of a batch can differ in their rounding


# --- what is asked for


@pytest.mark.parametrize("family", FAMILIES)
def test_the_likeliest_answer_is_the_networks(models, family: str):
    model = models[family, "sequence-classification"]
    tokens = tokens_of(model)
    with torch.no_grad():
        logits = model.network(**model_inputs(model, tokens)).logits
    assert likeliest(model, tokens) == Target(logits.argmax().item())
    model = models[family, "masked-lm"]
    tokens = tokens_of(model)
    (place,) = mask_positions(model, tokens)
    with torch.no_grad():
        logits = model.network(**model_inputs(model, tokens)).logits
    assert likeliest(model, tokens) == Target(logits[0, place].argmax().item(), place)


def test_F05_a_model_without_answers_is_refused(models):
    model = models["bert", "encoder"]
    tokens = tokenize(model, "the cat [MASK]")
    for ask in (integrated_gradients, occlusion):
        for target in (Target(0), Target(0, 3)):
            with pytest.raises(LabError, match="neither classes nor") as refused:
                ask(trace(model, tokens), target)
            assert "built-in" in refused.value.remedy
    with pytest.raises(LabError, match="neither classes nor"):
        likeliest(model, tokens)


@pytest.mark.parametrize(
    ("head", "target", "problem"),
    [
        ("masked-lm", Target(1), r"no \[MASK\]"),
        ("masked-lm", Target(1, 5), "no position 5"),
        ("masked-lm", Target(1, -1), "no position -1"),
        ("masked-lm", Target(10**6, 1), "no answer number"),
        ("sequence-classification", Target(3), "no answer number 3"),
        ("sequence-classification", Target(0, 1), "for a whole text"),
    ],
)
def test_answers_that_there_are_not_are_refused(models, head: str, target: Target, problem: str):
    model = models["bert", head]
    for ask in (integrated_gradients, occlusion):
        with pytest.raises(LabError, match=problem):
            ask(trace(model, tokenize(model, "the cat sat")), target)


def test_F01_a_text_without_a_mask_has_no_likeliest_token(models):
    model = models["bert", "masked-lm"]
    with pytest.raises(LabError, match=r"no \[MASK\]"):
        likeliest(model, tokenize(model, "the cat sat"))
    with pytest.raises(LabError, match="no text"):
        likeliest(model, tokenize(model, " "))


def test_settings_that_there_are_not_are_refused(models):
    model = models["bert", "sequence-classification"]
    tokens = tokenize(model, "the cat sat")
    with pytest.raises(LabError, match="0 steps"):
        integrated_gradients(trace(model, tokens), Target(0), steps=0)
    with pytest.raises(LabError, match=", ".join(VALUES)):
        integrated_gradients(trace(model, tokens), Target(0), value="odds")
    for ask in (lambda name: integrated_gradients(trace(model, tokens), Target(0), baseline=name),
                lambda name: occlusion(trace(model, tokens), Target(0), filler=name)):  # fmt: skip
        with pytest.raises(LabError, match=", ".join(FILLERS)):
            ask("blank")


@pytest.mark.parametrize(("count", "problem"), [(1, "regression"), (3, "multi_label_classification")])
def test_logits_that_do_not_compete_are_explained_but_have_no_probability(models, count: int, problem: str):
    model = models["bert", "sequence-classification"]
    network = copy.deepcopy(model.network)
    network.classifier = nn.Linear(24, count).requires_grad_(False)
    network.config.num_labels, network.config.problem_type = count, problem
    own = Model("own", "own", model.task, network, model.tokenizer)
    tokens = tokenize(own, "the cat sat")
    for ask in (integrated_gradients, occlusion):
        with pytest.raises(LabError, match="have no probability"):
            ask(trace(own, tokens), Target(0))
    found = integrated_gradients(trace(own, tokens), Target(0), value="logit", steps=64)
    assert found.at_input == pytest.approx(value(own, tokens, Target(0), "logit"), abs=CLOSE)
    assert abs(found.gap) < CLOSE


def test_a_tokenizer_without_the_token_is_refused_with_zero_as_a_way_out(models):
    model = models["bert", "sequence-classification"]
    tokenizer = copy.deepcopy(model.tokenizer)
    tokenizer.mask_token = None
    bare = Model("bare", "bare", model.task, model.network, tokenizer)
    tokens = tokenize(bare, "the cat sat")
    with pytest.raises(LabError, match="no mask token") as refused:
        integrated_gradients(trace(bare, tokens), Target(0))
    assert "zero" in refused.value.remedy
    assert integrated_gradients(trace(bare, tokens), Target(0), baseline="zero", steps=2).scores.shape == (len(tokens),)
