"""Intervals by the bootstrap (Efron 1979): the rows are drawn again with replacement, and the scores worked out again.

A draw is not a list of rows but how often each row, or each kind of row, occurs in it, so that scores of many draws
come out of one matrix product. Rows of one kind (a cell of a confusion matrix) are drawn together: their counts follow
a multinomial distribution, and no row is touched. Seeded: the same predictions always get the same interval.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

DRAWS = 1_000
SEED = 0
COVERAGE = 0.95
_BLOCK = 2_000_000  # numbers held at a time: 16 MB


def draw_rows(rows: int, *, draws: int = DRAWS, seed: int = SEED) -> Iterator[np.ndarray]:
    """How often each of `rows` rows occurs in each draw, as float64 blocks (draw, row) that sum to `rows` a draw."""
    random = np.random.default_rng(seed)
    for size in _blocks(rows, draws):
        chosen = random.integers(rows, size=(size, rows)) + rows * np.arange(size)[:, np.newaxis]
        yield np.bincount(chosen.ravel(), minlength=size * rows).reshape(size, rows).astype(np.float64)


def draw_kinds(counts: np.ndarray, *, draws: int = DRAWS, seed: int = SEED) -> Iterator[np.ndarray]:
    """How often each kind of row occurs in each draw, as int64 blocks (draw, kind).

    `counts` (kind,) says how many rows of each kind there are. The distribution is that of `draw_rows`, added up over
    the rows of each kind.
    """
    random = np.random.default_rng(seed)
    rows = counts.sum()
    for size in _blocks(len(counts), draws):
        yield random.multinomial(rows, counts / rows, size=size)


def _blocks(width: int, draws: int) -> Iterator[int]:
    size = max(1, _BLOCK // width)
    for start in range(0, draws, size):
        yield min(size, draws - start)


def intervals(
    blocks: Iterable[np.ndarray], scores: Callable[[np.ndarray], dict[str, np.ndarray]]
) -> dict[str, list[float] | None]:
    """The 95 % percentile interval [low, high] of each score. `scores` turns a block (draw, row or kind) into values
    (draw,) by name.

    None where both edges are the same, as when every row is right: such rows do not tell how sure a score is, and a
    point would claim that it is certain.
    """
    parts = [scores(block) for block in blocks]
    edges = [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2]
    found = {name: np.quantile(np.concatenate([part[name] for part in parts]), edges).tolist() for name in parts[0]}
    return {name: None if low == high else [low, high] for name, (low, high) in found.items()}


def mean_intervals(**values: np.ndarray) -> dict[str, list[float] | None]:
    """The intervals of scores that are means over rows; each array is (row,)."""
    rows = len(next(iter(values.values())))
    return intervals(draw_rows(rows), lambda draws: {name: draws @ each / rows for name, each in values.items()})
