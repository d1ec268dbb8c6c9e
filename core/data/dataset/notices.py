"""What checks find, and how it is said to a person: findings with their rows and remedies, and sentences about texts,
labels and repeats, with row numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from core.data.dataset.repeats import groups_of, with_label
from core.data.dataset.row_selection import rows_in_words
from core.data.dataset.steps import Step, meanings, spelled_alike
from core.data.table import is_number
from core.data.views import Numbers, Strings
from core.errors import LabError, counted

MANY_LABELS = 200
FEW_ROWS = 100
Severity = Literal["good", "warn", "fix"]
_ORDER = {"fix": 0, "warn": 1, "good": 2}
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found.

    key: names the check. what: a sentence with counts. rows: 0-based rows of the file, all of them.
    severity: "fix" before training, "warn" at it, or "good". remedy: what to do, "" for a good one.
    step: a safe fix that a recipe can hold, or None when only a person can fix it.
    """

    key: str
    severity: Severity
    what: str
    rows: Numbers = field(default_factory=lambda: Numbers(()))
    remedy: str = ""
    step: Step | None = None

    @property
    def fix(self) -> str | None:
        """The name of the safe fix, or None."""
        return None if self.step is None else self.step.kind


def numbers(rows: "Iterable[int] | np.ndarray") -> Numbers:
    """Row ids in rising order, each once."""
    return Numbers(np.unique(np.asarray(rows if isinstance(rows, np.ndarray) else list(rows), np.int64)))


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """What must be fixed first, then what to look at, then what is good; otherwise as they came."""
    return tuple(sorted(findings, key=lambda finding: _ORDER[finding.severity]))


def shown(names: Sequence[str], most: int = 5) -> str:
    """Names in quotes, the first few.

    >>> shown(["a", "b", "c"], 2)
    "'a', 'b' and 1 more"
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(repr(name[:80]) for name in names[:most]) + more


def about_texts(column: str, texts: Strings, words: np.ndarray, row_ids: np.ndarray) -> list[str]:
    """What to say of a column of texts; `words` and `row_ids` are those of each text."""
    notices = []
    empty = np.flatnonzero(words == 0)
    if len(empty):
        notices.append(f"Column {column!r} has no text in {rows_in_words(row_ids[empty])}.")
    filled = [text for text in texts[:1000] if text.strip()]
    if filled and sum(map(is_number, filled)) > 0.9 * len(filled):
        notices.append(f"Column {column!r} holds numbers rather than text; they are read as written.")
    return notices


def about_number(rows: int, row: str = "row") -> list[str]:
    """What to say of how many rows there are."""
    if not 0 < rows < FEW_ROWS:
        return []
    return [f"{counted(rows, row)} {'is' if rows == 1 else 'are'} enough to try the steps, too few to learn from."]


def about_labels(names: Sequence[str], counts: Sequence[int]) -> list[str]:
    """What to say of labels and how often each occurs."""
    notices = []
    if len(names) > MANY_LABELS:
        notices.append(f"There are {len(names):,} different labels; check that this is the label column.")
    single = [name for name, count in zip(names, counts, strict=True) if count == 1]
    if single:
        shown = ", ".join(repr(name) for name in single[:_SHOWN]) + (" and more" if len(single) > _SHOWN else "")
        notices.append(
            f"Labels with one row only can be learned or tested, but not both; here {len(single):,}: {shown}."
        )
    for group in labels_alike(names):
        notices.append(f"These labels look alike but count as different: {', '.join(map(repr, group))}.")
    return notices


def labels_alike(names: Sequence[str]) -> list[list[str]]:
    """Labels that differ only in case, white space or the way a number is written: "01" and "1"."""
    alike: dict[str, list[str]] = {}
    for name in names:
        plain = spelled_alike(name)
        alike.setdefault(f"{float(plain):g}" if is_number(plain) else plain, []).append(name)
    return [group for group in alike.values() if len(group) > 1]


def about_duplicates(first: np.ndarray, labels: np.ndarray, names: Sequence[str], row_ids: np.ndarray) -> list[str]:
    """Refuse when all examples are the same; tell of repeats, and of equal texts with different labels.

    `first` is for each example the first with the same text. Raises LabError.
    """
    rows = np.arange(len(first))
    if len(first) > 1 and not first.any():
        raise LabError("All rows hold the same text.", "Choose the column that holds the texts.")
    notices = []
    if repeats := int((with_label(first, labels) != rows).sum()):
        what = "an earlier one" if len(labels) else "the text of an earlier one"
        verb = counted(repeats, "row repeats", "rows repeat")
        notices.append(f"{verb} {what}; a split by shares keeps repeats together.")
    clashing = contradicting(groups_of(first), labels, names)
    if clashing:
        where = rows_in_words(row_ids[clashing[0]])
        texts = counted(len(clashing), "text occurs", "texts occur")
        notices.append(f"{texts} with different labels, such as the one in {where}.")
    return notices


def contradicting(groups: Sequence[np.ndarray], labels: np.ndarray, names: Sequence[str]) -> list[np.ndarray]:
    """The groups whose members have different labels: others than those that differ only in case and white space."""
    if not len(labels):
        return []
    labels = meanings(labels, names)
    return [group for group in groups if (labels[group] != labels[group[0]]).any()]
