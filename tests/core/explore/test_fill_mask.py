"""Filling masks. Oracles: transformers' fill-mask pipeline, and a search over every combination."""

import itertools
import math

import pytest
import torch
import transformers

from core import LabError, fill_jointly, fill_mask, open_model
from core.explore.fill_mask.fill_mask import MAX_MASKS_JOINTLY, predict_masks, rank
from core.explore.fill_mask.masks import hide, with_model_mask, words


@pytest.fixture(scope="module")
def model():
    return open_model("builtin")


@pytest.fixture(scope="module")
def tiny(tiny_model_folder):
    return open_model(str(tiny_model_folder))


def test_the_built_in_model_knows_the_capital(model):
    (answers,) = fill_mask(model, "Paris is the capital of [MASK].", top_k=5)
    assert "france" in [token for token, _ in answers]


@pytest.mark.parametrize("text", ["The [MASK] sat on the mat.", "[MASK] is the [MASK] of France."])
def test_answers_equal_the_pipelines(model, text: str):
    pipeline = transformers.FillMaskPipeline(model=model.network, tokenizer=model.tokenizer, top_k=7)
    expected = pipeline(text)
    expected = expected if text.count("[MASK]") > 1 else [expected]
    for own, oracle in zip(fill_mask(model, text, top_k=7), expected, strict=True):
        assert [token for token, _ in own] == [each["token_str"] for each in oracle]
        assert [share for _, share in own] == pytest.approx([each["score"] for each in oracle], abs=1e-6)


def test_probabilities_sum_to_one(model):
    predictions = predict_masks(model, "[MASK] [MASK]")
    torch.testing.assert_close(predictions.probabilities.sum(-1), torch.ones(2))


def test_joint_filling_with_full_beams_is_the_exhaustive_search(tiny):
    size = tiny.tokenizer.vocab_size
    found = fill_jointly(tiny, "the [MASK] was [MASK]", top_k=10, beams=size)
    ids = tiny.encode("the [MASK] was [MASK]", return_tensors="pt")["input_ids"]
    first, second = (ids[0] == tiny.tokenizer.mask_token_id).nonzero().flatten().tolist()
    with torch.no_grad():
        start = tiny.network(input_ids=ids).logits[0, first].log_softmax(-1)
        scores = {}
        for one in range(size):
            filled = ids.clone()
            filled[0, first] = one
            then = tiny.network(input_ids=filled).logits[0, second].log_softmax(-1)
            scores |= {(one, two): (start[one] + then[two]).item() for two in range(size)}
    best = sorted(scores, key=scores.get, reverse=True)[:10]
    expected = [tuple(tiny.tokenizer.decode([index]).strip() for index in pair) for pair in best]
    assert [each.fillers for each in found] == expected
    assert [math.log(each.probability) for each in found] == pytest.approx([scores[pair] for pair in best], abs=1e-4)


def test_one_mask_filled_jointly_is_the_same_as_alone(model):
    (alone,) = fill_mask(model, "The [MASK] barked.", top_k=5)
    together = fill_jointly(model, "The [MASK] barked.", top_k=5)
    assert [(each.fillers[0], each.probability) for each in together] == [
        (token, pytest.approx(share, abs=1e-6)) for token, share in alone
    ]


def test_the_filled_text_keeps_everything_else(model):
    for filling in fill_jointly(model, "Yes: the [MASK] of [MASK]!", top_k=3):
        if not any(each.startswith("##") for each in filling.fillers):
            assert filling.text == f"Yes: the {filling.fillers[0]} of {filling.fillers[1]}!"


def test_hiding_a_word_by_its_number(model):
    text = "I don't like cats, naïve one."
    found = words(model, text)
    assert [text[each.start : each.end] for each in found] == [each.text for each in found]
    number = [each.text for each in found].index("cats")
    assert hide(model, text, {number}).text == "I don't like [MASK], naïve one."
    assert hide(model, text, set()).text == text
    assert hide(model, text, set(range(len(found)))).text.count("[MASK]") == len(found)


def test_a_word_of_several_tokens_can_be_hidden_token_by_token(model):
    text = "An unaffable [MASK]."
    as_one, in_tokens = (hide(model, text, {1}, each_token=each) for each in (False, True))
    assert as_one.text == "An [MASK] [MASK]."
    assert [each and each.token_id for each in as_one.hidden] == [None, None]
    assert in_tokens.text == "An [MASK][MASK][MASK] [MASK]."
    assert [each and each.token_id for each in in_tokens.hidden] == [14477, 20961, 3468, None]
    assert len(predict_masks(model, in_tokens.text).positions) == 4


def test_rank_of_the_hidden_word_counts_those_above_it(model):
    text = "The cat sat on the [MASK]."
    predictions = predict_masks(model, text)
    (answers,) = fill_mask(model, text, top_k=20)
    for place, (token, share) in itertools.islice(enumerate(answers, 1), 0, 20, 5):
        token_id = model.tokenizer.convert_tokens_to_ids(token)
        assert rank(predictions, 0, token_id) == (place, pytest.approx(share))


def test_a_word_knows_the_tokens_it_is_made_of(model):
    token_ids = {word.text: word.token_ids for word in words(model, "An unaffable Cat 😀")}
    assert token_ids == {"An": (2019,), "unaffable": (14477, 20961, 3468), "Cat": (4937,), "😀": ()}


def test_a_mask_is_recognised_however_it_is_written(model):
    text = with_model_mask(model, "a [mask] and a [MASK]")
    assert text == "a [MASK] and a [MASK]"
    assert [word.is_mask for word in words(model, text)] == [False, True, False, False, True]


def test_F05_a_model_without_the_head_is_refused_with_one_that_has_it(model, tiny_model_folder, tmp_path):
    from core.models.loading import load_for_training

    network, tokenizer = load_for_training(str(tiny_model_folder), task="sequence-classification", labels=("no", "yes"))
    network.save_pretrained(tmp_path / "classifier")
    tokenizer.save_pretrained(tmp_path / "classifier")
    with pytest.raises(LabError, match="no masked-language head") as caught:
        fill_mask(open_model(str(tmp_path / "classifier")), "a [MASK]")
    assert "built-in" in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "problem"),
    [("no mask here", r"holds no \[MASK\]"), ("", "no text"), ("word " * 600 + "[MASK]", "beyond the first 512")],
)
def test_texts_without_a_visible_mask_are_refused(model, text: str, problem: str):
    with pytest.raises(LabError, match=problem):
        fill_mask(model, text)


def test_too_many_masks_for_a_joint_answer_are_refused(model):
    with pytest.raises(LabError, match="limited to"):
        fill_jointly(model, "[MASK] " * (MAX_MASKS_JOINTLY + 1))
