"""Cuts a data set into training, validation and test rows: each label in its share, equal texts never on two sides.

Or takes the parts that a column names. `saved_splits` keeps them by row id.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.data.dataset.dataset import Dataset
from core.data.dataset.row_selection import rows_in_words
from core.errors import LabError

PARTS = ("train", "validation", "test")
_NAMES = {
    **dict.fromkeys(("train", "training", "trn", "tr"), 0),
    **dict.fromkeys(("validation", "valid", "val", "dev", "development", "eval"), 1),
    **dict.fromkeys(("test", "testing", "tst", "heldout", "held-out"), 2),
}


@dataclass(frozen=True, slots=True)
class Splits:
    """Positions in the data set (not rows of the file), each in rising order."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]

    def parts(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Each part with its name."""
        return tuple((name, getattr(self, name)) for name in PARTS)


def split(
    dataset: Dataset,
    *,
    shares: Sequence[float] = (0.8, 0.1, 0.1),
    seed: int = 42,
    groups: np.ndarray | None = None,
) -> Splits:
    """Stratified splits; the same seed gives the same ones.

    Examples with equal texts stay together; so do those of one group where `groups` gives a number for each example
    (`quality.near.join_groups` gives those of near-duplicates). The first of each label goes to training, so every
    label can be learned; the rest keeps the shares as nearly as groups allow, over each label and over all. A part
    whose share is above zero is not left empty while a label has different examples to spare. Raises LabError for
    shares that are not three non-negative numbers with the sum 1 and something to train on.
    """
    check_shares(shares)
    parts: list[list[list[int]]] = [[], [], []]
    sizes, placed = [0, 0, 0], 0
    shuffler = random.Random(seed)
    for together in _groups_by_label(dataset, groups):
        shuffler.shuffle(together)
        for order, group in enumerate(together):
            placed += len(group)
            lacking = [share * placed - size for share, size in zip(shares, sizes, strict=True)]
            part = 0 if order == 0 else lacking.index(max(lacking))
            parts[part].append(group)
            sizes[part] += len(group)
    for part in (2, 1):
        if shares[part] > 0 and not parts[part]:
            _fill(parts, part, dataset.labels.array)
    train, validation, test = (tuple(sorted(p for group in part for p in group)) for part in parts)
    return Splits(train, validation, test)


def split_by_column(dataset: Dataset, cells: Sequence[str]) -> Splits:
    """The parts that a column names: train, validation (valid, val, dev) and test, in any case.

    `cells` are those of the whole table. Raises LabError for another name, and when nothing is left to train on.
    """
    places = {cell: _NAMES.get(cell.strip().casefold()) for cell in set(cells)}
    own = [places[cells[row]] for row in dataset.row_ids]
    strange = [row for row, part in zip(dataset.row_ids, own, strict=True) if part is None]
    if strange:
        raise LabError(
            f"The split column names no known part in {rows_in_words(strange)}, such as {cells[strange[0]][:80]!r}.",
            "Write train, validation or test in each row, or choose another column.",
        )
    if 0 not in own:
        raise LabError("The split column gives no row to training.", "Write train in the rows to learn from.")
    found = np.array(own)
    return Splits(*(tuple(np.flatnonzero(found == part).tolist()) for part in range(3)))


def looks_like_splits(cells: Sequence[str]) -> bool:
    """Whether a column names parts: "train" among two or three known names, and nothing else."""
    names = {cell.strip().casefold() for cell in cells}
    return 2 <= len(names) <= 3 and names <= set(_NAMES) and any(_NAMES[name] == 0 for name in names)


def check_shares(shares: Sequence[float]) -> None:
    """Raises LabError for shares that cannot be used."""
    if len(shares) != 3 or min(shares) < 0 or shares[0] <= 0 or not abs(sum(shares) - 1) <= 1e-6:
        raise LabError(
            f"The shares {tuple(shares)} cannot be used.",
            "Give three shares for training, validation and test that add up to 1, the first above 0.",
        )


def _groups_by_label(dataset: Dataset, groups: np.ndarray | None) -> list[list[list[int]]]:
    """For each label its groups of equal examples, in the order of the file; a group counts for its first label."""
    by_label: dict[int, list[list[int]]] = {}
    labels = dataset.labels.array
    for group in dataset.groups() if groups is None else _joined(dataset.first_equal(), groups):
        by_label.setdefault(_label(group, labels), []).append(group)
    return [by_label[label] for label in sorted(by_label)]


def _label(group: Sequence[int], labels: np.ndarray) -> int:
    return int(labels[group[0]]) if len(labels) else 0


def _joined(first: np.ndarray, groups: np.ndarray) -> list[list[int]]:
    """The positions of each group, and equal examples of different groups joined too, by first members."""
    if len(groups) != len(first):
        raise ValueError(f"{len(groups)} group numbers for {len(first)} examples")
    parent: dict[int, int] = {}

    def top(group: int) -> int:
        while (above := parent.setdefault(group, group)) != group:
            parent[group] = parent[above]
            group = above
        return group

    numbers = groups.tolist()
    for position in np.flatnonzero(first != np.arange(len(first))).tolist():
        one, other = sorted((top(numbers[position]), top(numbers[first[position]])))
        parent[other] = one
    members: dict[int, list[int]] = {}
    for position, group in enumerate(numbers):
        members.setdefault(top(group), []).append(position)
    return list(members.values())


def _fill(parts: list[list[list[int]]], part: int, labels: np.ndarray) -> None:
    """Move a group into an empty part from the one with most groups: the smallest whose label has others there."""
    fullest = max(parts, key=len)
    own = [_label(group, labels) for group in fullest]
    groups = Counter(own)
    if spare := [index for index, label in enumerate(own) if groups[label] > 1]:
        smallest = min(spare, key=lambda index: (len(fullest[index]), -index))
        parts[part].append(fullest.pop(smallest))
