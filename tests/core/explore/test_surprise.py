"""Pseudo-log-likelihood. Oracle: a plain loop with the model itself, one text at a time."""

import math

import pytest
import torch

from core import LabError, open_model, tokenize
from core.explore.fill_mask import cloze
from core.explore.fill_mask.surprise import surprise

TEXTS = (
    "The unaffable cat sat on the mat.",
    "It [MASK] to be unbelievably, unaffably long: " + "words and more words, " * 6,  # several batches
    "Zug, 中文 and naïve Café.",
    "ok",
)


@pytest.fixture(scope="module")
def model():
    return open_model("builtin")


@torch.inference_mode()
def in_a_loop(model, text: str, *, whole_words: bool) -> list[float]:
    """log P of each ordinary token, in nats, by BertForMaskedLM alone."""
    encoded = model.encode(text, return_tensors="pt")
    ids, word_ids = encoded["input_ids"], encoded.word_ids()
    specials = {model.tokenizer.cls_token_id, model.tokenizer.sep_token_id, model.tokenizer.mask_token_id}
    found = []
    for place, token_id in enumerate(ids[0].tolist()):
        if token_id in specials:
            continue
        hidden = ids.clone()
        hidden[0, place] = model.tokenizer.mask_token_id
        if whole_words:
            for later in range(place + 1, ids.shape[1]):
                if word_ids[later] == word_ids[place]:
                    hidden[0, later] = model.tokenizer.mask_token_id
        found.append(model.network(input_ids=hidden).logits[0, place].log_softmax(-1)[token_id].item())
    return found


@pytest.mark.parametrize("whole_words", [False, True])
@pytest.mark.parametrize("text", TEXTS, ids=["cut-up word", "long, a mask in it", "other letters", "two letters"])
def test_the_score_is_that_of_a_plain_loop(model, text: str, whole_words: bool):
    *_, found = surprise(model, tokenize(model, text), whole_words=whole_words)
    expected = in_a_loop(model, text, whole_words=whole_words)
    assert found.done == found.total == len(expected)
    assert found.log_probabilities.tolist() == pytest.approx(expected, abs=1e-4)
    assert found.score == pytest.approx(math.fsum(expected), abs=1e-3)
    assert found.pseudo_perplexity == pytest.approx(math.exp(-math.fsum(expected) / len(expected)), rel=1e-4)
    assert found.bits == pytest.approx([-each / math.log(2) for each in expected], abs=1e-4)


def test_a_cut_up_word_is_less_expected_when_all_of_it_is_hidden(model):
    tokens = tokenize(model, TEXTS[0])
    *_, alone = surprise(model, tokens)
    *_, whole = surprise(model, tokens, whole_words=True)
    first = tokens.tokens.index("una") - 1
    assert whole.bits[first] > alone.bits[first]
    others = [place for place in range(alone.total) if place not in (first, first + 1)]
    assert [whole.bits[place] for place in others] == pytest.approx([alone.bits[place] for place in others], abs=1e-4)


def test_parts_come_batch_by_batch_and_are_told(model, monkeypatch):
    tokens = tokenize(model, "The cat sat on the mat and slept.")
    *_, at_once = surprise(model, tokens)
    monkeypatch.setattr(cloze, "POSITIONS_AT_ONCE", 2 * len(tokens))
    parts = list(surprise(model, tokens))
    assert [part.done for part in parts] == [2, 4, 6, 8, 9]
    assert parts[-1].log_probabilities.tolist() == pytest.approx(at_once.log_probabilities.tolist(), abs=1e-5)
    assert parts[1].likeliest.tolist() == at_once.likeliest.tolist()[:4]


def test_a_sensible_sentence_surprises_less(model):
    scores = []
    for text in ("The children went to bed.", "The children went to moon."):
        *_, found = surprise(model, tokenize(model, text))
        scores.append(found.score)
    assert scores[0] > scores[1]


def test_what_the_model_does_not_know_is_not_counted(model):
    (found,) = surprise(model, tokenize(model, "爱爱爱"))
    assert found.total == 0
    tokens = tokenize(model, "I 爱 the unaffable cat.")
    *_, mixed = surprise(model, tokens)
    assert [tokens.tokens[place] for place in mixed.positions] == ["i", "the", "una", "##ffa", "##ble", "cat", "."]
    assert [len(word) for word in mixed.words] == [1, 1, 3, 1, 1]


def test_nothing_but_masks_has_no_score(model):
    (found,) = surprise(model, tokenize(model, "[MASK] [MASK]"))
    assert found.total == 0
    assert math.isnan(found.pseudo_perplexity)


def test_F05_a_model_without_the_head_is_refused(tiny_model_folder, tmp_path):
    from core.models.loading import load_for_training

    network, tokenizer = load_for_training(str(tiny_model_folder), task="sequence-classification", labels=("a", "b"))
    network.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    classifier = open_model(str(tmp_path))
    with pytest.raises(LabError, match="no masked-language head"):
        surprise(classifier, tokenize(classifier, "the cat"))
