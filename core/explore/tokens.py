"""Text into tokens, with every position traced back to the characters it came from. Runs no network."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from tokenizers import Encoding, decoders, pre_tokenizers
from torch import Tensor

from core.errors import LabError
from core.models.loading import Model, special_id

TRUNCATION_STRATEGIES = ("longest_first", "only_first", "only_second")


@dataclass(frozen=True, slots=True)
class Tokens:
    """One text, or a pair, as the model reads it. `tokens` to `is_special` are parallel fields: one entry a position.

    - `tokens`: the vocabulary entries; `ids`: their rows in the embedding table
    - `offsets`: (start, end) in characters of the text that the token came from; (0, 0) for added special tokens
    - `word_index`: which word of its text a token belongs to (0 for the first), None for added special tokens
    - `sequence`: 0 for `text`, 1 for `pair`, None for added special tokens
    - `segments`: token type ids, the row of the segment embedding
    - `is_special`: added by the template, or a special token written out in the text ([UNK] does not count)
    - `uncut_length`: how many positions there would have been without a limit
    - `cut_text`, `cut_pair`: the ends of the texts that did not fit
    """

    text: str
    pair: str | None
    tokens: tuple[str, ...]
    ids: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]
    word_index: tuple[int | None, ...]
    sequence: tuple[int | None, ...]
    segments: tuple[int, ...]
    is_special: tuple[bool, ...]
    max_length: int
    uncut_length: int
    cut_text: str
    cut_pair: str

    def __len__(self) -> int:
        return len(self.ids)

    def surface(self, *positions: int) -> str:
        """The characters of the text behind a position, or several of one word; the token where the template added it.

        >>> tokenize(open_model("builtin"), "An UNAFFABLE cat").surface(2, 3, 4)
        'UNAFFABLE'
        """
        side = self.sequence[positions[0]]
        source = self.pair if side else self.text
        if side is None or source is None:
            return self.tokens[positions[0]]
        starts, ends = zip(*(self.offsets[position] for position in positions), strict=True)
        return source[min(starts) : max(ends)]


@dataclass(frozen=True, slots=True)
class Steps:
    """The tokenizer at work on one text: `pre_tokens` are its words, `tokens` what each of them becomes.

    algorithm: how words are cut into tokens: “WordPiece”, “BPE”, “Unigram” or “WordLevel”.
    """

    text: str
    algorithm: str
    normalized: str
    pre_tokens: tuple[str, ...]
    tokens: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Several texts padded to one length: `tokens`, `ids` and `attention_mask` are (batch, pos)."""

    tokens: tuple[tuple[str, ...], ...]
    ids: tuple[tuple[int, ...], ...]
    attention_mask: tuple[tuple[int, ...], ...]


def tokenize(
    model: Model,
    text: str,
    pair: str | None = None,
    *,
    max_length: int | None = None,
    truncation: str = "longest_first",
) -> Tokens:
    """Tokenize one text, or a pair, with special tokens, cut to `max_length` positions (default: the model's limit).

    `truncation` is one of `TRUNCATION_STRATEGIES` (transformers, `TruncationStrategy`). What did not fit is in the
    result. Raises `LabError` when there is no text, or when the limit cannot be met by the chosen strategy.

    >>> tokenize(open_model("builtin"), "unaffable").tokens
    ('[CLS]', 'una', '##ffa', '##ble', '[SEP]')
    """
    pair = pair or None
    _check_text(text)
    _check_characters(pair or "")
    if truncation not in TRUNCATION_STRATEGIES:
        raise LabError(f"There is no truncation strategy “{truncation}”.", f"Use {', '.join(TRUNCATION_STRATEGIES)}.")
    limit = min(max_length or model.max_length, model.max_length)
    uncut = _encode(model, text, pair, truncation=False)
    encoding = uncut
    if len(uncut.ids) > limit:
        _check_limit(uncut, limit, pair, truncation)
        encoding = _encode(model, text, pair, truncation=truncation, max_length=limit)
    specials = set(model.tokenizer.all_special_ids) - {special_id(model.tokenizer, "unk")}
    return Tokens(
        text=text,
        pair=pair,
        tokens=_entries(model, encoding),
        ids=tuple(encoding.ids),
        offsets=tuple(encoding.offsets),
        word_index=tuple(encoding.word_ids),
        sequence=tuple(encoding.sequence_ids),
        segments=tuple(encoding.type_ids),
        is_special=tuple(
            bool(added) or index in specials
            for added, index in zip(encoding.special_tokens_mask, encoding.ids, strict=True)
        ),
        max_length=limit,
        uncut_length=len(uncut.ids),
        cut_text=_cut(text, 0, encoding, uncut),
        cut_pair=_cut(pair or "", 1, encoding, uncut),
    )


def model_inputs(
    model: Model, tokens: Tokens | Sequence[Tokens], *, padding: int = 0
) -> dict[str, Int[Tensor, "batch pos"]]:
    """What the network takes, by name: one text, or several padded at their ends to the longest.

    `padding` positions are added to the longest, too, as far as the model has positions. Only the inputs that the
    tokenizer's model takes (DistilBERT has no `token_type_ids`). Raises `LabError` when texts must be padded and there
    is no padding token, and for a pair when the model knows one segment.
    """
    texts = [tokens] if isinstance(tokens, Tokens) else list(tokens)
    return padded_inputs(model, [text.ids for text in texts], [text.segments for text in texts], padding=padding)


def padded_inputs(
    model: Model, ids: Sequence[Sequence[int]], segments: Sequence[Sequence[int]], *, padding: int = 0
) -> dict[str, Int[Tensor, "batch pos"]]:
    """As `model_inputs`, from the ids and segments of each text. Raises `LabError` as that does."""
    length = min(max(map(len, ids)) + padding, model.max_length)
    tokenizer = model.tokenizer
    if tokenizer.pad_token is None and any(len(row) < length for row in ids):
        raise LabError("The tokenizer of this model has no padding token.", "Look at one text at a time.")
    known = getattr(model.config, "type_vocab_size", None)
    if "token_type_ids" in tokenizer.model_input_names and known and max(map(max, segments)) >= known:
        raise LabError("This model knows one segment only, and takes no pairs.", "Leave out the second text.")
    rows = {
        "input_ids": (ids, special_id(tokenizer, "pad")),
        "attention_mask": ([np.ones(len(row), int) for row in ids], 0),
        "token_type_ids": (segments, tokenizer.pad_token_type_id),
    }
    return {
        name: torch.from_numpy(np.stack([_filled(row, length, filler) for row in given]))
        for name, (given, filler) in rows.items()
        if name in tokenizer.model_input_names or name == "attention_mask"
    }


def _filled(row: Sequence[int], length: int, filler: int | None) -> np.ndarray:
    """A row of whole numbers, made as long as `length`; without a filler it is that long already."""
    return np.concatenate([np.asarray(row, np.int64), np.full(length - len(row), filler or 0, np.int64)])


def steps(model: Model, text: str) -> Steps:
    """Show the tokenizer's own stages: normalization, pre-tokenization into words, each word into tokens.

    Special tokens written out in the text are set aside first, as the tokenizer does. Stages are those of the
    tokenizers library (`normalizer`, `pre_tokenizer`, `model`). Raises `LabError` when there is no text.
    """
    _check_text(text)
    backend = model.tokenizer.backend_tokenizer
    specials = [re.escape(token) for token in model.tokenizer.all_special_tokens]
    parts = re.split(f"({'|'.join(specials)})", text)
    normalized, pre_tokens, tokens = [], [], []
    for number, part in enumerate(parts):
        if number % 2:  # a special token
            normalized.append(part)
            pre_tokens.append(part)
            tokens.append((part,))
            continue
        clean = backend.normalizer.normalize_str(part) if backend.normalizer else part
        normalized.append(clean)
        for word, _ in backend.pre_tokenizer.pre_tokenize_str(clean) if clean else []:
            pre_tokens.append(word)
            tokens.append(tuple(token.value for token in backend.model.tokenize(word)))
    return Steps(text, type(backend.model).__name__, "".join(normalized), tuple(pre_tokens), tuple(tokens))


def padded_batch(model: Model, texts: Sequence[str]) -> Batch:
    """Tokenize several texts and pad them to the longest, as one batch for the network, cut to the model's limit.

    Raises `LabError` for a text that holds half a character.
    """
    for each in texts:
        _check_characters(each)
    encodings = model.encodings(list(texts), padding=True, truncation=True, max_length=model.max_length)
    return Batch(
        tuple(_entries(model, encoding) for encoding in encodings),
        tuple(tuple(encoding.ids) for encoding in encodings),
        tuple(tuple(encoding.attention_mask) for encoding in encodings),
    )


def count_tokens(model: Model, texts: Sequence[str], pairs: Sequence[str] | None = None) -> list[int]:
    """How many positions each text (or pair) takes, special tokens included and nothing cut."""
    encoded = model.encode(list(texts), None if pairs is None else list(pairs))
    return [len(ids) for ids in encoded["input_ids"]]


def decode(model: Model, ids: Sequence[int], *, skip_special_tokens: bool = False) -> str:
    """The text that a list of ids stands for (transformers, `PreTrainedTokenizerBase.decode`)."""
    return str(model.tokenizer.decode(list(ids), skip_special_tokens=skip_special_tokens))


def readable(model: Model, token_id: int) -> str:
    """A vocabulary entry as a person reads it; the entry itself where that leaves nothing."""
    return decode(model, [token_id]).strip() or str(model.tokenizer.convert_ids_to_tokens(token_id))


def special_tokens(model: Model) -> tuple[tuple[str, str, int], ...]:
    """(role, token, id) of each special token, for instance ("mask_token", "[MASK]", 103)."""
    tokenizer: Any = model.tokenizer
    return tuple(
        (role, token, tokenizer.convert_tokens_to_ids(token)) for role, token in tokenizer.special_tokens_map.items()
    )


def search_vocabulary(model: Model, query: str, *, limit: int = 100) -> tuple[tuple[str, int], ...]:
    """Vocabulary entries that hold `query`, as (token, id): an exact match first, then by length and id.

    The query is looked for as typed, as the tokenizer normalizes it, and, in byte-level vocabularies, spelled in bytes
    as their entries are (“é” is “Ã©” there). Nothing is found where nothing of it is left.
    """
    vocabulary = model.tokenizer.get_vocab()
    backend = model.tokenizer.backend_tokenizer
    wanted = {query, backend.normalizer.normalize_str(query)} if backend.normalizer else {query}
    if isinstance(backend.decoder, decoders.ByteLevel):
        spell = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str
        wanted |= {token for each in wanted for token, _ in spell(each)}
    wanted.discard("")
    found = [(token, index) for token, index in vocabulary.items() if any(each in token for each in wanted)]
    found.sort(key=lambda entry: (entry[0] not in wanted, len(entry[0]), entry[1]))
    return tuple(found[:limit])


def _encode(model: Model, text: str, pair: str | None, **options: Any) -> Encoding:
    """One text or pair, special tokens added."""
    return model.encodings(text, pair, **options)[0]


def _entries(model: Model, encoding: Encoding) -> tuple[str, ...]:
    """The vocabulary entries. `encoding.tokens` is not always those: Unigram keeps a sign it does not know, and a mask
    that takes the space before it (CamemBERT, ALBERT) comes with that space."""
    return tuple(model.tokenizer.convert_ids_to_tokens(encoding.ids))


def _check_text(text: str) -> None:
    if not text.strip():
        raise LabError("There is no text to look at.", "Type a few words.")
    _check_characters(text)


def _check_characters(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise LabError(
            f"The text holds half a character (a lone surrogate, at position {error.start + 1}).",
            "Delete that character, or copy the text again from its source.",
        ) from error


def _check_limit(uncut: Encoding, limit: int, pair: str | None, truncation: str) -> None:
    """Refuse a limit that leaves no room for the chosen strategy, before the tokenizer panics over it."""
    added = sum(uncut.special_tokens_mask)
    over = len(uncut.ids) - limit
    lengths = [sum(each == side for each in uncut.sequence_ids) for side in (0, 1)]
    if truncation == "only_second" and pair is None:
        raise LabError("Only the second text may be cut, but there is none.", "Choose another strategy.")
    room = {"longest_first": limit - added, "only_first": lengths[0] - over, "only_second": lengths[1] - over}
    if room[truncation] < 1:
        raise LabError(
            f"The text takes {len(uncut.ids)} positions and the limit is {limit}: "
            f"the strategy “{truncation}” would leave nothing.",
            "Choose “longest_first”, or a higher limit.",
        )


def _cut(text: str, side: int, encoding: Encoding, uncut: Encoding) -> str:
    """The end of a text whose tokens are in `uncut` but no longer in `encoding`."""
    kept, wanted = (
        [offset for offset, each in zip(one.offsets, one.sequence_ids, strict=True) if each == side]
        for one in (encoding, uncut)
    )
    if len(kept) == len(wanted):
        return ""
    return text[kept[-1][1] if kept else 0 :].strip()
