"""The guess after every layer. Oracles: the model's own answer, and its head applied to its own hidden states."""

import pytest
import torch

from core import LabError, open_model, tokenize, trace
from core.explore.fill_mask.fill_mask import predict_masks
from core.explore.fill_mask.logit_lens import logit_lens
from core.explore.tokens import model_inputs
from tests.families import FAMILIES, family_folder

TEXT = "Paris is the capital of [MASK]."


@pytest.fixture(scope="module")
def model():
    return open_model("builtin")


def test_the_last_row_is_the_models_own_answer(model):
    predictions = predict_masks(model, TEXT)
    lens = logit_lens(trace(model, predictions.tokens), predictions.positions[0])
    torch.testing.assert_close(lens.probabilities[-1], predictions.probabilities[0], atol=1e-5, rtol=0)
    assert lens.answer == predictions.probabilities[0].argmax()
    assert lens.ranks[-1] == 1
    torch.testing.assert_close(lens.probabilities.sum(-1), torch.ones(model.layers + 1))
    assert lens.guesses(model.layers, top_k=1)[0][1] == pytest.approx(predictions.probabilities.max().item(), abs=1e-5)


@torch.inference_mode()
def test_every_layer_goes_through_the_whole_head(model):
    tokens = tokenize(model, TEXT)
    position = tokens.tokens.index("[MASK]")
    lens = logit_lens(trace(model, tokens), position)
    states = model.network(**model_inputs(model, tokens), output_hidden_states=True).hidden_states
    for layer, state in enumerate(states):
        expected = model.network.cls(state[0, position]).softmax(-1)
        torch.testing.assert_close(lens.probabilities[layer], expected, atol=1e-5, rtol=0)
        place = int((expected > expected[lens.answer]).sum()) + 1
        assert abs(lens.ranks[layer] - place) <= 1  # two neighbours may swap within rounding


@pytest.mark.parametrize("family", FAMILIES)
def test_the_last_row_is_the_answer_in_every_family(family: str, tmp_path):
    model = open_model(str(family_folder(family, "masked-lm", tmp_path)))
    tokens = tokenize(model, f"the cat {model.tokenizer.mask_token} on the mat")
    position = tokens.ids.index(model.tokenizer.mask_token_id)
    lens = logit_lens(trace(model, tokens), position)
    with torch.inference_mode():
        expected = model.network(**model_inputs(model, tokens)).logits[0, position].softmax(-1)
    torch.testing.assert_close(lens.probabilities[-1], expected, atol=1e-5, rtol=0)


def test_a_place_that_is_not_there_and_a_model_without_the_head(model, tiny_model_folder, tmp_path):
    t = trace(model, tokenize(model, TEXT))
    with pytest.raises(LabError, match="no position 99"):
        logit_lens(t, 99)
    from transformers import BertModel

    BertModel.from_pretrained(tiny_model_folder).save_pretrained(tmp_path)
    open_model(str(tiny_model_folder)).tokenizer.save_pretrained(tmp_path)
    encoder = open_model(str(tmp_path))
    with pytest.raises(LabError, match="no masked-language head"):
        logit_lens(trace(encoder, tokenize(encoder, "the cat")), 1)
