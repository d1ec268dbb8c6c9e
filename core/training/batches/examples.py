"""What a training learns from: rows in the form of their task, and the three parts they are divided into."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.data.dataset.dataset import Dataset


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a file; the fields run parallel. `row_ids` are its 0-based rows.

    What the other fields hold, task by task:

    - one label, several, a score: `texts` and, for pairs, `pairs` are texts; a label is a number of a label, a tuple
      of 0 and 1, or a float
    - tags: a text is a tuple of words, a label a tuple with the number of each word's tag
    - answers: a text is a question, its pair the context, a label a tuple of `core.data.cells.Answer`, empty where
      there is no answer
    - choices: a text is the beginning, its pair the question, `choices` holds a tuple of texts each, a label the number
      of the right one
    - masked language: `texts` only; `labels` is empty
    """

    row_ids: Sequence[int]
    texts: Sequence[Any]
    labels: Sequence[Any]
    pairs: Sequence[str] | None = None
    choices: Sequence[tuple[str, ...]] | None = None

    def __len__(self) -> int:
        return len(self.row_ids)

    @property
    def contexts(self) -> Sequence[str]:
        """Those of questions to answer: `pairs`."""
        assert self.pairs is not None
        return self.pairs

    def take(self, positions: Sequence[int]) -> "Rows":
        """The rows at these positions, in their order."""

        def chosen(column: Sequence[Any]) -> tuple[Any, ...]:
            return tuple(column[i] for i in positions) if len(column) else ()

        return Rows(
            row_ids=chosen(self.row_ids),
            texts=chosen(self.texts),
            labels=chosen(self.labels),
            pairs=None if self.pairs is None else chosen(self.pairs),
            choices=None if self.choices is None else chosen(self.choices),
        )


@dataclass(frozen=True, slots=True)
class Examples:
    """All rows of one file, ready to be divided: `rows` run parallel to `dataset`, which knows repeats and labels.

    `groups` gives a number for each row where rows must stay together beyond equal ones: (row,).
    """

    dataset: Dataset
    rows: Rows
    label_names: tuple[str, ...]
    groups: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """All a training needs to know of its data. `scored_split` is "test", or "validation" where there is no test."""

    train: Rows
    validation: Rows
    test: Rows
    scored_split: str
    label_names: tuple[str, ...]
    notices: tuple[str, ...]
    content_hash: str  # of all files read


def row_ids_hash(row_ids: Sequence[int]) -> str:
    """SHA-256 of the ids in their order, as 64-bit numbers: by it runs are compared without their millions of ids."""
    return hashlib.sha256(np.asarray(row_ids, "<i8").tobytes()).hexdigest()
