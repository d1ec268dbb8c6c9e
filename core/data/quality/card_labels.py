"""The checks of the health card that look at labels, and at repeats under other labels."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from core.data.dataset.browse import natural_order
from core.data.dataset.dataset import MAX_LABELS
from core.data.dataset.notices import MANY_LABELS, Finding, contradicting, labels_alike, numbers, shown
from core.data.dataset.repeats import groups_of
from core.data.dataset.row_selection import RowSelection, is_usable_label, rows_in_words
from core.data.dataset.steps import (
    CapClasses,
    DropContradictions,
    DropRows,
    DropUnlabelled,
    MergeLabels,
    meanings,
    spelled_alike,
)
from core.data.quality.near import NearPair
from core.errors import counted

_LOPSIDED = 5  # a label has so many times the rows of most others, or they have so many times its rows
_UNEVEN = "Add rows of rare labels, let them count more (the setting “Class weights: balanced” of Fine-tune)"
_MOSTLY = 0.8
_FEW_ROWS = 8  # of a label: fewer can hardly be learned, and are not in every part of a split


def check(selection: RowSelection) -> Iterator[Finding]:
    """Everything that labels tell; nothing without a label column."""
    if selection.labels is None or not len(selection):
        return
    codes, cells = selection.label_codes()
    usable = np.array([is_usable_label(cell) for cell in cells], bool)[codes]
    yield from _unlabelled(selection, usable)
    counts = {cell: n for cell, n in zip(cells, np.bincount(codes).tolist(), strict=True) if is_usable_label(cell)}
    if not counts:
        yield Finding("no_label", "fix", "No row has a usable label.", remedy="Choose another label column.")
        return
    yield from _number(counts)
    if len(counts) > 1:
        yield from _alike(counts)
        yield from _rare(selection, codes, cells, counts)
        yield from _balance(counts)
    yield from _contradictions(selection.keep(selection.judged()))


def near_duplicates(selection: RowSelection, pairs: Sequence[NearPair]) -> Iterator[Finding]:
    """Texts that are nearly the same, and those among them with different labels."""
    if not pairs:
        yield Finding("near_duplicates", "good", "No two texts are nearly the same.")
        return
    later = numbers(selection.row_ids[np.isin(selection.first_equal(), [pair.second for pair in pairs])])
    what = f"{counted(len(later), 'text is', 'texts are')} nearly the same as an earlier one."
    remedy = "Look at them. A split can keep them together; dropping the later ones costs little."
    step = DropRows(tuple(later), "nearly the same as an earlier row")
    yield Finding("near_duplicates", "warn", what, later, remedy, step)
    if selection.labels is None:
        return
    codes = meanings(*selection.label_codes())
    clash = [pair for pair in pairs if codes[pair.first] != codes[pair.second]]
    if clash:
        rows = numbers(selection.row_ids[[position for pair in clash for position in (pair.first, pair.second)]])
        pairs_have = counted(len(clash), "pair of nearly the same texts has", "pairs of nearly the same texts have")
        what = f"{pairs_have} different labels, in {rows_in_words(rows)}."
        yield Finding("near_contradictions", "warn", what, rows, "Read both, and correct the label that is wrong.")


def _unlabelled(selection: RowSelection, usable: np.ndarray) -> Iterator[Finding]:
    rows = selection.row_ids[~usable]
    if len(rows):
        rows_have = counted(len(rows), "row has", "rows have")
        what = f"{rows_have} no usable label (blank, NaN or infinite): {rows_in_words(rows)}."
        remedy = "Drop these rows, or fill the labels in."
        yield Finding("unlabelled", "fix", what, numbers(rows), remedy, DropUnlabelled())
    else:
        yield Finding("unlabelled", "good", "Every row has a label.")


def _number(counts: dict[str, int]) -> Iterator[Finding]:
    number = len(counts)
    if number == 1:
        what = f"All rows have the label {min(counts)!r}: there is nothing to tell apart."
        yield Finding("one_label", "fix", what, remedy="Choose another label column.")
    elif number > MANY_LABELS:
        what = f"There are {number:,} different labels; check that this is the label column."
        if number > MAX_LABELS:
            what = f"There are {number:,} different labels; the limit is {MAX_LABELS:,}."
        severity = "fix" if number > MAX_LABELS else "warn"
        yield Finding("many_labels", severity, what, remedy="Choose the column that holds a category, or merge labels.")


def _alike(counts: dict[str, int]) -> Iterator[Finding]:
    for group in labels_alike(natural_order(counts)):
        same = len({spelled_alike(name) for name in group}) < len(group)
        what = f"The labels {shown(group)} look alike but count as different."
        remedy = "Merge them, if they mean the same." if same else "Correct them in the file, or leave them."
        yield Finding("alike_labels", "warn", what, remedy=remedy, step=MergeLabels() if same else None)


def _rare(
    selection: RowSelection, codes: np.ndarray, cells: Sequence[str], counts: dict[str, int]
) -> Iterator[Finding]:
    single = natural_order(name for name, count in counts.items() if count == 1)
    few = natural_order(name for name, count in counts.items() if 1 < count < _FEW_ROWS)
    for key, names, what in (
        ("single_row", single, "one row only: it can be learned or tested, but not both"),
        ("few_rows", few, f"fewer than {_FEW_ROWS} rows: it will hardly be learned"),
    ):
        if names:
            few_of = set(names)
            wanted = np.array([cell in few_of for cell in cells], bool)
            rows = numbers(selection.row_ids[wanted[codes]])
            have = counted(len(names), "label has", "labels have")
            yield Finding(key, "warn", f"{have} {what}: {shown(names)}.", rows, "Add rows, or merge or drop the label.")


def _balance(counts: dict[str, int]) -> Iterator[Finding]:
    """One label far above most others, else labels far below most others; most: by the (lower) median."""
    ordered = Counter(counts).most_common()
    (common, most), (rare, fewest) = ordered[0], ordered[-1]
    typical = ordered[len(ordered) // 2][1]
    share = most / sum(counts.values())
    scarce = [name for name, count in ordered if count * _LOPSIDED <= typical]
    if most >= _LOPSIDED * typical or share > _MOSTLY:
        what = f"{common!r} has {share:.0%} of the rows ({most:,}), {rare!r} only {fewest:,}. "
        if share >= 0.5:
            what += f"Always answering {common!r} would be right in {share:.0%} of them: "
        what += "look at macro F1, not at accuracy." if share >= 0.5 else "Look at macro F1 beside accuracy."
        cap = max(_FEW_ROWS, (_LOPSIDED - 1) * typical)  # then this finding is gone, unless it is of the fewest rows
        step = CapClasses(rows=cap) if cap < most else None
        capping = f", or cap each at {cap:,}" if step else ""
        yield Finding("imbalance", "warn", what, remedy=f"{_UNEVEN}{capping}.", step=step)
    elif scarce:
        have = counted(len(scarce), "label has", "labels have")
        what = f"{have} far fewer rows than most others (half of all have {typical:,} or more): "
        what += f"{shown(scarce[::-1])}. Look at the F1 of each label."
        yield Finding("imbalance", "warn", what, remedy=f"{_UNEVEN}.")
    else:
        what = f"The labels are balanced well enough: from {fewest:,} to {most:,} rows each."
        yield Finding("imbalance", "good", what)


def _contradictions(selection: RowSelection) -> Iterator[Finding]:
    groups = contradicting(groups_of(selection.first_equal()), *selection.label_codes())
    if groups:
        rows = numbers(selection.row_ids[np.concatenate(groups)])
        texts = counted(len(groups), "text stands", "texts stand")
        example = rows_in_words(selection.row_ids[groups[0]])
        what = f"{texts} under different labels, in {counted(len(rows), 'row')}; the first in {example}."
        remedy = "Correct the labels, or drop these rows: no model can get both right."
        yield Finding("contradictions", "fix", what, rows, remedy, DropContradictions("majority", by_meaning=True))
    else:
        yield Finding("contradictions", "good", "No text stands under two labels.")
