"""The steps that a recipe is made of: each takes rows and gives rows, and says in one line what it did.

A step checks its settings at birth (LabError) and is deterministic: chance comes from its own seed. `IN_ORDER` says in
which order they do least harm.
"""

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.data.dataset.browse import natural_key
from core.data.dataset.repeats import with_label
from core.data.dataset.row_selection import RowSelection, is_usable_label
from core.data.views import take
from core.errors import LabError, counted

_ENTITY = r"&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);"  # with its semicolon: in addresses, “&copy=1” is none
_BREAKS = r"(?i)\s*<br\s*/?>(?:\s*<br\s*/?>)*\s*"


@runtime_checkable
class Step(Protocol):
    """One recorded fix: `kind` in files, `title` on screen."""

    kind: ClassVar[str]
    title: ClassVar[str]
    __dataclass_fields__: ClassVar[dict[str, Any]]  # its settings

    def apply(self, selection: RowSelection) -> tuple[RowSelection, str]:
        """The rows afterwards, and what was done in one sentence."""
        ...


@dataclass(frozen=True, slots=True)
class DropEmpty:
    """Leaves out rows without a text; of pairs, also those that lack one of the two."""

    kind: ClassVar[str] = "drop_empty"
    title: ClassVar[str] = "Drop rows without a text"

    def apply(self, selection: RowSelection) -> tuple[RowSelection, str]:
        return _keep(selection, ~selection.blank(), "without a text")


@dataclass(frozen=True, slots=True)
class DropUnlabelled:
    """Leaves out rows whose label is blank, NaN or infinite."""

    kind: ClassVar[str] = "drop_unlabelled"
    title: ClassVar[str] = "Drop rows without a usable label"

    def apply(self, selection: RowSelection) -> tuple[RowSelection, str]:
        codes, names = _labels(selection, self.title)
        return _keep(
            selection, np.array([is_usable_label(name) for name in names], bool)[codes], "without a usable label"
        )


@dataclass(frozen=True, slots=True)
class DropDuplicates:
    """Keeps the first of rows that are equal in text, second text and label. Other labels make other rows."""

    kind: ClassVar[str] = "drop_duplicates"
    title: ClassVar[str] = "Drop exact duplicates"

    def apply(self, selection: RowSelection) -> tuple[RowSelection, str]:
        return _keep(selection, ~repeated(selection), "that repeat an earlier one", one="that repeats an earlier one")


@dataclass(frozen=True, slots=True)
class DropContradictions:
    """Leaves out rows whose text also stands under another label: all of them, or all but the commonest label's.

    `keep="majority"` keeps the rows of the label that most of the equal texts have; where none has more than every
    other, all go. Rows without a text or a usable label contradict nothing, and stay. `by_meaning`: labels that differ
    only in case or white space do not contradict one another (in recipes of earlier days they do).
    """

    keep: Literal["none", "majority"] = "none"
    by_meaning: bool = False
    kind: ClassVar[str] = "drop_contradictions"
    title: ClassVar[str] = "Drop contradictions"

    def __post_init__(self) -> None:
        if self.keep not in ("none", "majority"):
            raise LabError(f"Contradictions cannot be kept by {self.keep!r}.", "Choose “none” or “majority”.")
        if not isinstance(self.by_meaning, bool):
            raise LabError(f"“By meaning” is yes or no; {self.by_meaning!r} came.", "Choose true or false.")

    def apply(self, selection: RowSelection) -> tuple[RowSelection, str]:
        _labels(selection, self.title)
        kept, judged = np.ones(len(selection), bool), selection.judged()
        kept[judged] = self._kept(selection.keep(judged))
        return _keep(selection, kept, "whose text also has another label")

    def _kept(self, selection: RowSelection) -> np.ndarray:
        """Which of rows that all have a text and a label stay: (row,)."""
        codes, names = selection.label_codes()
        codes = meanings(codes, names) if self.by_meaning else codes
        first, rows = selection.first_equal(), len(selection)
        keys, counts = np.unique(first * max(1, len(names)) + codes, return_counts=True)
        texts, labels = np.divmod(keys, max(1, len(names)))  # one entry for each text and label that occur together
        different = np.bincount(texts, minlength=rows)  # labels of each text
        most = np.zeros(rows, np.int64)
        np.maximum.at(most, texts, counts)
        leading = counts == most[texts]
        decided = np.bincount(texts[leading], minlength=rows) == 1
        winner = np.full(rows, -1)
        if self.keep == "majority":
            winner[texts[leading]] = np.where(decided[texts[leading]], labels[leading], -1)
        return (different[first] == 1) | (codes == winner[first])


@dataclass(frozen=True, slots=True)
class CapClasses:
    """Keeps at most so many rows of each label, drawn at random from a seed, in the order of the file."""

    rows: int
    seed: int = 42
    kind: ClassVar[str] = "cap_classes"
    title: ClassVar[str] = "Cap the rows of each label"

    def __post_init__(self) -> None:
        whole = all(isinstance(value, int) and not isinstance(value, bool) for value in (self.rows, self.seed))
        if not whole or self.rows < 1 or self.seed < 0:
            raise LabError(f"Labels cannot be capped at {self.rows!r} rows.", "Give a whole number above 0.")

    def apply(self, selection: RowSelection) -> tuple[RowSelection, str]:
        codes, names = _labels(selection, self.title)
        mixed = np.random.default_rng(self.seed).permutation(len(selection))
        by_label = mixed[np.argsort(codes[mixed], kind="stable")]
        counts = np.bincount(codes, minlength=len(names))
        rank = np.arange(len(selection)) - np.repeat(np.cumsum(counts) - counts, counts)
        return _keep(selection, by_label[rank < self.rows], f"beyond {self.rows:,} of one label")


@dataclass(frozen=True, slots=True)
class DropRows:
    """Leaves out rows that were named one by one, such as near-duplicates or rows that stand in the test file too."""

    rows: tuple[int, ...]
    reason: str = "chosen by hand"
    kind: ClassVar[str] = "drop_rows"
    title: ClassVar[str] = "Drop chosen rows"

    def __post_init__(self) -> None:
        if not all(type(row) is int and 0 <= row < 1 << 31 for row in self.rows):
            raise LabError("The rows to drop are not all row numbers.", "Choose rows of the table.")
        if not isinstance(self.reason, str):
            raise LabError("The reason to drop rows is no text.", "Give it in words.")

    def apply(self, selection: RowSelection) -> tuple[RowSelection, str]:
        return _keep(selection, ~np.isin(selection.row_ids, np.array(self.rows, np.int64)), f"({self.reason})")


@dataclass(frozen=True, slots=True)
class UnescapeHtml:
    """Writes HTML entities, such as `&amp;` or `&#39;`, as the characters they stand for. Changes texts, not rows.

    Each is taken once: `&amp;lt;` becomes `&lt;`.
    """

    kind: ClassVar[str] = "unescape_html"
    title: ClassVar[str] = "Write HTML entities as characters"

    def apply(self, selection: RowSelection) -> tuple[RowSelection, str]:
        return _rewritten(selection, unescaped, "HTML entities were written as characters")


@dataclass(frozen=True, slots=True)
class TidyTexts:
    """Turns HTML line breaks (`<br />`) into a space and takes white space off both ends. Changes texts, not rows."""

    kind: ClassVar[str] = "tidy_texts"
    title: ClassVar[str] = "Tidy white space and HTML line breaks"

    def apply(self, selection: RowSelection) -> tuple[RowSelection, str]:
        return _rewritten(selection, tidied, "White space or line breaks were tidied")


@dataclass(frozen=True, slots=True)
class MergeLabels:
    """Gives labels that differ only in case or white space the spelling that most rows have."""

    kind: ClassVar[str] = "merge_labels"
    title: ClassVar[str] = "Merge labels that differ only in case or spaces"

    def apply(self, selection: RowSelection) -> tuple[RowSelection, str]:
        codes, names = _labels(selection, self.title)
        counts = np.bincount(codes, minlength=len(names)).tolist()
        best: dict[str, str] = {}
        for name, _ in sorted(zip(names, counts, strict=True), key=lambda each: (-each[1], natural_key(each[0]))):
            best.setdefault(spelled_alike(name), name)
        wanted = [best[spelled_alike(name)] for name in names]
        merged = [f"{old!r} → {new!r}" for old, new in zip(names, wanted, strict=True) if old != new]
        if not merged:
            return selection, "No labels differ only in case or spaces."
        labels = pa.array(wanted, pa.string()).take(pa.array(codes))
        shown = ", ".join(merged[:5]) + (f" and {len(merged) - 5:,} more" if len(merged) > 5 else "")
        return replace(
            selection, labels=pa.chunked_array([labels])
        ), f"{counted(len(merged), 'label was', 'labels were')} merged: {shown}."


# Texts and labels get their last form first, since rows are then compared by them: “Good ” beside “good” is no
# contradiction. Contradictions go before repeats, as these are the votes for the label that most have. Caps come last.
IN_ORDER = (
    UnescapeHtml, TidyTexts, MergeLabels, DropEmpty, DropUnlabelled, DropContradictions, DropDuplicates, DropRows,
    CapClasses,
)  # fmt: skip


def repeated(selection: RowSelection) -> np.ndarray:
    """Where a row is equal to an earlier one in text, second text and label: (row,)."""
    return with_label(selection.first_equal(), selection.label_codes()[0]) != np.arange(len(selection))


def unescaped(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts with HTML entities written as characters, by `html.unescape`."""
    found = np.flatnonzero(pc.match_substring_regex(column, _ENTITY).to_numpy())
    if not len(found):
        return column
    entity = re.compile(_ENTITY)
    texts = take(column, found).to_pylist()
    done = pa.array([entity.sub(lambda match: html.unescape(match[0]), text) for text in texts], pa.string())
    which = np.zeros(len(column), bool)
    which[found] = True
    return pa.chunked_array([pc.replace_with_mask(column.combine_chunks(), pa.array(which), done)])


def tidied(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts without HTML line breaks and without white space at both ends."""
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(column, _BREAKS, " "))


def spelled_alike(label: str) -> str:
    """The same for labels that differ only in case and white space.

    >>> spelled_alike(" Very  good") == spelled_alike("very good")
    True
    """
    return " ".join(label.casefold().split())


def meanings(codes: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Numbers of labels, (row,), the same for labels that differ only in case and white space."""
    first: dict[str, int] = {}
    return np.array([first.setdefault(spelled_alike(name), code) for code, name in enumerate(names)], np.int64)[codes]


def _labels(selection: RowSelection, title: str) -> tuple[np.ndarray, tuple[str, ...]]:
    if selection.labels is None:
        raise LabError(
            f"The step “{title}” needs a label column.",
            "Choose the column that holds the label, or take this step back on the page Datasets.",
        )
    return selection.label_codes()


def _rewritten(
    selection: RowSelection, change: Callable[[pa.ChunkedArray], pa.ChunkedArray], done: str
) -> tuple[RowSelection, str]:
    """The rows with changed texts, and in how many of them that was."""
    new = [change(column.arrow) for column in selection.text_columns()]
    changed = np.zeros(len(selection), bool)
    for old, text in zip(selection.text_columns(), new, strict=True):
        changed |= pc.not_equal(old.arrow, text).to_numpy()
    line = f"{done} in {counted(int(changed.sum()), 'row')}."
    return replace(selection, texts=new[0], pairs=new[1] if len(new) > 1 else None), line


def _keep(selection: RowSelection, kept: np.ndarray, which: str, *, one: str | None = None) -> tuple[RowSelection, str]:
    """The rows kept, and how many went; `which` says of several which these are, `one` the same of one alone."""
    after = selection.keep(kept)
    dropped = len(selection) - len(after)
    return after, f"{counted(dropped, f'row {one or which} was', f'rows {which} were')} dropped."
