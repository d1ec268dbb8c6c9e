"""The next-sentence head. Oracle: transformers' own model classes on the same pair."""

import pytest
import torch
import transformers

from core import LabError, open_model, tokenize
from core.explore.fill_mask.next_sentence import has_next_sentence, next_sentence
from core.explore.tokens import model_inputs
from tests.families import family_folder


@pytest.fixture(scope="module")
def teaching():
    return open_model("teaching")


@pytest.mark.parametrize(
    ("first", "second", "follows"),
    [("two dogs bark.", "one dog barks.", True), ("two dogs bark.", "one cow moos.", False)],
)
def test_the_teaching_model_judges_its_pairs(teaching, first: str, second: str, follows: bool):
    found = next_sentence(teaching, tokenize(teaching, first, second))
    assert found.answers == ("it follows", "it does not")
    assert (found.probabilities[0] > 0.9) == follows
    assert sum(found.probabilities) == pytest.approx(1)


@torch.inference_mode()
def test_probabilities_equal_those_of_transformers(tmp_path):
    folder = family_folder("bert", "pre-training", tmp_path)
    model = open_model(str(folder))
    tokens = tokenize(model, "the cat sat", "on the mat")
    network = transformers.BertForNextSentencePrediction.from_pretrained(folder).eval()
    expected = network(**model_inputs(model, tokens)).logits[0].softmax(-1)
    assert next_sentence(model, tokens).probabilities == pytest.approx(expected.tolist(), abs=1e-5)


def test_F05_a_model_without_the_head_says_so_and_names_one_that_has_it(teaching):
    builtin = open_model("builtin")
    assert has_next_sentence(teaching)
    assert not has_next_sentence(builtin)
    with pytest.raises(LabError, match="no next-sentence head") as caught:
        next_sentence(builtin, tokenize(builtin, "one", "two"))
    assert "teaching model" in caught.value.remedy
    with pytest.raises(LabError, match="no second text"):
        next_sentence(teaching, tokenize(teaching, "two dogs bark."))
