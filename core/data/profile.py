"""What a data set looks like: label counts, lengths, what would be cut, repeats and contradictions.

Counts word pieces with a function it is given, so it needs no tokenizer. Near-duplicates are not its business (see
`quality.near`), nor is searching (see `search`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from core.data.dataset import Dataset
from core.data.noticing import contradicting
from core.data.repeats import groups_of
from core.data.search import search

__all__ = ["LIMITS", "Profile", "measure_pieces", "profile", "search", "with_pieces"]

LIMITS = (128, 256, 512)
_EXTREMES = 10
_BATCH = 2_000
PieceCounter = Callable[[list[str], list[str] | None], list[int]]
OnProgress = Callable[[float], None]


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Measurements of one data set; every position is one in the data set.

    label_counts: name and number of examples, in the order of the names. word_lengths, piece_lengths: one number an
    example, words by white space and pieces with special tokens (None when they were not counted); a pair counts both
    texts. share_cut: for each limit in pieces the share of examples that are longer. duplicates, contradictions: groups
    of equal examples, and those among them with different labels.
    """

    rows: int
    label_counts: tuple[tuple[str, int], ...]
    word_lengths: np.ndarray  # (row,)
    piece_lengths: np.ndarray | None  # (row,)
    share_cut: dict[int, float]
    longest: tuple[int, ...]
    shortest: tuple[int, ...]
    duplicates: tuple[tuple[int, ...], ...]
    contradictions: tuple[tuple[int, ...], ...]
    empty_texts: tuple[int, ...]

    @property
    def duplicate_rows(self) -> int:
        """How many examples repeat an earlier one."""
        return sum(len(group) - 1 for group in self.duplicates)


def profile(
    dataset: Dataset, *, count_pieces: PieceCounter | None = None, on_progress: OnProgress | None = None
) -> Profile:
    """Measure a data set; `count_pieces(texts, pairs)` gives the pieces of each example, special tokens included.

    `on_progress(share)` hears how far the counting of pieces is; what it raises ends the work.
    """
    each = dataset.word_counts()
    words = each[0] if len(each) == 1 else each.sum(axis=0)
    groups = groups_of(dataset.first_equal())
    labels = dataset.labels.array
    counts = np.bincount(labels, minlength=len(dataset.label_names)).tolist()
    longest, shortest = _extremes(words)
    found = Profile(
        rows=len(dataset),
        label_counts=tuple(zip(dataset.label_names, counts, strict=True)) if dataset.label_names else (),
        word_lengths=words,
        piece_lengths=None,
        share_cut={},
        longest=longest,
        shortest=shortest,
        duplicates=tuple(tuple(group.tolist()) for group in groups),
        contradictions=tuple(tuple(group.tolist()) for group in contradicting(groups, labels)),
        empty_texts=tuple(np.flatnonzero(each[0] == 0).tolist()),
    )
    if count_pieces is None:
        return found
    return with_pieces(found, measure_pieces(dataset, count_pieces, on_progress=on_progress))


def with_pieces(profile: Profile, pieces: np.ndarray) -> Profile:
    """The same profile with lengths in pieces; longest and shortest then go by these."""
    longest, shortest = _extremes(pieces)
    cut = {limit: float(np.mean(pieces > limit)) for limit in LIMITS}
    return replace(profile, piece_lengths=pieces, share_cut=cut, longest=longest, shortest=shortest)


def measure_pieces(
    dataset: Dataset, count_pieces: PieceCounter, *, on_progress: OnProgress | None = None
) -> np.ndarray:
    """The pieces of each example, counted in batches: (example,). What `on_progress(share)` raises ends the work."""
    counts = []
    for start in range(0, len(dataset), _BATCH):
        texts, *pairs = (list(column[start : start + _BATCH]) for column in dataset.text_columns())
        counts.append(np.asarray(count_pieces(texts, pairs[0] if pairs else None), np.int64))
        if len(counts[-1]) != len(texts):
            raise ValueError(f"count_pieces gave {len(counts[-1])} numbers for {len(texts)} examples")
        if on_progress is not None:
            on_progress((start + len(texts)) / len(dataset))
    return np.concatenate(counts) if counts else np.zeros(0, np.int64)


def _extremes(lengths: np.ndarray) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Positions of the longest, the longest first, and of the shortest, the shortest first."""
    small = lengths.astype(np.uint16) if len(lengths) and lengths.max() < 1 << 16 else lengths  # these sort faster
    order = np.argsort(small, kind="stable")
    return tuple(order[::-1][:_EXTREMES].tolist()), tuple(order[:_EXTREMES].tolist())
