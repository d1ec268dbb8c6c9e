"""What a data set looks like: label counts, lengths, repeats and contradictions.

Counts tokens, when asked, with a function it is given, so it needs no tokenizer. Near-duplicates are not its
business (see `quality.near`), nor is searching (see `search`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.data.dataset.dataset import Dataset
from core.data.dataset.notices import contradicting
from core.data.dataset.repeats import groups_of, with_label

LIMITS = (128, 256, 512)
_EXTREMES = 10
_BATCH = 2_000
TokenCounter = Callable[[list[str], list[str] | None], list[int]]
OnProgress = Callable[[float], None]


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Measurements of one data set; every position is one in the data set.

    label_counts: name and number of examples, in the order of the names. word_lengths: one number an example, words by
    white space; a pair counts both texts. longest, shortest: by these. duplicates: groups of examples that are equal
    in text and label; contradictions: groups with the same text, not a blank one, and labels of different meaning.
    """

    rows: int
    label_counts: tuple[tuple[str, int], ...]
    word_lengths: np.ndarray  # (row,)
    longest: tuple[int, ...]
    shortest: tuple[int, ...]
    duplicates: tuple[tuple[int, ...], ...]
    contradictions: tuple[tuple[int, ...], ...]

    @property
    def duplicate_rows(self) -> int:
        """How many examples repeat an earlier one."""
        return sum(len(group) - 1 for group in self.duplicates)


def profile(dataset: Dataset) -> Profile:
    """Measure a data set."""
    each = dataset.word_counts()
    words = each[0] if len(each) == 1 else each.sum(axis=0)
    first, labels = dataset.first_equal(), dataset.labels.array
    same_text = [group for group in groups_of(first) if each[:, group[0]].all()]  # a blank one contradicts nothing
    counts = np.bincount(labels, minlength=len(dataset.label_names)).tolist()
    longest, shortest = _extremes(words)
    return Profile(
        rows=len(dataset),
        label_counts=tuple(zip(dataset.label_names, counts, strict=True)) if dataset.label_names else (),
        word_lengths=words,
        longest=longest,
        shortest=shortest,
        duplicates=tuple(tuple(group.tolist()) for group in groups_of(with_label(first, labels))),
        contradictions=tuple(tuple(g.tolist()) for g in contradicting(same_text, labels, dataset.label_names)),
    )


def measure_tokens(
    dataset: Dataset, count_tokens: TokenCounter, *, on_progress: OnProgress | None = None
) -> np.ndarray:
    """The tokens of each example, counted in batches: (example,).

    `count_tokens(texts, pairs)` gives those of some examples, special tokens included. `on_progress(share)` hears how
    far it is; what it raises ends the work.
    """
    counts = []
    for start in range(0, len(dataset), _BATCH):
        texts, *pairs = (list(column[start : start + _BATCH]) for column in dataset.text_columns())
        counts.append(np.asarray(count_tokens(texts, pairs[0] if pairs else None), np.int64))
        if len(counts[-1]) != len(texts):
            raise ValueError(f"count_tokens gave {len(counts[-1])} numbers for {len(texts)} examples")
        if on_progress is not None:
            on_progress((start + len(texts)) / len(dataset))
    return np.concatenate(counts) if counts else np.zeros(0, np.int64)


def _extremes(lengths: np.ndarray) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Positions of the longest, the longest first, and of the shortest, the shortest first."""
    small = lengths.astype(np.uint16) if len(lengths) and lengths.max() < 1 << 16 else lengths  # these sort faster
    order = np.argsort(small, kind="stable")
    return tuple(order[::-1][:_EXTREMES].tolist()), tuple(order[:_EXTREMES].tolist())
