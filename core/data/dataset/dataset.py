"""Turns a table and its columns into checked examples: texts, partners, labels as numbers, and what was noticed.

Refuses what cannot be trained on and warns of what should be looked at. Row numbers in messages count from 1, without
the header. Does not split or measure; changes a text only by edits and recipes that it is given.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from core.data.column_mapping import ColumnMapping
from core.data.dataset.browse import natural_order
from core.data.dataset.edits import Edits
from core.data.dataset.notices import about_duplicates, about_labels, about_texts
from core.data.dataset.recipe import Recipe
from core.data.dataset.repeats import first_equal, groups_of
from core.data.dataset.row_selection import RowSelection, is_usable_label, rows_in_words, select_rows
from core.data.dataset.words import count_words
from core.data.table import Table
from core.data.views import Numbers, Strings
from core.errors import LabError, counted

__all__ = ["MAX_LABELS", "Dataset", "build_dataset", "natural_order", "shared_examples"]

MAX_LABELS = 5000
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Dataset:
    """Examples in the file's order. `labels` holds positions in `label_names`; without a label column both are empty.

    row_ids: the 0-based row in the file. content_hash: of the file. notices: those of the table, then those made here.
    Tuples are taken too; the fields then hold views, which read like tuples and compare equal to them. What is
    measured is measured once.
    """

    row_ids: Numbers
    texts: Strings
    pairs: Strings | None
    labels: Numbers
    label_names: tuple[str, ...]
    content_hash: str
    notices: tuple[str, ...]
    _measured: dict[str, np.ndarray] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, view in (("row_ids", Numbers), ("texts", Strings), ("pairs", Strings), ("labels", Numbers)):
            value = getattr(self, name)
            if value is not None and not isinstance(value, view):
                object.__setattr__(self, name, view(value))

    def __len__(self) -> int:
        return len(self.texts)

    def text_columns(self) -> tuple[Strings, ...]:
        """One column of texts, or two for pairs."""
        return (self.texts,) if self.pairs is None else (self.texts, self.pairs)

    def examples(self) -> tuple:
        """One hashable value an example: its text, or its two texts; equal ones are duplicates."""
        return tuple(self.texts) if self.pairs is None else tuple(zip(self.texts, self.pairs, strict=True))

    def first_equal(self) -> np.ndarray:
        """For each example the position of the first that is equal: (example,)."""
        if "first_equal" not in self._measured:
            self._measured["first_equal"] = first_equal(self.text_columns())
        return self._measured["first_equal"]

    def word_counts(self) -> np.ndarray:
        """Words by white space, for each column of texts: (column, example)."""
        if "words" not in self._measured:
            self._measured["words"] = np.stack([count_words(column) for column in self.text_columns()])
        return self._measured["words"]

    def groups(self) -> list[list[int]]:
        """The positions of equal examples, group by group, in the order of the file; most groups have one member."""
        first = self.first_equal()
        several = {int(group[0]): group.tolist() for group in groups_of(first)}
        return [several.get(p, [p]) for p in np.flatnonzero(first == np.arange(len(first))).tolist()]


def build_dataset(
    table: Table,
    mapping: ColumnMapping,
    *,
    label_names: Sequence[str] | None = None,
    unknown_labels: Literal["refuse", "drop"] = "refuse",
    edits: Edits | None = None,
    recipe: Recipe | None = None,
) -> Dataset:
    """The examples in a table: edits first, then the recipe, then every check.

    `label_names` are those of the training data when this is test data: the numbers then mean the same, and rows with
    other labels are refused, or dropped when told to. Raises LabError.
    """
    if edits is not None:
        table = edits.apply(table)
    selection, log = select_rows(table, mapping), ()
    if recipe is not None:
        applied = recipe.apply(selection)
        selection, log = applied.selection, applied.log
    numbers, names, label_notices = np.zeros(0, np.int64), (), []
    every_row = selection
    with ThreadPoolExecutor(1) as beside:  # NumPy and Arrow let other threads run meanwhile
        first = beside.submit(every_row.first_equal)
        if mapping.label_column is not None:
            selection, numbers, names, label_notices = _number_labels(
                selection, mapping.label_column, label_names, unknown_labels
            )
        texts, *pair = selection.text_columns()
        dataset = Dataset(
            Numbers.over(selection.row_ids),
            texts,
            pair[0] if pair else None,
            Numbers.over(numbers),
            names,
            table.content_hash,
            (),
        )
        dataset.word_counts()
    if selection is every_row:  # else rows with unknown labels were dropped, and equal ones are found again
        dataset._measured["first_equal"] = first.result()
    notices = [*table.notices, *log]
    names_of_texts = [name for name in (mapping.text_column, mapping.pair_column) if name is not None]
    for each in zip(names_of_texts, dataset.text_columns(), dataset.word_counts(), strict=True):
        notices += about_texts(*each, selection.row_ids)
    notices += [*label_notices, *about_duplicates(dataset.first_equal(), numbers, names, selection.row_ids)]
    noticed = replace(dataset, notices=tuple(notices))
    noticed._measured.update(dataset._measured)
    return noticed


def shared_examples(first: Dataset, second: Dataset) -> tuple[int, ...]:
    """Positions in `second` of examples that also stand in `first`: test rows that training has seen."""
    if (first.pairs is None) != (second.pairs is None):
        return ()
    joined = [one.join(two) for one, two in zip(first.text_columns(), second.text_columns(), strict=True)]
    equal = first_equal(joined)[len(first) :]
    return tuple(np.flatnonzero(equal < len(first)).tolist())


def _number_labels(
    selection: RowSelection, column: str, given: Sequence[str] | None, unknown_labels: str
) -> tuple[RowSelection, np.ndarray, tuple[str, ...], list[str]]:
    """Labels as numbers; rows with labels that `given` lacks are refused or dropped."""
    codes, cells = selection.label_codes()
    missing = np.flatnonzero(~np.array([is_usable_label(cell) for cell in cells], bool)[codes])
    if len(missing):
        raise LabError(
            f"The label column {column!r} holds no usable label (blank, NaN or infinite) in "
            f"{rows_in_words(selection.row_ids[missing])}.",
            "Fill in these labels, remove the rows, or choose another label column.",
        )
    names = tuple(given) if given is not None else _names(column, cells)
    place = {name: position for position, name in enumerate(names)}
    numbers = np.array([place.get(cell, -1) for cell in cells], np.int64)[codes]
    notices = []
    if (unknown := np.flatnonzero(numbers < 0)).size:
        notices.append(_unknown(selection, codes, cells, unknown, names, unknown_labels))
        selection, numbers = selection.keep(numbers >= 0), numbers[numbers >= 0]
    if given is None:
        notices += about_labels(names, np.bincount(numbers, minlength=len(names)).tolist())
    return selection, numbers, names, notices


def _names(column: str, cells: Sequence[str]) -> tuple[str, ...]:
    names = natural_order(cells)
    if len(names) == 1:
        raise LabError(
            f"The label column {column!r} holds one label only: {names[0]!r}.",
            "Choose a column with at least two different labels.",
        )
    if len(names) > MAX_LABELS:
        raise LabError(
            f"The label column {column!r} holds {len(names):,} different labels; the limit is {MAX_LABELS:,}.",
            "Choose the column that holds a category, or merge rare labels.",
        )
    return names


def _unknown(
    selection: RowSelection, codes: np.ndarray, cells: Sequence[str], rows: np.ndarray, names: Sequence[str], what: str
) -> str:
    """Says which rows with labels that nobody learned are dropped. Raises LabError unless `what` is “drop”."""
    strange = natural_order({cells[int(code)] for code in np.unique(codes[rows]).tolist()})
    shown = ", ".join(repr(name) for name in strange[:_SHOWN]) + (" and more" if len(strange) > _SHOWN else "")
    if what != "drop":
        have = counted(len(rows), "row has a label", "rows have labels")
        raise LabError(
            f"{have} that the training data does not know ({shown}): {rows_in_words(selection.row_ids[rows])}.",
            f"Use only {', '.join(repr(name) for name in names[:_SHOWN])}… as labels, or remove these rows.",
        )
    if len(rows) == len(selection):
        raise LabError(f"No row has a label that the training data knows ({shown}).", "Choose another label column.")
    dropped = counted(len(rows), "row was dropped", "rows were dropped")
    return f"{dropped}: the training data does not know {'its label' if len(rows) == 1 else 'their labels'} ({shown})."
