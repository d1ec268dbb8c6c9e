"""How well a vocabulary covers the texts: tokens, unknown ones ([UNK]), and the words that it cannot write.

Encodes with a function it is given, so it needs no tokenizer.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from core.data.dataset.dataset import Dataset
from core.data.dataset.notices import numbers
from core.data.views import Numbers

Encode = Callable[[list[str]], Sequence[Sequence[int]]]
_BATCH = 2_000
_MOST_ROWS = 2_000  # rows in which the unknown words are looked for
_MOST_WORDS = 50


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """Counts over all texts, special tokens left out.

    rows: those of the file that hold an unknown token. used: different vocabulary entries that occur.
    unknown_words: words (by white space) that hold an unknown token, the commonest first, with their counts.
    """

    tokens: int
    unknown: int
    words: int
    used: int
    vocabulary_size: int
    rows: Numbers
    unknown_words: tuple[tuple[str, int], ...]

    @property
    def unknown_share(self) -> float:
        """The share of tokens that are [UNK]."""
        return self.unknown / self.tokens if self.tokens else 0.0

    @property
    def used_share(self) -> float:
        """The share of the vocabulary that occurs."""
        return self.used / self.vocabulary_size if self.vocabulary_size else 0.0

    @property
    def tokens_per_word(self) -> float:
        """How many tokens a word takes on average ("fertility"): near 1 means that the vocabulary knows the texts."""
        return self.tokens / self.words if self.words else 0.0


def coverage(
    dataset: Dataset,
    encode: Encode,
    *,
    unknown_id: int | None,
    vocabulary_size: int,
    on_progress: Callable[[float], None] | None = None,
) -> Coverage:
    """Encode every text; `encode(texts)` gives the ids of each, without special tokens and nothing cut.

    `unknown_id` is that of [UNK], None for a tokenizer that has none. What `on_progress(share)` raises ends the work.
    """
    seen = np.zeros(vocabulary_size, bool)
    tokens = unknown = 0
    found: list[int] = []
    columns = dataset.text_columns()
    for start in range(0, len(dataset), _BATCH):
        strange: set[int] = set()
        for column in columns:
            encoded = [np.asarray(ids, np.int64) for ids in encode(list(column[start : start + _BATCH]))]
            ids = np.concatenate(encoded) if encoded else np.zeros(0, np.int64)
            seen[ids] = True
            tokens += len(ids)
            if unknown_id is not None:
                hits = np.flatnonzero(ids == unknown_id)
                unknown += len(hits)
                strange.update(np.searchsorted(np.cumsum([len(each) for each in encoded]), hits, side="right").tolist())
        found += [start + position for position in sorted(strange)]
        if on_progress is not None:
            on_progress(min(1.0, (start + _BATCH) / len(dataset)))
    words = int(dataset.word_counts().sum())
    listed = _unknown_words(dataset, encode, unknown_id, found[:_MOST_ROWS])
    rows = numbers(dataset.row_ids.array[np.array(found, np.int64)])
    return Coverage(tokens, unknown, words, int(seen.sum()), vocabulary_size, rows, listed)


def _unknown_words(
    dataset: Dataset, encode: Encode, unknown_id: int | None, positions: Sequence[int]
) -> tuple[tuple[str, int], ...]:
    """Which words of these examples the vocabulary cannot write: each different word is encoded alone."""
    counts: Counter[str] = Counter()
    for column in dataset.text_columns():
        for position in positions:
            counts.update(column[position].split())
    words = list(counts)
    strange = [word for word, ids in zip(words, encode(words) if words else [], strict=True) if unknown_id in ids]
    return tuple(sorted(((word, counts[word]) for word in strange), key=lambda each: (-each[1], each[0]))[:_MOST_WORDS])
