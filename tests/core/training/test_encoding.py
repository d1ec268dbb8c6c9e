"""Pairs that are too long: cut as the tokenizer cuts them, without all the parts that it keeps of what it cut."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, BatchEncoding, PreTrainedTokenizerFast

from core.training.batches.encoding import encode
from tests.families import family_folder

WORDS = st.sampled_from(["the", "cat", "playing", "x" * 30, "don't", "café", "e\u0301", "[MASK]", "北京", "…"])
TEXTS = st.lists(WORDS | st.text(max_size=8), max_size=6).map(" ".join)


@pytest.fixture(scope="module", params=["bert", "roberta", "xlm-roberta"])
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerFast:
    """Word pieces, byte-level pieces and Unigram pieces."""
    folder = family_folder(request.param, "encoder", tmp_path_factory.mktemp(request.param))
    return AutoTokenizer.from_pretrained(folder)


@settings(max_examples=150)
@given(texts=st.tuples(TEXTS, TEXTS), same=st.booleans(), size=st.integers(8, 20))
def test_pairs_are_cut_as_the_tokenizer_cuts_them(
    tokenizer: PreTrainedTokenizerFast, texts: tuple[str, str], same: bool, size: int
) -> None:
    first, second = texts[0], texts[0] if same else texts[1]
    ours = encode(tokenizer, [first], [second], max_length=size)
    (theirs,) = tokenizer([first], [second], truncation="longest_first", max_length=size).encodings
    assert ours.ids.tolist() == theirs.ids
    assert ours.segments is None or ours.segments.tolist() == theirs.type_ids
    assert ours.cut_count == bool(theirs.overflowing)


def test_what_is_cut_off_long_pairs_is_not_kept(tiny_model_folder: Path) -> None:
    tokenizer, kept = AutoTokenizer.from_pretrained(tiny_model_folder), []

    def tokenize(*texts: Any, **options: Any) -> BatchEncoding:
        batch = tokenizer(*texts, **options)
        kept.extend(len(encoding.overflowing) for encoding in batch.encodings)
        return batch

    firsts, seconds = ["the cat sat " * 170, "a dog"], ["on a mat " * 160, "the film was good " * 100]
    encoded = encode(tokenize, firsts, seconds, max_length=16)
    assert encoded.lengths.tolist() == [16, 16]
    assert encoded.cut_count == 2
    assert max(kept) < 50  # of the first pair alone thousands otherwise
