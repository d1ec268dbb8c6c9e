"""Pairs of which both texts are far longer than a model reads, made shorter before they are tokenized together.

The tokenizers library keeps what it cuts, every part of one text with every part of the other: gigabytes for pairs of
long texts. Cuts nothing that could be read.
"""

from collections.abc import Callable

from tokenizers import Encoding
from transformers import BatchEncoding


def shorten(tokenize: Callable[..., BatchEncoding], firsts: list[str], seconds: list[str], length: int) -> None:
    """Take away, in place, most of what is going to be cut where both texts of a pair have more than `length` pieces.

    `tokenize` is a fast tokenizer or `Model.encode`; cut to `length` pieces, it gives the same ones afterwards.
    More pieces stay than fit, and the longer text (of equals the second), which gets the odd piece, stays the longer.
    """
    rows = [row for row, pair in enumerate(zip(firsts, seconds, strict=True)) if min(map(len, pair)) > length]
    if not rows:
        return
    found = [tokenize([texts[row] for row in rows], add_special_tokens=False).encodings for texts in (firsts, seconds)]
    for row, first, second in zip(rows, *found, strict=True):
        if min(len(first), len(second)) <= length:
            continue
        if len(first) > len(second):
            seconds[row], kept = _beginning(seconds[row], second, length)
            firsts[row], _ = _beginning(firsts[row], first, kept + 1)
        else:
            firsts[row], kept = _beginning(firsts[row], first, length)
            seconds[row], _ = _beginning(seconds[row], second, kept)


def _beginning(text: str, encoding: Encoding, pieces: int) -> tuple[str, int]:
    """A text up to the end of the word that holds its piece number `pieces`, and how many pieces that are."""
    word = encoding.token_to_word(pieces - 1)
    return text[: encoding.word_to_chars(word)[1]], encoding.word_to_tokens(word)[1]
