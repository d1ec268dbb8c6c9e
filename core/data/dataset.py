"""Turns a table and its columns into checked examples: texts, partners, labels as numbers, and what was noticed.

Refuses what cannot be trained on and warns of what should be looked at. Row numbers in messages count from 1, without
the header. Does not split, measure or change any text.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from core.data.columns import Columns
from core.data.table import Table, is_number
from core.errors import LabError

MANY_LABELS = 200
MAX_LABELS = 5000
_SHOWN = 5
_NO_LABEL = {"nan", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"}


@dataclass(frozen=True, slots=True)
class Dataset:
    """Examples in the file's order. `labels` holds positions in `label_names`; without a label column both are empty.

    row_ids: the 0-based row in the file. content_hash: of the file. notices: those of the table, then those made here.
    """

    row_ids: tuple[int, ...]
    texts: tuple[str, ...]
    pairs: tuple[str, ...] | None
    labels: tuple[int, ...]
    label_names: tuple[str, ...]
    content_hash: str
    notices: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def examples(self) -> tuple:
        """One hashable value an example: its text, or its two texts; equal ones are duplicates."""
        return self.texts if self.pairs is None else tuple(zip(self.texts, self.pairs, strict=True))

    def groups(self) -> list[list[int]]:
        """The positions of equal examples, group by group, in the order of the file."""
        groups: dict[object, list[int]] = {}
        for position, example in enumerate(self.examples()):
            groups.setdefault(example, []).append(position)
        return list(groups.values())


def build_dataset(
    table: Table,
    columns: Columns,
    *,
    label_names: Sequence[str] | None = None,
    unknown_labels: Literal["refuse", "drop"] = "refuse",
) -> Dataset:
    """The examples in a table.

    `label_names` are those of the training data when this is test data: the numbers then mean the same, and rows with
    other labels are refused, or dropped when told to. Raises LabError.
    """
    chosen = [name for name in (columns.text, columns.pair, columns.label) if name is not None]
    if len(set(chosen)) != len(chosen):
        raise LabError("One column is chosen twice.", "Choose different columns for text, second text and label.")
    texts = table[columns.text]
    pairs = table[columns.pair] if columns.pair is not None else None
    notices = [*table.notices, *_about_texts(columns.text, texts)]
    if pairs is not None:
        notices += _about_texts(columns.pair, pairs)
    row_ids = list(range(len(texts)))
    labels: list[int] = []
    names: tuple[str, ...] = ()
    if columns.label is not None:
        values = table[columns.label]
        _refuse_missing(columns.label, values)
        names = tuple(label_names) if label_names is not None else _names(columns.label, values)
        number = {name: position for position, name in enumerate(names)}
        unknown = [row for row in row_ids if values[row] not in number]
        if unknown:
            notices.append(_unknown(values, unknown, names, unknown_labels))
            row_ids = [row for row in row_ids if values[row] in number]
        labels = [number[values[row]] for row in row_ids]
        if label_names is None:
            notices += _about_labels(names, labels)
    dataset = Dataset(
        tuple(row_ids),
        tuple(texts[row] for row in row_ids),
        None if pairs is None else tuple(pairs[row] for row in row_ids),
        tuple(labels),
        names,
        table.content_hash,
        (),
    )
    notices += _about_duplicates(dataset)
    return replace(dataset, notices=tuple(notices))


def natural_order(names: Sequence[str]) -> tuple[str, ...]:
    """Sorted as a person would: numbers by value, digits within words too; equal ones by their characters.

    >>> natural_order(["10", "9", "01", "class 10", "class 2", "1"])
    ('01', '1', '9', '10', 'class 2', 'class 10')
    """

    def key(name: str) -> tuple:
        if is_number(name):
            return (0, float(name), (), name)
        parts = re.split(r"([0-9]+)", name.casefold())
        order = [
            (1, len(part.lstrip("0")), part.lstrip("0")) if position % 2 else (0, 0, part)
            for position, part in enumerate(parts)
        ]
        return (1, 0.0, tuple(order), name)

    return tuple(sorted(names, key=key))


def shared_examples(first: Dataset, second: Dataset) -> tuple[int, ...]:
    """Positions in `second` of examples that also stand in `first`: test rows that training has seen."""
    known = set(first.examples())
    return tuple(position for position, example in enumerate(second.examples()) if example in known)


def _rows(rows: Sequence[int]) -> str:
    """Row numbers for a person: "rows 1, 5, 9 and 3 more"."""
    shown = ", ".join(f"{row + 1:,}" for row in rows[:_SHOWN])
    more = f" and {len(rows) - _SHOWN:,} more" if len(rows) > _SHOWN else ""
    return f"row{'s' if len(rows) > 1 else ''} {shown}{more}"


def _refuse_missing(column: str, values: Sequence[str]) -> None:
    verdict = {value: not value.strip() or value.strip().casefold() in _NO_LABEL for value in set(values)}
    missing = [row for row, value in enumerate(values) if verdict[value]]
    if missing:
        raise LabError(
            f"The label column {column!r} holds no usable label (blank, NaN or infinite) in {_rows(missing)}.",
            "Fill in these labels, remove the rows, or choose another label column.",
        )


def _names(column: str, values: Sequence[str]) -> tuple[str, ...]:
    names = natural_order(list(set(values)))
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


def _unknown(values: Sequence[str], rows: Sequence[int], names: Sequence[str], what: str) -> str:
    strange = natural_order(list({values[row] for row in rows}))
    shown = ", ".join(repr(name) for name in strange[:_SHOWN]) + (" and more" if len(strange) > _SHOWN else "")
    if what != "drop":
        raise LabError(
            f"{len(rows):,} rows have labels that the training data does not know ({shown}): {_rows(rows)}.",
            f"Use only {', '.join(repr(name) for name in names[:_SHOWN])}… as labels, or remove these rows.",
        )
    if len(rows) == len(values):
        raise LabError(f"No row has a label that the training data knows ({shown}).", "Choose another label column.")
    return f"{len(rows):,} rows were dropped: the training data does not know their labels ({shown})."


def _about_texts(column: str, texts: Sequence[str]) -> list[str]:
    notices = []
    empty = [row for row, text in enumerate(texts) if not text.strip()]
    if empty:
        notices.append(f"Column {column!r} has no text in {_rows(empty)}.")
    filled = [text for text in texts[:1000] if text.strip()]
    if filled and sum(map(is_number, filled)) > 0.9 * len(filled):
        notices.append(f"Column {column!r} holds numbers rather than text; they are read as written.")
    return notices


def _about_labels(names: Sequence[str], labels: Sequence[int]) -> list[str]:
    notices = []
    if len(names) > MANY_LABELS:
        notices.append(f"There are {len(names):,} different labels; check that this is the label column.")
    counts = Counter(labels)
    single = [name for number, name in enumerate(names) if counts[number] == 1]
    if single:
        shown = ", ".join(repr(name) for name in single[:_SHOWN]) + (" and more" if len(single) > _SHOWN else "")
        notices.append(
            f"Labels with one row only can be learned or tested, but not both; here {len(single):,}: {shown}."
        )
    alike: dict[str, list[str]] = {}
    for name in names:
        plain = name.strip().casefold()
        alike.setdefault(f"{float(plain):g}" if is_number(plain) else plain, []).append(name)
    for group in alike.values():
        if len(group) > 1:
            notices.append(f"These labels look alike but count as different: {', '.join(map(repr, group))}.")
    return notices


def _about_duplicates(dataset: Dataset) -> list[str]:
    """Refuse when all examples are the same; warn of repeats, and of repeats with different labels."""
    examples = dataset.examples()
    counts = Counter(examples)
    if len(counts) == 1 and len(examples) > 1:
        raise LabError("All rows hold the same text.", "Choose the column that holds the texts.")
    notices = []
    repeats = len(examples) - len(counts)
    if repeats:
        notices.append(f"{repeats:,} rows repeat an earlier one; a split keeps repeats together.")
    if dataset.labels and repeats:
        seen: dict = {}
        for position, example in enumerate(examples):
            if counts[example] > 1:
                seen.setdefault(example, []).append(position)
        clashing = [group for group in seen.values() if len({dataset.labels[p] for p in group}) > 1]
        if clashing:
            where = _rows([dataset.row_ids[position] for position in clashing[0]])
            notices.append(f"{len(clashing):,} texts occur with different labels, such as the one in {where}.")
    return notices
