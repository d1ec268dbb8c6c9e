"""Texts that are nearly the same: candidates by MinHash and locality-sensitive hashing, then compared exactly.

A text is the set of its runs of two words (`SHINGLE`); two texts are near when their Jaccard similarity, the runs they
share over all runs of both (Broder 1997), is at least the threshold. datasketch finds the candidates; what it proposes
is measured exactly, so that nothing found is wrong, and what it misses at the threshold is below one in a thousand.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

from core.data.dataset.dataset import Dataset
from core.data.dataset.repeats import first_equal
from core.data.dataset.words import words_of

SHINGLE = 2
THRESHOLD = 0.8
_HASHES = 128
_BATCH = 500
_SEED = 1
_MOST_CANDIDATES = 500  # compared for one text: where thousands are alike, some are enough to join them


@dataclass(frozen=True, slots=True)
class NearPair:
    """Two examples, by their positions, and their Jaccard similarity."""

    first: int
    second: int
    similarity: float


def near_duplicates(
    dataset: Dataset,
    *,
    threshold: float = THRESHOLD,
    shingle: int = SHINGLE,
    on_progress: Callable[[float], None] | None = None,
) -> tuple[NearPair, ...]:
    """Pairs of different examples that are near each other; equal ones stand for themselves once, by the first.

    Words are compared in lower case and without punctuation, so texts that differ in these only have similarity 1.
    A text of 20 words takes about a quarter of a millisecond and 10 KB of memory, so 20,000 take seconds.
    What `on_progress(share)` raises ends the work.
    """
    positions = np.flatnonzero(dataset.first_equal() == np.arange(len(dataset))).tolist()
    found = _pairs(_shingled(dataset, positions, shingle), len(positions), None, threshold, on_progress)
    return tuple(NearPair(positions[a], positions[b], similarity) for a, b, similarity in found)


def near_between(
    first: Dataset,
    second: Dataset,
    *,
    threshold: float = THRESHOLD,
    shingle: int = SHINGLE,
    on_progress: Callable[[float], None] | None = None,
) -> tuple[NearPair, ...]:
    """Pairs of an example of one set and a different, near one of another: `first` and `second` are positions in each.

    Exactly equal examples are left out (see `shared_examples`).
    """
    if (first.pairs is None) != (second.pairs is None):
        return ()
    one = np.flatnonzero(first.first_equal() == np.arange(len(first))).tolist()
    joined = [a.join(b) for a, b in zip(first.text_columns(), second.text_columns(), strict=True)]
    is_new = first_equal(joined)[len(first) :] >= len(first)
    own = second.first_equal() == np.arange(len(second))
    two = np.flatnonzero(is_new & own).tolist()
    texts = _chain(_shingled(first, one, shingle), _shingled(second, two, shingle))
    found = _pairs(texts, len(one) + len(two), len(one), threshold, on_progress)
    return tuple(NearPair(one[a], two[b - len(one)], similarity) for a, b, similarity in found)


def join_groups(first_equal: np.ndarray, pairs: Sequence[NearPair]) -> np.ndarray:
    """The first position of each example's group, equal and near ones joined (also by way of others): (example,)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = len(first_equal)
    rows = np.concatenate([np.arange(size), [pair.first for pair in pairs]]).astype(np.int64)
    columns = np.concatenate([first_equal, [pair.second for pair in pairs]]).astype(np.int64)
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    _, earliest = np.unique(component, return_index=True)
    return earliest[component]


def shingles(text: str, size: int = SHINGLE) -> np.ndarray:
    """The runs of `size` words of a text as sorted numbers of 32 bits, each once; of fewer words, the text itself."""
    words = words_of(text) or text.split()
    runs = {" ".join(words[start : start + size]) for start in range(max(1, len(words) - size + 1))}
    return np.unique(np.array([crc32(run.encode()) for run in runs], np.uint64))


def jaccard(first: np.ndarray, second: np.ndarray) -> float:
    """Shared members over all members of two sorted sets; 1.0 for two empty ones."""
    both = len(np.intersect1d(first, second, assume_unique=True))
    either = len(first) + len(second) - both
    return both / either if either else 1.0


def _chain(*parts: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    for part in parts:
        yield from part


def _shingled(dataset: Dataset, positions: Sequence[int], size: int) -> Iterator[np.ndarray]:
    columns = [column.take(positions) for column in dataset.text_columns()]
    for texts in zip(*columns, strict=True):
        parts = [shingles(text, size) for text in texts]
        # the second text's runs are other members than the first's
        yield parts[0] if len(parts) == 1 else np.concatenate([parts[0], parts[1] + np.uint64(1 << 32)])


def _bands(threshold: float) -> tuple[int, int]:
    """Bands and rows of the locality-sensitive hashing: the most rows that miss fewer than 1 in 1,000 at the threshold.

    Two texts of similarity s become candidates with probability 1 - (1 - s^rows)^bands.
    """
    for rows in range(16, 1, -1):
        bands = _HASHES // rows
        if (1 - threshold**rows) ** bands < 1e-3:
            return bands, rows
    return _HASHES, 1


def _pairs(
    texts: Iterator[np.ndarray],
    count: int,
    border: int | None,
    threshold: float,
    on_progress: Callable[[float], None] | None,
) -> Iterator[tuple[int, int, float]]:
    """Near pairs, as they are found; with a `border` only those with one member on each side of it."""
    from datasketch import MinHash, MinHashLSH

    if not 0 < threshold <= 1:
        raise ValueError(f"the threshold must lie above 0 and not above 1; it is {threshold}")
    index = MinHashLSH(num_perm=_HASHES, params=_bands(threshold))
    kept: list[np.ndarray] = []
    batch: list[np.ndarray] = []

    def look() -> Iterator[tuple[int, int, float]]:
        sketches = MinHash.generator(batch, num_perm=_HASHES, seed=_SEED, hashfunc=_short)
        for members, sketch in zip(batch, sketches, strict=True):
            number = len(kept)
            kept.append(members)
            if border is None or number >= border:
                found: list[Any] = index.query(sketch)  # the numbers it was given
                near = sorted(found)[:_MOST_CANDIDATES]
                for other in near:
                    if min(len(members), len(kept[other])) < threshold * max(len(members), len(kept[other])):
                        continue
                    similarity = jaccard(kept[other], members)
                    if similarity >= threshold:
                        yield other, number, similarity
            if border is None or number < border:
                index.insert(number, sketch, check_duplication=False)
        batch.clear()
        if on_progress is not None:
            on_progress(len(kept) / count)

    for members in texts:
        batch.append(members)
        if len(batch) == _BATCH:
            yield from look()
    if batch:
        yield from look()


def _short(member: np.uint64) -> int:
    """A member as a number of 32 bits, which is what datasketch permutes."""
    return int(member) % 0xFFFFFFFB
