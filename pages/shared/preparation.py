"""What a person laid over an untouched file, as it is kept now, and the ways to change it. One home for all pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from core.data.dataset.edits import Edits
from core.data.dataset.recipe import Recipe
from core.data.dataset.row_selection import select_rows
from core.data.decisions.changes import add_step, forget_splits, last_of, new_id, undo_correction, undo_step
from core.data.decisions.preparation import KINDS, Preparation
from core.data.decisions.saved_splits import SavedSplits
from core.errors import LabError
from pages.shared import kept
from pages.shared.text import plain, report_errors, show_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.data.column_mapping import ColumnMapping
    from core.data.dataset.dataset import Dataset
    from core.data.dataset.edits import Edit
    from core.data.dataset.recipe import Applied
    from core.data.dataset.steps import Step
    from core.data.decisions.store import Updated
    from core.data.table import ReadOptions, Table


TITLES = {"mapping": "columns", "edits": "corrections", "recipe": "fixes", "splits": "splits"}


@dataclass(frozen=True, slots=True)
class FilePreparation:
    """The decisions about one file, as a page showed them. The methods change what is kept, for the next run of a page.

    reading: how the file was read, as its table says. reference: where it was opened from.
    """

    content_hash: str
    decided: Preparation
    reading: ReadOptions | None = None
    reference: str = ""

    @property
    def edits(self) -> Edits:
        return self.decided.edits or Edits(self.content_hash)

    @property
    def recipe(self) -> Recipe:
        return self.decided.recipe or Recipe()

    @property
    def digest(self) -> str:
        """A short name for what changes rows: corrections, fixes, and names of labels."""
        return self.decided.digest

    def update(self, kind: type, change: Callable[[Any], Any]) -> Updated:
        """Change what is kept of one kind. Raises LabError."""
        return kept.update(self.content_hash, kind, change, reading=self.reading, reference=self.reference)

    def keep(self, splits: SavedSplits) -> None:
        """Keep splits in the place of those before."""
        report_errors(lambda: kept.save(self.content_hash, splits, reading=self.reading, reference=self.reference))

    def forget_splits(self) -> None:
        """Forget the splits that are shown."""
        if self.decided.splits is not None:
            report_errors(self.update, SavedSplits, forget_splits(self.decided.splits))

    def last_correction(self) -> Edit | None:
        """The correction to take back first: the last of this session; where it made none, the last one shown."""
        edits = {edit.id: edit for edit in self.edits.cells}
        own = last_of(tuple(edits), kept.author())
        return edits[own] if own is not None else next(reversed(edits.values()), None)

    def undo_correction(self, edit: Edit) -> None:
        """Take back one correction; where another was made to its cell since, that one stays, and this is said."""
        report_errors(self._undo_correction, edit)

    def _undo_correction(self, edit: Edit) -> None:
        updated = self.update(Edits, undo_correction(edit.id))
        if updated.before == updated.after:
            kept.tell(
                f"Row {edit.row + 1:,}, {edit.column}: “{edit.after[:80]}” was taken back in another tab already."
            )
            return
        now = None if updated.before is None else updated.before.at(edit.row, edit.column)
        if now is not None and now.id != edit.id:
            kept.tell(
                f"Row {edit.row + 1:,}, {edit.column}: “{edit.after[:80]}” is taken back. It was changed meanwhile to "
                f"“{now.after[:80]}”, which stays."
            )

    def apply_step(self, step: Step) -> None:
        """Record one fix more."""
        report_errors(self.update, Recipe, add_step(step, new_id(kept.author()), shown=self.recipe))

    def last_step(self) -> tuple[str, Step] | None:
        """The fix to take back first, with its id: the last of this session; where it made none, the last one shown."""
        steps = dict(zip(self.recipe.ids, self.recipe.steps, strict=True))
        id = last_of(tuple(steps), kept.author()) or next(reversed(steps), None)
        return None if id is None else (id, steps[id])

    def undo_step(self, id: str) -> None:
        """Take back one fix, by its id."""
        report_errors(self.update, Recipe, undo_step(id))


def preparation_of(table: Table, reference: str = "") -> FilePreparation:
    """What is kept for a table's file. What is damaged, or was made for another reading of it, is told and set aside,
    and can be forgotten; what others changed since this session looked last is said."""
    found = {}
    for name, kind in KINDS.items():
        try:
            choice = kept.load(table.content_hash, kind, table.options)
            if isinstance(choice, Edits):
                _corrected(table, choice)
            found[name] = choice
        except LabError as problem:
            show_error(problem)
            st.caption(f"The {TITLES[name]} that are kept for this file are set aside here.")
            st.button(
                f"Forget the {TITLES[name]}", on_click=report_errors, args=(kept.delete, table.content_hash, kind)
            )
    kept.show_news()
    return FilePreparation(table.content_hash, Preparation(**found), table.options, reference)


def offer_undo(preparation: FilePreparation) -> None:
    """The way back from the last fix, which is there also when the fixes cannot be done any more."""
    if (last := preparation.last_step()) is not None:
        id, step = last
        st.button(
            "Undo the last fix",
            icon=":material/undo:",
            on_click=preparation.undo_step,
            args=(id,),
            help=f"Takes back “{plain(step.title)}”. Fixes of others stay.",
        )


def corrected_of(table: Table, preparation: FilePreparation) -> Table:
    """The table with the corrections in it; made once. Raises `LabError` where they do not fit."""
    return _corrected(table, preparation.edits)


def _corrected(table: Table, edits: Edits) -> Table:
    return _apply_edits((table.content_hash, table.options, edits.digest), table, edits) if len(edits) else table


@st.cache_resource(max_entries=8, show_spinner="Applying corrections …")
def _apply_edits(key: tuple, _table: Table, _edits: Edits) -> Table:
    return _edits.apply(_table)


def dataset_key(table: Table, mapping: ColumnMapping, preparation: FilePreparation) -> tuple:
    """Says which rows these are, for caches: the file, how it was read, the columns, and what was laid over.

    Raises `LabError` where no column is chosen for the text.
    """
    columns = (mapping.text_column, mapping.pair_column, mapping.label_column)
    return table.content_hash, table.options, columns, preparation.digest


@st.cache_resource(max_entries=8, show_spinner="Applying corrections and fixes …")
def _applied(key: tuple, _table: Table, _mapping: ColumnMapping, _preparation: FilePreparation) -> Applied:
    return _preparation.recipe.apply(select_rows(corrected_of(_table, _preparation), _mapping))


def applied_of(table: Table, mapping: ColumnMapping, preparation: FilePreparation) -> Applied:
    """The rows that corrections and fixes leave, unchecked, and a line for each fix; made once. Raises `LabError`."""
    return _applied(dataset_key(table, mapping, preparation), table, mapping, preparation)


@st.cache_resource(max_entries=8, show_spinner="Checking the rows …")
def _dataset(key: tuple, _table: Table, _mapping: ColumnMapping, _preparation: Preparation) -> Dataset:
    return _preparation.dataset(_table, _mapping)


def dataset_of(table: Table, mapping: ColumnMapping, preparation: FilePreparation) -> Dataset:
    """Validated rows after corrections and fixes, made once. Raises `LabError` as `build_dataset`."""
    return _dataset(dataset_key(table, mapping, preparation), table, mapping, preparation.decided)
