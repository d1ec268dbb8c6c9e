"""Which task a table is likely meant for, by the names of its columns and what their cells hold. Only proposes."""

from collections.abc import Callable, Iterable

from core.data.cells import answers_of, items_of
from core.data.column_mapping import CLASSIFICATION, ColumnMapping
from core.data.column_names import plain_name
from core.data.columns.guess import guess_mapping
from core.data.columns.labels import is_choice
from core.data.table import Table
from core.tasks import FIRST

_SAMPLE = 500
_NEARLY_ALL = 0.95
_SOME = 0.2
_MOST_CLASSES = 200


def guess_task(table: Table) -> str:
    """The first task whose columns are all there and whose cells are such as it alone needs; else sequence
    classification. Reads the first 500 rows. Raises nothing: a table for no task is one for classes."""
    for task, speaks in SIGNS.items():
        mapping = guess_mapping(table, task)
        if len(table) and not mapping.missing() and speaks(table, mapping):
            return task
    return FIRST


def _is_answered(table: Table, mapping: ColumnMapping) -> bool:
    """Answers are words of the contexts; there may be questions without one."""
    contexts, answers = (_cells(table, mapping.column_of(role)) for role in ("context", "answer"))
    rows = zip(contexts, answers, strict=True)
    return _share(answer.text in context for context, cell in rows for answer in answers_of(cell)) >= _NEARLY_ALL


def _is_tagged(table: Table, mapping: ColumnMapping) -> bool:
    """As many tags as words, in rows of several."""
    rows = zip(*(_cells(table, mapping.column_of(role)) for role in ("tokens", "tags")), strict=True)
    counts = [(len(items_of(words)), len(items_of(tags))) for words, tags in rows]
    several = [words == tags for words, tags in counts if max(words, tags) > 1]
    return len(several) > _SOME * len(counts) and _share(several) >= _NEARLY_ALL


def _is_choice(table: Table, mapping: ColumnMapping) -> bool:
    """Columns numbered alike (of those without a name, three or more), never blank, one of which is named as right."""
    choices = mapping.all("choices")
    stems = {plain_name(name).rstrip("0123456789abcde_") for name in choices}
    filled = all(cell.strip() for name in choices for cell in _cells(table, name))
    rights = (is_choice(cell, choices) for cell in _cells(table, mapping.column_of("label")))
    return len(stems) == 1 and len(choices) > (2 if stems == {"column"} else 1) and filled and all(rights)


def _is_scored(table: Table, mapping: ColumnMapping) -> bool:
    """Numbers with a fraction, in the column that would otherwise be taken for the label."""
    fractions = [float(cell) % 1 != 0 for cell in _cells(table, mapping.column_of("score")) if cell.strip()]
    return guess_mapping(table, CLASSIFICATION)["label"] == mapping["score"] and _share(fractions) > _SOME


def _has_several_labels(table: Table, mapping: ColumnMapping) -> bool:
    """Three columns of 0 and 1 or more, or cells of several labels that come back in other rows."""
    columns = mapping.all("labels")
    if len(columns) > 1:
        return len(columns) > 2
    cells = _cells(table, mapping.column_of("labels"))
    if mapping.separator in (None, " ") and not all(cell.startswith("[") for cell in cells if cell):
        return False  # words of one label may be parted by spaces
    items = [items_of(cell, mapping.separator) for cell in cells]
    different = {item for each in items for item in each}
    return len(different) <= min(_MOST_CLASSES, len(cells)) and _share(len(each) > 1 for each in items) > _SOME


def _is_text_alone(table: Table, mapping: ColumnMapping) -> bool:
    return len(table.columns) == 1


def _cells(table: Table, name: str) -> list[str]:
    return table.column(name).slice(0, _SAMPLE).to_pylist()


def _share(each: Iterable[bool]) -> float:
    """How many are true, from 0 to 1; 0 of none."""
    found = list(each)
    return sum(found) / len(found) if found else 0.0


# Tried in this order, and the first that speaks wins: the special stands before the general. A new task goes before the
# first one that would also take its tables. The first task of all has no entry: it takes what is left.
SIGNS: dict[str, Callable[[Table, ColumnMapping], bool]] = {
    "question-answering": _is_answered,
    "token-classification": _is_tagged,
    "multiple-choice": _is_choice,
    "regression": _is_scored,
    "multi-label": _has_several_labels,
    "masked-language": _is_text_alone,
}
