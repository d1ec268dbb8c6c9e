"""Texts to numbers, once: compact token ids, batches padded to their longest text, batches of similar length.

Nothing here depends on the network; tasks with other labels than one for a text have batches of their own.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from tokenizers import Encoding
from torch.utils.data import Sampler
from transformers import BatchEncoding

from core.errors import LabError

IGNORED = -100  # the label of tokens that are neither learned nor scored (torch, `cross_entropy`)
CHUNK = 2_000  # texts tokenized at once: bounds the memory of the tokenizer's own objects
_MEGABATCH = 50  # batches within which texts are sorted by length
_STRATEGIES = {"longest": "longest_first", "first": "only_first", "second": "only_second"}


@dataclass(frozen=True, slots=True)
class Encoded:
    """The tokens of many texts, end to end: text i is `ids[starts[i]:starts[i + 1]]`."""

    ids: np.ndarray  # int32 (token,)
    segments: np.ndarray | None  # int8 (token,), None where the model has no segments
    starts: np.ndarray  # int64 (text + 1,)
    is_cut: np.ndarray  # bool (text,): it was longer than the limit

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens per text, special tokens included: (text,)."""
        return np.diff(self.starts)

    @property
    def cut_count(self) -> int:
        """How many texts were longer than the limit."""
        return int(self.is_cut.sum())


def encode(
    tokenize: Callable[..., BatchEncoding],
    texts: Sequence[str],
    pairs: Sequence[str] | None = None,
    *,
    max_length: int,
    truncation: str = "longest",
    is_lenient: bool = False,
) -> Encoded:
    """Tokenize every text (or pair) once, cut to `max_length` tokens with special tokens.

    `tokenize` is a fast tokenizer, or `Model.encode` for a model that others use at the same time. `truncation` says
    which text of a pair gives way: "longest", token by token whichever is longer, "first" or "second". Where the text
    that is to be cut is too short to make room for the other, raises `LabError`; if `is_lenient`, such a pair is cut by
    "longest" instead, so that one of them does not take the answers of a whole file along.
    """
    strategy = _STRATEGIES[truncation] if pairs is not None else "longest_first"

    has_segments = False

    def encodings() -> Iterator[Encoding]:
        nonlocal has_segments
        for start in range(0, len(texts), CHUNK):
            part = slice(start, start + CHUNK)
            first, second = list(texts[part]), None if pairs is None else list(pairs[part])
            if second is not None and truncation == "longest":
                shorten(tokenize, first, second, max_length)
            groups = {strategy: range(len(first))}
            if second is not None and is_lenient and truncation != "longest":
                groups = _by_strategy(tokenize, first, second, max_length, truncation)
            found: dict[int, Encoding] = {}
            for own, rows in groups.items():
                parts = [None if column is None else [column[row] for row in rows] for column in (first, second)]
                batch = tokenize(*parts, truncation=own, max_length=max_length, padding=False)
                has_segments = "token_type_ids" in batch
                found.update(zip(rows, encodings_of(batch), strict=True))
            yield from (found[row] for row in range(len(first)))

    try:
        encoded = joined(encodings(), has_segments=True)
        return encoded if has_segments else replace(encoded, segments=None)
    except Exception as error:  # the tokenizers library has no class of its own for this
        if "Truncation error" not in str(error):
            raise
        kept = "first" if truncation == "second" else "second"
        raise LabError(
            f"The {kept} text of a pair alone is longer than {max_length} tokens.",
            f"Let the {kept} text or the longest one be cut instead, or choose a larger maximum length.",
        ) from error


def encodings_of(batch: BatchEncoding) -> list[Encoding]:
    """What a call of a tokenizer gave in the tokenizers library's own form: one `Encoding` a text, or window of one."""
    assert batch.encodings is not None  # as of every fast tokenizer
    return batch.encodings


def _by_strategy(
    tokenize: Callable[..., BatchEncoding], first: list[str], second: list[str], max_length: int, truncation: str
) -> dict[str, list[int]]:
    """The pairs that the strategy can cut, and those of which the text that is to stay alone fills everything.

    The latter are made shorter in place, as for "longest".
    """
    special = len(tokenize([""], [""])["input_ids"][0])
    kept = tokenize(second if truncation == "first" else first, add_special_tokens=False)["input_ids"]
    fits = [len(ids) + special < max_length for ids in kept]
    beyond = [row for row, fit in enumerate(fits) if not fit]
    shorter = [first[row] for row in beyond], [second[row] for row in beyond]
    shorten(tokenize, *shorter, max_length)
    for row, one, other in zip(beyond, *shorter, strict=True):
        first[row], second[row] = one, other
    groups = {_STRATEGIES[truncation]: [row for row, fit in enumerate(fits) if fit], "longest_first": beyond}
    return {strategy: rows for strategy, rows in groups.items() if rows}


def shorten(tokenize: Callable[..., BatchEncoding], firsts: list[str], seconds: list[str], length: int) -> None:
    """Take away, in place, most of what is going to be cut where both texts of a pair have more than `length` tokens.

    The tokenizers library keeps what it cuts, every part of one text with every part of the other: gigabytes for pairs
    of long texts. Nothing is cut that could be read.

    `tokenize` is a fast tokenizer or `Model.encode`; cut to `length` tokens, it gives the same ones afterwards.
    More tokens stay than fit, and the longer text (of equals the second), which gets the odd token, stays the longer.
    """
    rows = [row for row, pair in enumerate(zip(firsts, seconds, strict=True)) if min(map(len, pair)) > length]
    if not rows:
        return
    found, others = (
        encodings_of(tokenize([texts[row] for row in rows], add_special_tokens=False)) for texts in (firsts, seconds)
    )
    for row, first, second in zip(rows, found, others, strict=True):
        if min(len(first), len(second)) <= length:
            continue
        if len(first) > len(second):
            seconds[row], kept = _beginning(seconds[row], second, length)
            firsts[row], _ = _beginning(firsts[row], first, kept + 1)
        else:
            firsts[row], kept = _beginning(firsts[row], first, length)
            seconds[row], _ = _beginning(seconds[row], second, kept)


def _beginning(text: str, encoding: Encoding, tokens: int) -> tuple[str, int]:
    """A text up to the end of the word that holds its token number `tokens`, and how many tokens that are."""
    word = encoding.token_to_word(tokens - 1)
    assert word is not None  # without special tokens each belongs to a word
    return text[: _end(encoding.word_to_chars(word))], _end(encoding.word_to_tokens(word))


def _end(span: tuple[int, int] | None) -> int:
    assert span is not None  # a word that has tokens stands somewhere
    return span[1]


def joined(encodings: Iterable[Encoding], *, has_segments: bool) -> Encoded:
    """The tokens of the encodings in their order; `is_cut` tells which have lost something behind them.

    Encodings are taken one by one, so that those of a generator need not be there all at once.
    """
    ids: list[np.ndarray] = []
    segments: list[np.ndarray] = []
    is_cut: list[bool] = []
    for encoding in encodings:
        ids.append(np.asarray(encoding.ids, np.int32))
        if has_segments:
            segments.append(np.asarray(encoding.type_ids, np.int8))
        is_cut.append(bool(encoding.overflowing))
    return Encoded(
        ids=np.concatenate(ids) if ids else np.zeros(0, np.int32),
        segments=(np.concatenate(segments) if segments else np.zeros(0, np.int8)) if has_segments else None,
        starts=np.concatenate([[0], np.cumsum([len(each) for each in ids], dtype=np.int64)]),
        is_cut=np.array(is_cut, bool),
    )


def pad(encoded: Encoded, positions: Sequence[int], pad_id: int, *, multiple: int = 1) -> dict[str, torch.Tensor]:
    """`input_ids`, `attention_mask` and, where used, `token_type_ids` (batch, pos) of some texts.

    As long as the longest of them, rounded up to a multiple of `multiple`, and no longer.
    """
    starts, ends = encoded.starts[:-1][positions], encoded.starts[1:][positions]
    longest = -(-int((ends - starts).max()) // multiple) * multiple
    shape = (len(positions), longest)
    ids = np.full(shape, pad_id, dtype=np.int64)
    mask = np.zeros(shape, dtype=np.int64)
    segments = np.zeros(shape, dtype=np.int64)
    for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
        ids[row, : end - start] = encoded.ids[start:end]
        mask[row, : end - start] = 1
        if encoded.segments is not None:
            segments[row, : end - start] = encoded.segments[start:end]
    batch = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
    if encoded.segments is not None:
        batch["token_type_ids"] = torch.from_numpy(segments)
    return batch


def padding_multiple(limit: int) -> int:
    """To a multiple of what batches are padded, for a model of at most `limit` tokens: 8 suits graphics cards, where
    the longest text is one."""
    return 8 if torch.cuda.is_available() and limit % 8 == 0 else 1


@dataclass(frozen=True, slots=True)
class Batcher:
    """Batches of texts with at most one label each: a number, several of 0 and 1, or a score."""

    encoded: Encoded
    labels: np.ndarray | None  # int64 (text,), float32 (text, label) or float32 (text,)
    pad_id: int
    multiple: int = 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens per text: (text,)."""
        return self.encoded.lengths

    @property
    def cut_count(self) -> int:
        """How many texts were longer than the limit."""
        return self.encoded.cut_count

    def __len__(self) -> int:
        return len(self.encoded)

    def __call__(self, positions: Sequence[int]) -> dict[str, torch.Tensor]:
        """What `pad` gives, and `labels` (batch, …)."""
        batch = pad(self.encoded, positions, self.pad_id, multiple=self.multiple)
        if self.labels is not None:
            batch["labels"] = torch.from_numpy(self.labels[list(positions)])
        return batch

    def set_epoch(self, epoch: int) -> None:
        """The same texts in every epoch."""


class Positions(torch.utils.data.Dataset):
    """The positions 0 … count − 1 as a dataset: only numbers travel through the loader, the batcher does the rest."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, position: int) -> int:
        return position


class SimilarLengths(Sampler[int]):
    """Every position once per epoch, in batches of similar length that come in random order.

    transformers' own length grouping leaves the batches sorted, long to short, within each group of 50; here they are
    shuffled too, so that length and learning rate stay independent. The order depends on seed and epoch only, which
    is what makes a resumed run exact. The first epoch begins with the longest batch: too little memory shows at once.
    """

    def __init__(
        self,
        lengths: Sequence[int] | np.ndarray,
        batch_size: int,
        seed: int,
        *,
        on_epoch: Callable[[int], None] | None = None,
    ) -> None:
        self._lengths = np.asarray(lengths)
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0
        self._on_epoch = on_epoch

    def set_epoch(self, epoch: int) -> None:
        """Called by the Trainer before each epoch; passed on to `on_epoch`."""
        self._epoch = epoch
        if self._on_epoch is not None:
            self._on_epoch(epoch)

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng([self._seed, self._epoch])
        order = random.permutation(len(self._lengths))
        group = self._batch_size * _MEGABATCH
        batches: list[Any] = []
        for start in range(0, len(order), group):
            members = order[start : start + group]
            members = members[np.argsort(self._lengths[members], kind="stable")]
            batches += [members[i : i + self._batch_size] for i in range(0, len(members), self._batch_size)]
        partial = [batches.pop()] if batches and len(batches[-1]) < self._batch_size else []  # must stay the last
        batches = [batches[i] for i in random.permutation(len(batches))]
        if self._epoch == 0 and batches:
            longest = max(range(len(batches)), key=lambda i: self._lengths[batches[i]].max())
            batches[0], batches[longest] = batches[longest], batches[0]
        for batch in (*batches, *partial):
            yield from batch.tolist()
