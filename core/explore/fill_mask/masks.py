"""Masks in a text: typed as “[MASK]”, or put in place of words. Asks no network what it would say there."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from core.models.loading import Model, special_id


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text: `text[start:end]`. `is_mask` when it is a mask token already.

    `token_ids` are the vocabulary entries it is made of, none when the model does not know it.
    """

    text: str
    start: int
    end: int
    is_mask: bool
    token_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Hidden:
    """What a mask hides: the word, and the one token of it that stood there; None where one mask hides several."""

    word: Word
    token_id: int | None


@dataclass(frozen=True, slots=True)
class MaskedText:
    """A text with words hidden. `hidden` is one entry a mask, in the order of the text; None for a mask typed there."""

    text: str
    hidden: tuple[Hidden | None, ...]


def words(model: Model, text: str) -> list[Word]:
    """The words of a text as the tokenizer's pre-tokenization finds them, each with its place in the text."""
    if not text.strip():
        return []
    encoding = model.encodings(text, add_special_tokens=False)[0]
    ids, offsets = encoding.ids, encoding.offsets  # each access makes the whole list again
    places: dict[int | None, list[int]] = {}
    for position, word in enumerate(encoding.word_ids):
        places.setdefault(word, []).append(position)
    found = []
    for positions in places.values():
        start = min(offsets[position][0] for position in positions)
        end = max(offsets[position][1] for position in positions)
        if start == end:  # byte-level tokenizers have tokens for a space alone
            continue
        token_ids = tuple(ids[position] for position in positions)
        is_mask = token_ids == (model.mask_id,)
        is_known = special_id(model.tokenizer, "unk") not in token_ids
        found.append(Word(text[start:end], start, end, is_mask, token_ids if is_known else ()))
    return found


def with_model_mask(model: Model, text: str) -> str:
    """`text` with every “[MASK]”, in capitals or not, as the mask token of this model (RoBERTa's is “<mask>”)."""
    mask = model.mask_token
    return re.sub(r"\[mask\]", lambda _: mask, text, flags=re.IGNORECASE) if mask else text


def masks_of_other(model: Model, other: Model, text: str) -> str:
    """A text whose masks are those of `model` with the masks of `other` instead."""
    mask = model.mask_token
    return with_model_mask(other, text.replace(mask, "[MASK]") if mask else text)


def hide(model: Model, text: str, numbers: Collection[int], *, each_token: bool = False) -> MaskedText:
    """Put masks in place of the words of these numbers (as counted by `words`).

    One mask a word, or with `each_token` as many as the word has tokens, so that it can be brought back whole.

    Without a mask token nothing is put in place of a word: ask `check_masked_lm` first.

    >>> hide(model, "The cat sat.", {1}).text
    'The [MASK] sat.'
    """
    parts, end = [], 0
    hidden: list[Hidden | None] = []
    for number, word in enumerate(words(model, text)):
        if number in numbers and not word.is_mask:
            is_whole = len(word.token_ids) == 1 or (each_token and word.token_ids)
            behind = word.token_ids if is_whole else (None,)
            parts += [text[end : word.start], (model.mask_token or "") * len(behind)]
            hidden += [Hidden(word, token_id) for token_id in behind]
            end = word.end
        elif word.is_mask:
            hidden.append(None)
    return MaskedText("".join([*parts, text[end:]]), tuple(hidden))
