"""One training example of BERT's. Oracles: transformers' own `loss` for the same labels, the shares of the paper."""

import math

import pytest
import torch

from core import LabError, open_model, tokenize
from core.explore.fill_mask.training_example import KEPT, MASKED, REPLACED, training_example
from tests.families import FAMILIES, family_folder

ROUNDING = 1e-4  # the head sums in another order where it runs at all positions; logits are some tens
TEXT = "The old lighthouse stood on a rock at the end of the harbour, and every evening the keeper climbed its stairs."


@pytest.fixture(scope="module")
def model():
    return open_model("builtin")


@torch.inference_mode()
def loss_of_transformers(model, made) -> float:
    labels = torch.full((1, len(made.ids)), -100)
    for each in made.drawn:
        labels[0, each.position] = each.original
    inputs = {"input_ids": torch.tensor([made.ids]), "labels": labels}
    if "token_type_ids" in model.tokenizer.model_input_names:
        inputs["token_type_ids"] = torch.tensor([made.tokens.segments])
    return model.network(**inputs).loss.item()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.15, 0.5])
def test_the_loss_is_that_of_transformers(model, seed: int, share: float):
    made = training_example(model, tokenize(model, TEXT), share=share, seed=seed)
    assert made.drawn
    assert made.loss == pytest.approx(loss_of_transformers(model, made), abs=ROUNDING)
    assert made.loss == pytest.approx(sum(-math.log(each.probability) for each in made.drawn) / len(made.drawn))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_loss_is_that_of_transformers_in_every_family(family: str, tmp_path):
    model = open_model(str(family_folder(family, "masked-lm", tmp_path)))
    made = training_example(model, tokenize(model, "the cat sat on the mat, the cat sat on the mat"), share=0.5, seed=3)
    assert made.drawn
    assert made.loss == pytest.approx(loss_of_transformers(model, made), abs=ROUNDING)


def test_shares_of_drawn_hidden_replaced_and_kept(tiny_model_folder):
    model = open_model(str(tiny_model_folder))
    tokens = tokenize(model, f"{TEXT} [MASK] " * 12)
    fates, ordinary = [], 0
    for seed in range(60):
        made = training_example(model, tokens, seed=seed)
        fates += [each.outcome for each in made.drawn]
        ordinary += tokens.is_special.count(False)
        for each in made.drawn:
            assert not tokens.is_special[each.position]
            assert each.original == tokens.ids[each.position]
            assert each.shown == made.ids[each.position]
        untouched = set(range(len(tokens))) - {each.position for each in made.drawn}
        assert all(made.ids[place] == tokens.ids[place] for place in untouched)
    count = len(fates)
    assert count / ordinary == pytest.approx(0.15, abs=0.01)
    for outcome, share in ((MASKED, 0.8), (REPLACED, 0.1), (KEPT, 0.1)):
        assert fates.count(outcome) / count == pytest.approx(share, abs=0.03)


def test_what_the_model_does_not_know_is_never_drawn(model):
    tokens = tokenize(model, "I love 爱 and 𒀀 too")
    made = training_example(model, tokens, share=1.0)
    assert {tokens.tokens[each.position] for each in made.drawn} == {"i", "love", "and", "too"}


def test_the_same_seed_draws_the_same(model):
    tokens = tokenize(model, TEXT)
    first, again, other = (training_example(model, tokens, seed=seed) for seed in (1, 1, 2))
    assert first.ids == again.ids
    assert first.loss == again.loss
    assert first.ids != other.ids


def test_where_nothing_is_drawn_there_is_no_loss(model):
    made = training_example(model, tokenize(model, "[MASK]"), share=1.0)
    assert made.drawn == ()
    assert math.isnan(made.loss)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.01, math.nan])
def test_an_impossible_share_is_refused(model, share: float):
    with pytest.raises(LabError, match="cannot be drawn"):
        training_example(model, tokenize(model, TEXT), share=share)
