"""Rows on their way from a table to a data set: the chosen columns and where each row stands in the file. Unchecked.

A recipe works on these, since some rows must go before a data set can be made of the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from core.data.column_mapping import ColumnMapping
from core.data.dataset.repeats import dictionary_codes, first_equal
from core.data.dataset.words import count_words
from core.data.table import Table
from core.data.views import Strings, take
from core.errors import LabError

_NO_LABEL = {"nan", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"}


@dataclass(frozen=True, slots=True, eq=False)
class RowSelection:
    """The rows that are left, as texts and labels in words. `row_ids` are 0-based rows of the untouched file."""

    row_ids: np.ndarray  # (row,)
    texts: pa.ChunkedArray
    pairs: pa.ChunkedArray | None = None
    labels: pa.ChunkedArray | None = None

    def __len__(self) -> int:
        return len(self.row_ids)

    def keep(self, kept: np.ndarray) -> "RowSelection":
        """The rows at these positions, or those where a mask is true, in the same order."""
        positions = np.flatnonzero(kept) if kept.dtype == bool else np.sort(kept)
        if len(positions) == len(self):
            return self
        return replace(
            self,
            row_ids=self.row_ids[positions],
            texts=take(self.texts, positions),
            pairs=None if self.pairs is None else take(self.pairs, positions),
            labels=None if self.labels is None else take(self.labels, positions),
        )

    def text_columns(self) -> tuple[Strings, ...]:
        """One column of texts, or two for pairs."""
        return (Strings(self.texts),) if self.pairs is None else (Strings(self.texts), Strings(self.pairs))

    def first_equal(self) -> np.ndarray:
        """For each row the position of the first with the same text or texts: (row,)."""
        return first_equal(self.text_columns())

    def label_codes(self) -> tuple[np.ndarray, tuple[str, ...]]:
        """A number for each row's label, and the labels in the order in which they first occur."""
        if self.labels is None:
            return np.zeros(len(self), np.int64), ()
        return dictionary_codes(self.labels)

    def judged(self) -> np.ndarray:
        """Where a row has a text and a usable label, so that it can contradict another: (row,)."""
        codes, names = self.label_codes()
        return np.array([is_usable_label(name) for name in names], bool)[codes] & ~self.blank()

    def blank(self) -> np.ndarray:
        """Where a text, for pairs one of the two, holds nothing but white space: (row,)."""
        return np.logical_or.reduce([count_words(column) == 0 for column in self.text_columns()])


def select_rows(table: Table, mapping: ColumnMapping) -> RowSelection:
    """All rows of a table in the columns of text, second text and class.

    Raises LabError for a column that is missing or chosen twice.
    """
    text, pair, label = mapping.text_column, mapping.pair_column, mapping.label_column
    chosen = [name for name in (text, pair, label) if name is not None]
    if len(set(chosen)) != len(chosen):
        raise LabError("One column is chosen twice.", "Choose different columns for text, second text and label.")
    return RowSelection(
        np.arange(len(table)),
        table.column(text),
        None if pair is None else table.column(pair),
        None if label is None else table.column(label),
    )


def is_usable_label(label: str) -> bool:
    """Whether a cell can be a label: not blank, not NaN, not infinite.

    >>> is_usable_label("NA"), is_usable_label("nan"), is_usable_label(" ")
    (True, False, False)
    """
    plain = label.strip().casefold()
    return bool(plain) and plain not in _NO_LABEL


def rows_in_words(rows: "Sequence[int] | np.ndarray", shown: int = 5) -> str:
    """Row numbers for a person, from 1: "rows 1, 5, 9 and 3 more"."""
    numbers = ", ".join(f"{int(row) + 1:,}" for row in rows[:shown])
    more = f" and {len(rows) - shown:,} more" if len(rows) > shown else ""
    return f"row{'s' if len(rows) > 1 else ''} {numbers}{more}"
