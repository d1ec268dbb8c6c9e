"""Says what is wrong with a choice of columns, while it is being made: in plain words, with the rows."""

from collections.abc import Callable, Iterator

import numpy as np

from core.data.cells import LARGEST_SCORE, answers_of, is_score, items_of, switch_of
from core.data.column_mapping import ColumnMapping
from core.data.columns.labels import choice_numbers, is_choice, labels_of
from core.data.dataset.browse import natural_order
from core.data.dataset.notices import MANY_LABELS, Finding, in_order, numbers, shown
from core.data.dataset.repeats import dictionary_codes
from core.data.dataset.row_selection import is_usable_label, rows_in_words
from core.data.dataset.steps import DropRows, DropUnlabelled
from core.data.dataset.words import count_words
from core.data.table import Table
from core.data.views import Strings
from core.errors import LabError, counted
from core.tasks import spec_of

_BEHIND = "They get the numbers behind, unless a fix merges or drops them."


def check_mapping(table: Table, mapping: ColumnMapping, row_ids: np.ndarray | None = None) -> tuple[Finding, ...]:
    """What to fix before a task can learn from these columns; the worst first, one "good" when nothing is wrong.

    `row_ids` says where in the file each row of the table stands, where fixes have left some out. Raises nothing for a
    bad choice: each problem is a finding. Rows are those of the file.
    """
    row_ids = np.arange(len(table)) if row_ids is None else row_ids
    found = list(_choice(table, mapping))
    if not any(finding.severity == "fix" for finding in found):
        for role in spec_of(mapping.task).inputs:
            if not role.is_list and (column := mapping[role.name]) is not None:  # lists are checked with their task
                found += _blank_texts(table, column, row_ids)
        found += CHECKS[mapping.task](table, mapping, row_ids)
    if not found:
        found.append(Finding("mapping", "good", f"The columns fit the task in all {counted(len(table), 'row')}."))
    return in_order(found)


def _choice(table: Table, mapping: ColumnMapping) -> Iterator[Finding]:
    """Parts that nobody plays, columns that are not there or are chosen twice."""
    for role in mapping.missing():
        yield Finding("missing", "fix", f"No column is chosen for “{role.title}”.", remedy=f"Choose it. {role.help}")
    chosen = [column for _, columns in mapping.columns for column in columns]
    for column in dict.fromkeys(chosen):
        if column not in table.columns:
            yield Finding("absent", "fix", f"There is no column {column!r}.", remedy="Choose another column.")
        elif chosen.count(column) > 1:
            yield Finding("twice", "fix", f"The column {column!r} is chosen twice.", remedy="Choose different columns.")
    if len(mapping.all("choices")) == 1:
        yield Finding("choices", "fix", "Only one column is chosen for the choices.", remedy="Choose two or more.")


def _blank_texts(table: Table, column: str, row_ids: np.ndarray) -> Iterator[Finding]:
    rows = row_ids[count_words(Strings(table.column(column))) == 0]
    if len(rows):
        what = f"Column {column!r} has no text in {rows_in_words(rows)}."
        yield Finding("empty", "warn", what, numbers(rows), "Drop these rows, or fill them in.", _drop(rows, "no text"))


def _label(table: Table, mapping: ColumnMapping, row_ids: np.ndarray) -> Iterator[Finding]:
    column = mapping.column_of("label")
    codes, cells = dictionary_codes(table.column(column))
    usable = np.array([is_usable_label(cell) for cell in cells], bool)
    rows = row_ids[~usable[codes]]
    if len(rows):
        what = f"Column {column!r} holds no usable label (blank, NaN or infinite) in {rows_in_words(rows)}."
        yield Finding("unlabelled", "fix", what, numbers(rows), "Drop these rows, or fill them in.", DropUnlabelled())
    count = int(usable.sum())
    if count == 1:
        label = next(cell for cell, fits in zip(cells, usable, strict=True) if fits)
        yield Finding("one_label", "fix", f"All rows have the label {label!r}.", remedy="Choose another column.")
    elif count > MANY_LABELS:
        what = f"Column {column!r} holds {count:,} different labels; check that it is the label."
        yield Finding("many_labels", "warn", what, remedy="Choose the column that holds a category.")
    yield from _order(set(labels_of(table, mapping)), mapping, lambda label: row_ids[codes == cells.index(label)])


def _order(found: set[str], mapping: ColumnMapping, rows_with: Callable[[str], np.ndarray]) -> Iterator[Finding]:
    """Labels that the chosen order lacks, which is no fault (see `named_labels`), and those that are not there."""
    if not mapping.label_order:
        return
    if lacking := natural_order(found - set(mapping.label_order)):
        rows = numbers(np.concatenate([rows_with(label) for label in lacking]))
        what = f"The order of labels lacks {shown(lacking)}, in {counted(len(rows), 'row')}."
        yield Finding("order", "warn", what, rows, _BEHIND)
    if extra := [label for label in mapping.label_order if label not in found]:
        yield Finding("order", "warn", f"No row has the label {shown(extra)}.", remedy="Leave it, or take it out.")


def _labels(table: Table, mapping: ColumnMapping, row_ids: np.ndarray) -> Iterator[Finding]:
    columns = mapping.all("labels")
    if len(columns) > 1:
        bad = np.zeros(len(table), bool)
        on = np.zeros(len(table), bool)
        for column in columns:
            codes, cells = dictionary_codes(table.column(column))
            bad |= ~np.array([switch_of(cell) is not None for cell in cells], bool)[codes]
            on |= np.array([switch_of(cell) is True for cell in cells], bool)[codes]
        if bad.any():
            what = f"A label column holds something else than 0 or 1 in {rows_in_words(row_ids[bad])}."
            yield Finding("switch", "fix", what, numbers(row_ids[bad]), "Write 0 or 1, or true or false.")
        none = row_ids[~on & ~bad]
    else:
        codes, cells = dictionary_codes(table.column(mapping.column_of("labels")))
        items = [items_of(cell, mapping.separator) for cell in cells]
        none = row_ids[np.array([not each for each in items], bool)[codes]]
        different = {item for each in items for item in each}
        if not different:
            yield Finding("one_label", "fix", "No row has a label.", remedy="Choose another column.")
            return
        if len(different) == 1:
            yield Finding("one_label", "fix", f"All rows have the label {min(different)!r}.", remedy="Choose another.")
        elif len(different) > MANY_LABELS:
            what = f"There are {len(different):,} different labels; check the column and the sign that parts them."
            yield Finding("many_labels", "warn", what, remedy="Choose another sign or column.")

        def with_label(label: str) -> np.ndarray:
            return row_ids[np.array([label in each for each in items], bool)[codes]]

        yield from _order(different, mapping, with_label)
    if len(none):
        remedy = "This is fine when none fits; else fill them in."
        yield Finding("no_labels", "warn", f"No label is given in {rows_in_words(none)}.", numbers(none), remedy)


def _score(table: Table, mapping: ColumnMapping, row_ids: np.ndarray) -> Iterator[Finding]:
    codes, cells = dictionary_codes(table.column(mapping.column_of("score")))
    rows = row_ids[~np.array([is_score(cell) for cell in cells], bool)[codes]]
    if len(rows):
        what = f"Column {mapping['score']!r} holds no number in {rows_in_words(rows)}."
        remedy = f"Write each score as a number up to {LARGEST_SCORE:,.0f}."
        yield Finding("score", "fix", what, numbers(rows), remedy, _drop(rows, "no score"))
    elif len({float(cell) for cell in cells}) == 1:
        yield Finding("one_score", "fix", f"All scores are {cells[0]}.", remedy="Choose another column.")


def _tags(table: Table, mapping: ColumnMapping, row_ids: np.ndarray) -> Iterator[Finding]:
    different: set[str] = set()
    wrong, first = [], ""
    columns = (Strings(table.column(mapping.column_of(role))) for role in ("tokens", "tags"))
    for row, words, tags in zip(row_ids.tolist(), *columns, strict=True):
        items, given = items_of(words), items_of(tags)
        different.update(given)
        if len(items) != len(given):
            first = first or f"row {row + 1:,} has {counted(len(items), 'word')} and {counted(len(given), 'tag')}"
            wrong.append(row)
    if wrong:
        what = f"Words and tags do not have the same number in {counted(len(wrong), 'row')}: {first}."
        step = _drop(wrong, "words and tags do not match")
        yield Finding("tags", "fix", what, numbers(wrong), "Give each word one tag.", step)
    if len(different) == 1:
        yield Finding(
            "one_label", "fix", f"All words have the tag {min(different)!r}.", remedy="Choose another column."
        )
    if mapping.label_order and (lacking := natural_order(different - set(mapping.label_order))):
        yield Finding("order", "warn", f"The order of tags lacks {shown(lacking)}.", remedy=_BEHIND)


def _answers(table: Table, mapping: ColumnMapping, row_ids: np.ndarray) -> Iterator[Finding]:
    roles = [role for role in ("context", "answer", "answer_start") if mapping[role]]
    absent, elsewhere, none = [], [], []
    columns = (Strings(table.column(mapping.column_of(role))) for role in roles)
    for row, context, *cells in zip(row_ids.tolist(), *columns, strict=True):
        answers = answers_of(*cells)
        if not answers:
            none.append(row)
        for answer in answers:
            start = answer.start
            if answer.text not in context:
                absent.append(row)
            elif start is not None and (start < 0 or context[start : start + len(answer.text)] != answer.text):
                elsewhere.append(row)
    absent, elsewhere = sorted(set(absent)), sorted(set(elsewhere) - set(absent))
    if absent:
        what = f"The answer does not stand in the context in {rows_in_words(absent)}."
        remedy = "Copy the answer from the context word for word."
        yield Finding("answer", "fix", what, numbers(absent), remedy, _drop(absent, "answer not in the context"))
    if elsewhere:
        what = f"The answer begins elsewhere than its start says in {rows_in_words(elsewhere)}."
        remedy = "Count characters from 0, or leave the start out: the first place is then taken."
        yield Finding("answer_start", "fix", what, numbers(elsewhere), remedy)
    if none:
        what = f"There is no answer in {rows_in_words(none)}: “cannot be answered” is learned from these."
        yield Finding("no_answer", "warn", what, numbers(none), "This is fine when it is meant.")


def _right(table: Table, mapping: ColumnMapping, row_ids: np.ndarray) -> Iterator[Finding]:
    choices = mapping.all("choices")
    codes, cells = dictionary_codes(table.column(mapping.column_of("label")))
    try:
        places = choice_numbers(cells, choices)
    except LabError as error:
        fits = np.array([is_choice(cell, choices) for cell in cells], bool)
        rows = row_ids if fits.all() else row_ids[~fits[codes]]
        yield Finding("right", "fix", f"{error.problem} See {rows_in_words(rows)}.", numbers(rows), error.remedy)
        return
    if len(set(places)) == 1:
        yield Finding("one_label", "warn", "The right choice stands at the same place in all rows.", remedy="Mix them.")
    for column in choices:
        yield from _blank_texts(table, column, row_ids)


def _drop(rows: "np.ndarray | list[int]", reason: str) -> DropRows:
    return DropRows(tuple(np.asarray(rows).tolist()), reason)


CHECKS: dict[str, Callable[[Table, ColumnMapping, np.ndarray], Iterator[Finding]]] = {
    "sequence-classification": _label,
    "multi-label": _labels,
    "regression": _score,
    "token-classification": _tags,
    "question-answering": _answers,
    "multiple-choice": _right,
    "masked-language": lambda *_: iter(()),
}
