"""Sentences in words to tokens that know which of them begins a word, and batches of these with a tag for each word.

A word takes one token or more; the first stands for it (Devlin et al. 2019, § 5.3). Chooses no tags.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Encoding
from transformers import BatchEncoding

from core.training.batches.encoding import CHUNK, IGNORED, Encoded, encodings_of, joined, pad


@dataclass(frozen=True, slots=True)
class EncodedWords:
    """The tokens of many sentences, and which of them is the first of a word."""

    encoded: Encoded
    is_first: np.ndarray  # bool (token,)

    @property
    def kept(self) -> np.ndarray:
        """How many words of each sentence were read, counted from its beginning: (sentence,)."""
        before = np.concatenate([[0], np.cumsum(self.is_first)])
        return np.diff(before[self.encoded.starts])


def encode_words(
    tokenize: Callable[..., BatchEncoding], sentences: Sequence[Sequence[str]], *, max_length: int, unknown: str
) -> EncodedWords:
    """Tokenize every sentence word by word, cut to `max_length` tokens with special tokens.

    `tokenize` is a fast tokenizer or `Model.encode`. A word of which nothing is left (a lone control character, say)
    is read as the token `unknown`, so that only cutting leaves words without a token.
    """
    is_first: list[np.ndarray] = []

    def cut(words: list[list[str]]) -> list[Encoding]:
        return encodings_of(tokenize(words, None, is_split_into_words=True, truncation=True, max_length=max_length))

    def encodings() -> Iterator[Encoding]:
        for start in range(0, len(sentences), CHUNK):
            # With the blank that precedes a word in a text: byte-level models know “Ġcat” and “cat” as two words.
            words = [[f" {word}" for word in sentence] for sentence in sentences[start : start + CHUNK]]
            found = cut(words)
            lost = {row: _without_token(encoding, len(words[row])) for row, encoding in enumerate(found)}
            again = [row for row, places in lost.items() if places]
            filled = [[unknown if i in lost[row] else word for i, word in enumerate(words[row])] for row in again]
            for row, encoding in zip(again, cut(filled) if filled else [], strict=True):
                found[row] = encoding
            for encoding in found:
                is_first.append(_firsts(encoding))
                yield encoding

    encoded = joined(encodings(), has_segments="token_type_ids" in tokenize([""]))
    return EncodedWords(encoded, np.concatenate(is_first) if is_first else np.zeros(0, bool))


def _without_token(encoding: Encoding, words: int) -> set[int]:
    """The places of words that have no token although they were not cut."""
    seen = {word for word in encoding.word_ids if word is not None}
    return set(range(max(seen, default=-1) + 1 if encoding.overflowing else words)) - seen


def _firsts(encoding: Encoding) -> np.ndarray:
    """Where a word begins: bool (token,)."""
    words = np.array([-1 if word is None else word for word in encoding.word_ids], np.int64)
    return (words >= 0) & (words != np.concatenate([[-1], words[:-1]]))


@dataclass(frozen=True, slots=True)
class WordBatcher:
    """Batches of sentences; the first token of each word carries the number of its tag, every other `IGNORED`."""

    words: EncodedWords
    labels: np.ndarray  # int64 (token,)
    pad_id: int
    multiple: int = 1

    @classmethod
    def of(
        cls, words: EncodedWords, tags: Sequence[Sequence[int]] | None, pad_id: int, multiple: int = 1
    ) -> "WordBatcher":
        """With the numbers of the tags, word by word; without any to predict with, all words carry 0."""
        labels = np.where(words.is_first, 0, IGNORED)
        if tags is not None:
            read = [number for row, kept in zip(tags, words.kept.tolist(), strict=True) for number in row[:kept]]
            labels[words.is_first] = read
        return cls(words, labels, pad_id, multiple)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens per sentence: (sentence,)."""
        return self.words.encoded.lengths

    @property
    def cut_count(self) -> int:
        """How many sentences were longer than the limit."""
        return self.words.encoded.cut_count

    def __len__(self) -> int:
        return len(self.words.encoded)

    def __call__(self, positions: Sequence[int]) -> dict[str, torch.Tensor]:
        """What `pad` gives, and `labels` (batch, pos)."""
        encoded = self.words.encoded
        batch = pad(encoded, positions, self.pad_id, multiple=self.multiple)
        labels = np.full(batch["input_ids"].shape, IGNORED, np.int64)
        for row, position in enumerate(positions):
            own = self.labels[encoded.starts[position] : encoded.starts[position + 1]]
            labels[row, : len(own)] = own
        return batch | {"labels": torch.from_numpy(labels)}

    def set_epoch(self, epoch: int) -> None:
        """The same sentences in every epoch."""


def first_token_logits(logits: torch.Tensor, labels: torch.Tensor) -> list[np.ndarray]:
    """The logits (word, label) in float32 of the words of each sentence, of logits (batch, pos, label)."""
    rows = logits.float().cpu().numpy()
    return [row[is_first] for row, is_first in zip(rows, labels.cpu().numpy() != IGNORED, strict=True)]
