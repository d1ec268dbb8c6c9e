"""Tokens: every token is traced back to its characters. The oracle is transformers' own tokenizer call."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import LabError, open_model, tokenize
from core.explore import tokens as tokenizing
from core.explore.attention.selection import units
from tests.families import family_folder

TEXTS = (
    "Unbelievably good, isn't it?",
    "  two   spaces\nand a line  ",
    "Ünïcödé naïve café",
    "北京是中国的首都。",
    "اللغة العربية",
    "e\u0301 combining, 👩‍👩‍👧 family",
    "[CLS] and [MASK] and [SEP] written out",
    "</script><img src=x onerror=alert(1)>",
    "a" * 5_000,
)


@pytest.fixture(scope="module")
def model():
    return open_model("builtin")


@pytest.mark.parametrize("pair", [None, "A second one"])
@pytest.mark.parametrize("text", TEXTS)
def test_tokens_ids_and_segments_equal_the_tokenizers_own(model, text: str, pair: str | None):
    tokens = tokenize(model, text, pair)
    oracle = model.tokenizer(text, pair, truncation=True, max_length=512)
    assert list(tokens.ids) == oracle["input_ids"]
    assert list(tokens.segments) == oracle["token_type_ids"]
    assert list(tokens.word_index) == oracle.word_ids()
    assert list(tokens.tokens) == model.tokenizer.convert_ids_to_tokens(oracle["input_ids"])


@pytest.mark.parametrize("text", TEXTS[:8])
def test_F04_offsets_point_at_the_characters_each_token_came_from(model, text: str):
    tokens = tokenize(model, text)
    for position, token in enumerate(tokens.tokens):
        if tokens.sequence[position] is None or token == "[UNK]":
            continue
        normalized = model.tokenizer.backend_tokenizer.normalizer.normalize_str(tokens.surface(position))
        assert token.removeprefix("##") in (normalized.strip(), tokens.surface(position))


@pytest.fixture(scope="module")
def unigram(tmp_path_factory: pytest.TempPathFactory):
    return open_model(str(family_folder("xlm-roberta", "masked-lm", tmp_path_factory.mktemp("xlm-roberta"))))


def test_F03_tokens_are_vocabulary_entries_also_for_a_mask_with_its_space_and_for_unknown_signs(unigram):
    tokens = tokenize(unigram, "the <mask> sat 😀")
    assert tokens.tokens == ("<s>", "▁the", "<mask>", "▁sat", "▁", "<unk>", "</s>")
    assert list(tokens.tokens) == unigram.tokenizer.convert_ids_to_tokens(tokens.ids)
    assert tokens.surface(2).strip() == "<mask>"
    assert tokens.surface(5) == "😀"
    assert [unit.label for unit in units(tokens) if unit.is_special] == ["<s>", "</s>"]
    assert tokenizing.padded_batch(unigram, ["the <mask> sat 😀"]).tokens == (tokens.tokens,)


def test_F02_a_long_text_is_cut_visibly(model):
    tokens = tokenize(model, "word " * 10_000)
    assert (len(tokens), tokens.uncut_length) == (512, 10_002)
    assert tokens.cut_text.split() == ["word"] * (10_000 - 510)


def test_F01_nothing_but_spaces_is_refused_and_emoji_are_not(model):
    for empty in ("", "   ", "\n\t"):
        with pytest.raises(LabError, match="no text"):
            tokenize(model, empty)
    assert tokenize(model, "😀😀").tokens == ("[CLS]", "[UNK]", "[SEP]")


def test_F03_special_tokens_written_out_are_marked(model):
    tokens = tokenize(model, "a [MASK] b")
    assert tokens.is_special == (True, False, True, False, True)
    assert tokens.sequence == (None, 0, 0, 0, None)
    assert tokens.surface(2) == "[MASK]"


def test_A18_half_a_character_is_refused(model):
    with pytest.raises(LabError, match="surrogate"):
        tokenize(model, "broken \ud83d here")


@pytest.mark.parametrize("strategy", tokenizing.TRUNCATION_STRATEGIES)
def test_truncation_follows_the_strategy_and_loses_no_character(model, strategy: str):
    first, second = "one two three four five six", "seven eight nine ten eleven"
    tokens = tokenize(model, first, second, max_length=10, truncation=strategy)
    oracle = model.tokenizer(first, second, max_length=10, truncation=strategy)["input_ids"]
    assert list(tokens.ids) == oracle
    kept = [" ".join(tokens.surface(p) for p in range(10) if tokens.sequence[p] == side) for side in (0, 1)]
    assert f"{kept[0]} {tokens.cut_text}".strip() == first
    assert f"{kept[1]} {tokens.cut_pair}".strip() == second


def test_a_limit_that_leaves_nothing_is_refused(model):
    with pytest.raises(LabError, match="would leave nothing"):
        tokenize(model, "one two", "three " * 20, max_length=12, truncation="only_first")
    with pytest.raises(LabError, match="there is none"):
        tokenize(model, "one two three", max_length=4, truncation="only_second")


@given(st.text(max_size=80).filter(str.strip), st.none() | st.text(max_size=40), st.integers(8, 40))
@settings(max_examples=60, deadline=None)
def test_any_text_is_cut_to_the_limit_with_parallel_fields(text: str, pair: str | None, limit: int):
    model = open_model_once()
    tokens = tokenize(model, text, pair, max_length=limit)
    assert len(tokens) <= limit
    fields = (tokens.ids, tokens.offsets, tokens.word_index, tokens.sequence, tokens.segments, tokens.is_special)
    assert {len(each) for each in fields} == {len(tokens.tokens)}
    for position in range(len(tokens)):
        assert isinstance(tokens.surface(position), str)


def open_model_once(cache: list = []):  # noqa: B006  hypothesis takes no module fixture
    if not cache:
        cache.append(open_model("builtin"))
    return cache[0]


def test_the_steps_end_in_the_same_tokens(model):
    for text in TEXTS:
        steps = tokenizing.steps(model, text)
        flat = [token for tokens in steps.tokens for token in tokens]
        assert flat == model.tokenizer.tokenize(text)
        assert steps.algorithm == "WordPiece"


def test_a_padded_batch_equals_the_tokenizers_own(model):
    texts = ["one", "one two three", "unaffable"]
    batch = tokenizing.padded_batch(model, texts)
    oracle = model.tokenizer(texts, padding=True)
    assert [list(row) for row in batch.ids] == oracle["input_ids"]
    assert [list(row) for row in batch.attention_mask] == oracle["attention_mask"]


def test_counting_tokens(model):
    assert tokenizing.count_tokens(model, ["one two", "unaffable"]) == [4, 5]
    assert tokenizing.count_tokens(model, ["one"], ["two three"]) == [6]


def test_vocabulary_search_puts_the_exact_token_first(model):
    found = tokenizing.search_vocabulary(model, "Cat", limit=5)
    assert found[0] == ("cat", model.tokenizer.vocab["cat"])
    assert all("cat" in token for token, _ in found)


@pytest.mark.parametrize("query", ["", "\u0301", "\u200b"], ids=["empty", "a lone accent", "a space without width"])
def test_F04_a_search_for_what_the_tokenizer_drops_finds_only_the_sign_itself(model, query: str):
    assert all(query and query in token for token, _ in tokenizing.search_vocabulary(model, query))


def test_F06_twenty_people_at_once_get_their_own_answers(model):
    jobs = [(f"person {number} " * (number + 1), 8 + number) for number in range(20)] * 5
    alone = [tokenize(model, text, max_length=limit).ids for text, limit in jobs]
    with ThreadPoolExecutor(20) as pool:
        together = list(pool.map(lambda job: tokenize(model, job[0], max_length=job[1]).ids, jobs))
    assert together == alone
