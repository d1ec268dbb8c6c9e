"""Test rows that training has seen, exactly or nearly: a score over them flatters."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from core.data.dataset.dataset import Dataset, shared_examples
from core.data.dataset.notices import numbers
from core.data.dataset.splits import Splits
from core.data.quality.near import THRESHOLD, NearPair, near_between
from core.data.views import Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Leaks:
    """exact: rows (of the test file) that also stand in training; near: pairs of positions in training and test.

    other_labels: those of the exact ones that have another label there.
    """

    exact: Numbers
    near: tuple[NearPair, ...]
    other_labels: Numbers
    test_rows: int

    @property
    def exact_share(self) -> float:
        """The share of test rows that stand in training word for word."""
        return len(self.exact) / self.test_rows if self.test_rows else 0.0


def find_leaks(
    train: Dataset,
    test: Dataset,
    *,
    near: bool = True,
    threshold: float = THRESHOLD,
    on_progress: Callable[[float], None] | None = None,
) -> Leaks:
    """Compare two data sets; `near` also looks for texts that are nearly the same (seconds for tens of thousands)."""
    shared = np.array(shared_examples(train, test), np.int64)
    pairs = near_between(train, test, threshold=threshold, on_progress=on_progress) if near else ()
    differs = _labelled_otherwise(train, test, shared)
    rows = test.row_ids.array
    return Leaks(numbers(rows[shared]), pairs, numbers(rows[differs]), len(test))


def leaks_within(dataset: Dataset, splits: Splits, near: Sequence[NearPair] = ()) -> tuple[int, ...]:
    """Positions in validation and test whose text also stands in training, or (with `near` pairs) is near one there."""
    side = np.zeros(len(dataset), np.int8)
    side[list(splits.train)] = 1
    side[[*splits.validation, *splits.test]] = 2
    first = dataset.first_equal()
    in_training = np.zeros(len(dataset), bool)
    in_training[first[side == 1]] = True
    seen = in_training[first] & (side == 2)
    for pair in near:
        for one, two in ((pair.first, pair.second), (pair.second, pair.first)):
            if in_training[first[one]]:
                seen |= (first == first[two]) & (side == 2)
    return tuple(np.flatnonzero(seen).tolist())


def _labelled_otherwise(train: Dataset, test: Dataset, shared: np.ndarray) -> np.ndarray:
    """Positions among the shared test examples whose label training never gives to this text."""
    if not train.label_names or not test.label_names or not len(shared):
        return shared[:0]
    wanted = {example: set() for example in _examples(test, shared)}
    for label, example in zip(train.labels, _examples(train), strict=True):
        if example in wanted:
            wanted[example].add(train.label_names[label])
    return np.array(
        [
            position
            for position, example in zip(shared.tolist(), _examples(test, shared), strict=True)
            if test.label_names[test.labels[position]] not in wanted[example]
        ],
        np.int64,
    )


def _examples(dataset: Dataset, positions: np.ndarray | None = None) -> Iterator[tuple[str, ...]]:
    columns = dataset.text_columns()
    yield from zip(*(c if positions is None else c.take(positions) for c in columns), strict=True)
