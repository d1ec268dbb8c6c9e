"""Cuts a data set into training, validation and test rows: each label in its share, equal texts never on two sides."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from core.data.dataset import Dataset
from core.errors import LabError


@dataclass(frozen=True, slots=True)
class Splits:
    """Positions in the data set (not rows of the file), each in rising order."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]


def split(dataset: Dataset, *, shares: Sequence[float] = (0.8, 0.1, 0.1), seed: int = 42) -> Splits:
    """Stratified splits; the same seed gives the same ones.

    Examples with equal texts stay together. The first of each label goes to training, so every label can be learned;
    the rest keeps the shares as nearly as groups allow, over each label and over all. A part whose share is above zero
    is not left empty while there are enough different examples. Raises LabError for shares that are not three
    non-negative numbers with the sum 1 and something to train on.
    """
    if len(shares) != 3 or min(shares) < 0 or shares[0] <= 0 or abs(sum(shares) - 1) > 1e-6:
        raise LabError(
            f"The shares {tuple(shares)} cannot be used.",
            "Give three shares for training, validation and test that add up to 1, the first above 0.",
        )
    parts: list[list[list[int]]] = [[], [], []]
    sizes, placed = [0, 0, 0], 0
    shuffler = random.Random(seed)
    for groups in _groups_by_label(dataset):
        shuffler.shuffle(groups)
        for order, group in enumerate(groups):
            placed += len(group)
            lacking = [share * placed - size for share, size in zip(shares, sizes, strict=True)]
            part = 0 if order == 0 else lacking.index(max(lacking))
            parts[part].append(group)
            sizes[part] += len(group)
    for part in (2, 1):
        if shares[part] > 0 and not parts[part]:
            _fill(parts, part)
    train, validation, test = (tuple(sorted(p for group in part for p in group)) for part in parts)
    return Splits(train, validation, test)


def _groups_by_label(dataset: Dataset) -> list[list[list[int]]]:
    """For each label its groups of equal examples, in the order of the file; a group counts for its first label."""
    by_label: dict[int, list[list[int]]] = {}
    for group in dataset.groups():
        by_label.setdefault(dataset.labels[group[0]] if dataset.labels else 0, []).append(group)
    return [by_label[label] for label in sorted(by_label)]


def _fill(parts: list[list[list[int]]], part: int) -> None:
    """Move the smallest group into an empty part from the one with most groups, which keeps at least one."""
    fullest = max(parts, key=len)
    if len(fullest) > 1:
        smallest = min(range(len(fullest)), key=lambda index: (len(fullest[index]), -index))
        parts[part].append(fullest.pop(smallest))
