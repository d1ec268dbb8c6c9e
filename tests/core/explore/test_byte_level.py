"""A RoBERTa with byte-level tokens: another mask token, spaces inside tokens, several tokens for one character."""

from pathlib import Path

import pytest
import transformers
from tokenizers import ByteLevelBPETokenizer

from core import fill_mask, open_model, tokenize
from core.explore.fill_mask.fill_mask import predict_masks, rank
from core.explore.fill_mask.masks import with_model_mask, words
from core.explore.tokens import search_vocabulary, steps

SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
TEXTS = ("the cat sat on 😀 naïve mat", "a <mask> b", "北京", "</script> x")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory):
    folder: Path = tmp_path_factory.mktemp("roberta")
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(["the cat sat on the mat, naïve café"] * 50, vocab_size=400, special_tokens=SPECIALS)
    trained.save_model(str(folder))
    tokenizer = transformers.RobertaTokenizerFast(
        vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"), model_max_length=128
    )
    tokenizer.save_pretrained(folder / "model")
    config = transformers.RobertaConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=130, pad_token_id=1, bos_token_id=0, eos_token_id=2,
    )  # fmt: skip
    transformers.RobertaForMaskedLM(config).save_pretrained(folder / "model")
    return open_model(str(folder / "model"))


@pytest.mark.parametrize("pair", [None, "café"])
@pytest.mark.parametrize("text", TEXTS)
def test_tokens_equal_the_tokenizers_own(model, text: str, pair: str | None):
    assert list(tokenize(model, text, pair).ids) == model.tokenizer(text, pair)["input_ids"]


@pytest.mark.parametrize("text", TEXTS)
def test_F04_every_character_belongs_to_a_token(model, text: str):
    tokens = tokenize(model, text)
    covered = {i for (start, end), side in zip(tokens.offsets, tokens.sequence, strict=True) if side == 0
               for i in range(start, end)}  # fmt: skip
    assert covered >= {i for i, character in enumerate(text) if not character.isspace()}


@pytest.mark.parametrize("text", TEXTS)
def test_the_steps_end_in_the_same_tokens(model, text: str):
    assert [token for tokens in steps(model, text).tokens for token in tokens] == model.tokenizer.tokenize(text)


def test_positions_start_after_the_paddings(model):
    assert model.max_length == 128
    assert len(predict_masks(model, "cat [MASK] " + "cat " * 500).tokens) == 128


def test_a_typed_mask_becomes_this_models_own_and_the_hidden_word_is_found_in_its_place(model):
    text = with_model_mask(model, "the cat [MASK] sat")
    assert [(word.text, word.is_mask) for word in words(model, text)] == [
        ("the", False),
        ("cat", False),
        ("<mask>", True),
        ("sat", False),
    ]
    cat = words(model, text)[1]
    assert cat.token_ids[0] == model.tokenizer.convert_tokens_to_ids("Ġcat")
    predictions = predict_masks(model, text)
    place, share = rank(predictions, 0, cat.token_ids[0])
    assert share == pytest.approx(float(predictions.probabilities[0, cat.token_ids[0]]))
    assert 1 <= place <= len(model.tokenizer)


def test_answers_equal_the_pipelines(model):
    oracle = transformers.FillMaskPipeline(model=model.network, tokenizer=model.tokenizer, top_k=5)("the <mask> sat")
    (own,) = fill_mask(model, "the [MASK] sat", top_k=5)
    assert [share for _, share in own] == pytest.approx([each["score"] for each in oracle], abs=1e-6)


@pytest.mark.parametrize("query", ["café", "naïve", "cat"])
def test_F04_vocabulary_search_spells_letters_in_bytes_as_the_entries_do(model, query: str):
    entry = model.tokenizer.tokenize(f" {query}")
    assert len(entry) == 1
    assert (entry[0], model.tokenizer.convert_tokens_to_ids(entry[0])) in search_vocabulary(model, query)
