"""Splits of a file by row id, so that they mean the same rows tomorrow."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, ClassVar, Literal

import numpy as np

from core.data.dataset.dataset import Dataset
from core.data.dataset.row_selection import rows_in_words
from core.data.dataset.splits import PARTS, Splits
from core.data.views import Numbers
from core.errors import LabError

How = Literal["shares", "column"]


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one part, by the hash of the file they stand in."""

    content_hash: str
    rows: Numbers


@dataclass(frozen=True, slots=True)
class SavedSplits:
    """Three parts and how they came about: "shares" (with their seed) or "column" (named).

    near: whether near-duplicates were kept together.
    """

    how: How
    train: Part
    validation: Part
    test: Part
    shares: tuple[float, ...] = ()
    seed: int | None = None
    column: str | None = None
    near: bool = False
    version: ClassVar[int] = 1
    names_rows: ClassVar[bool] = True

    @property
    def content_hash(self) -> str:
        """The file that is trained on."""
        return self.train.content_hash

    def restore(self, dataset: Dataset) -> Splits:
        """The positions of the saved rows in a data set made from the file; rows that a recipe dropped are left out.

        Raises LabError for another file, parts in several files, rows that belong to no part, or nothing to train on.
        """
        if any(part.content_hash != dataset.content_hash for part in self._parts() if len(part.rows)):
            raise LabError("These splits belong to other files.", "Split this data set again.")
        found = np.full(int(max(dataset.row_ids.array.max(initial=-1), *(_last(p) for p in self._parts()))) + 1, -1)
        for number, part in enumerate(self._parts()):
            found[part.rows.array] = number
        own = found[dataset.row_ids.array]
        if (lost := dataset.row_ids.array[own < 0]).size:
            raise LabError(f"The saved splits do not know {rows_in_words(lost)}.", "Split this data set again.")
        splits = Splits(*(tuple(np.flatnonzero(own == number).tolist()) for number in range(3)))
        if not splits.train:
            raise LabError("No row of the saved splits is left to train on.", "Split this data set again.")
        return splits

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; rows as runs [first, last], which is short for parts of a sorted file."""
        parts = {
            name: {"content_hash": part.content_hash, "rows": _runs(part.rows.array)}
            for name, part in zip(PARTS, self._parts(), strict=True)
        }
        settings = {"shares": list(self.shares), "seed": self.seed, "column": self.column, "near": self.near}
        return {"version": self.version, "how": self.how, **settings, **parts}

    @classmethod
    def from_dict(cls, values: Any) -> "SavedSplits":
        """The reverse of `to_dict`. Raises LabError for anything that is no splits."""
        try:
            parts = [Part(_text(values[name]["content_hash"]), _unpacked(values[name]["rows"])) for name in PARTS]
            rest = {key: values[key] for key in ("seed", "column", "near")}
            shares = tuple(map(float, values["shares"]))
            known = values["version"] == cls.version and values["how"] in ("shares", "column")
            known &= type(rest["seed"]) in (int, NoneType) and isinstance(rest["column"], (str, NoneType))
            known &= isinstance(rest["near"], bool)
        except (TypeError, KeyError, ValueError, OverflowError) as error:
            raise _not_understood() from error
        if not known or _overlap(parts):
            raise _not_understood()
        return cls(values["how"], *parts, shares=shares, **rest)

    def _parts(self) -> tuple[Part, Part, Part]:
        return self.train, self.validation, self.test


def save_splits(
    dataset: Dataset,
    splits: Splits,
    *,
    how: How,
    shares: Sequence[float] = (),
    seed: int | None = None,
    column: str | None = None,
    near: bool = False,
) -> SavedSplits:
    """Splits of one data set, by row id."""
    rows = dataset.row_ids.array
    parts = [Part(dataset.content_hash, Numbers(rows[list(positions)])) for _, positions in splits.parts()]
    return SavedSplits(how, *parts, shares=tuple(shares), seed=seed, column=column, near=near)


def _last(part: Part) -> int:
    return int(part.rows.array.max(initial=-1))


def _runs(rows: np.ndarray) -> list[list[int]]:
    """Rising numbers as [first, last] of each unbroken run."""
    if not len(rows):
        return []
    breaks = np.flatnonzero(np.diff(rows) != 1)
    return np.stack([rows[np.append(0, breaks + 1)], rows[np.append(breaks, len(rows) - 1)]], axis=1).tolist()


def _unpacked(runs: Any) -> Numbers:
    parts, before = [], -1
    for first, last in runs:
        if type(first) is not int or type(last) is not int or not before < first <= last < 1 << 31:
            raise ValueError("the runs are not rising row numbers")
        parts.append(np.arange(first, last + 1))
        before = last
    return Numbers(np.concatenate(parts) if parts else [])


def _overlap(parts: Sequence[Part]) -> bool:
    """Whether a row of one file stands in two parts."""
    by_file: dict[str, list[np.ndarray]] = {}
    for part in parts:
        by_file.setdefault(part.content_hash, []).append(part.rows.array)
    return any(len(np.unique(np.concatenate(rows))) < sum(map(len, rows)) for rows in by_file.values())


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a hash is a text")
    return value


def _not_understood() -> LabError:
    return LabError("The saved splits are not understood.", "Split the data set again.")
