"""Given words at a mask. Oracles: the distribution at the mask itself, and the chain rule written out."""

import math

import pytest
import torch

from core import LabError, open_model
from core.explore.fill_mask.candidates import MOST_CANDIDATES, beginning_with, compare_candidates
from core.explore.fill_mask.fill_mask import predict_masks
from core.explore.tokens import readable
from tests.families import family_folder


@pytest.fixture(scope="module")
def model():
    return open_model("builtin")


@pytest.mark.parametrize(
    ("text", "mask"), [("The nurse said that [MASK] was tired.", 0), ("[MASK] said that [MASK] was tired.", 1)]
)
def test_words_of_one_token_have_their_probability_at_the_mask(model, text: str, mask: int):
    found = compare_candidates(model, text, ["he", "she", "they", " He "], mask=mask)
    row = predict_masks(model, text).probabilities[mask]
    expected = {word: float(row[model.tokenizer.convert_tokens_to_ids(word.lower())]) for word in ("he", "she", "they")}
    assert {each.word: each.probability for each in found} == pytest.approx(expected, rel=1e-4)
    assert [each.share for each in found] == sorted((each.share for each in found), reverse=True)
    whole = sum(each.probability for each in found)
    assert [each.share for each in found] == pytest.approx([each.probability / whole for each in found], rel=1e-5)
    assert math.fsum(each.share for each in found) == pytest.approx(1)


@torch.inference_mode()
def test_a_word_of_several_tokens_is_multiplied_left_to_right(model):
    found = compare_candidates(model, "That was [MASK] of him.", ["unaffable"])[0]
    token_ids = model.tokenizer.convert_tokens_to_ids(["una", "##ffa", "##ble"])
    ids = model.encode("That was [MASK][MASK][MASK] of him.", return_tensors="pt")["input_ids"]
    product = 1.0
    for place, token_id in enumerate(token_ids, start=3):
        product *= model.network(input_ids=ids).logits[0, place].softmax(-1)[token_id].item()
        ids[0, place] = token_id
    assert found.probability == pytest.approx(product, rel=1e-3)
    assert found.tokens == ("una", "##ffa", "##ble")
    assert found.share == 1


def test_what_cannot_stand_at_the_mask_is_refused(model):
    text = "The [MASK] barked."
    for words, problem in (
        ([], "no words"),
        ([" ", ""], "no words"),
        ([str(number) for number in range(MOST_CANDIDATES + 1)], f"{MOST_CANDIDATES + 1} words"),
        (["𒀀"], "does not know"),
    ):
        with pytest.raises(LabError, match=problem):
            compare_candidates(model, text, words)
    for bad, mask in (("The dog barked.", 0), (text, 1)):
        with pytest.raises(LabError, match="hold no mask number"):
            compare_candidates(model, bad, ["dog"], mask=mask)
    with pytest.raises(LabError, match="melts into"):
        compare_candidates(model, "The un[MASK]able one.", ["drink"])
    with pytest.raises(LabError, match="does not fit"):
        compare_candidates(model, "word " * 509 + "[MASK]", ["unaffable"])


def test_words_that_begin_with_some_letters(model):
    predictions = predict_masks(model, "He drank a glass of [MASK].")
    (found,) = beginning_with(model, predictions, " W", top_k=5)
    vocabulary = model.tokenizer.get_vocab()
    entries = [index for token, index in vocabulary.items() if token.startswith("w")]
    assert found.probability == pytest.approx(float(predictions.probabilities[0, entries].sum()), rel=1e-5)
    best = sorted(entries, key=lambda index: -predictions.probabilities[0, index])[:5]
    assert [word for word, _ in found.words] == [readable(model, index) for index in best]
    with pytest.raises(LabError, match="begins with"):
        beginning_with(model, predictions, "qqqq")
    with pytest.raises(LabError, match="begins with"):
        beginning_with(model, predictions, "  ")
    assert beginning_with(model, predictions, "CAFÉ") == beginning_with(model, predictions, "cafe")
    (all_of_it,) = beginning_with(model, predictions, "water", top_k=50)
    assert "water" in dict(all_of_it.words)
    assert all(word.startswith("water") for word, _ in all_of_it.words)


def test_beginnings_are_compared_as_people_read_them_where_tokens_are_bytes(tmp_path):
    model = open_model(str(family_folder("roberta", "masked-lm", tmp_path)))
    predictions = predict_masks(model, "the <mask> sat on the mat")
    vocabulary = model.tokenizer.get_vocab()
    for prefix in ("c", "the", "É"):
        marked = [
            i for token, i in vocabulary.items() if token[0] == "Ġ" and reads(model, i).startswith(prefix.lower())
        ]
        if not marked:
            with pytest.raises(LabError, match="begins with"):
                beginning_with(model, predictions, prefix)
            continue
        (found,) = beginning_with(model, predictions, prefix, top_k=50)
        assert found.probability == pytest.approx(float(predictions.probabilities[0, marked].sum()), rel=1e-5)
        assert len(dict(found.words)) == len(found.words)  # no word twice


def reads(model, index: int) -> str:
    return model.tokenizer.decode([index]).strip().casefold()
