"""What a person laid over an untouched file, as it is kept now, and the ways to change it. One home for all pages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

import streamlit as st

from core.data import choices
from core.data.draft import draft_of
from core.data.edits import Edits
from core.data.mapping import Mapping
from core.data.preparation import KINDS, Preparation
from core.data.recipe import Recipe
from core.data.saved_splits import SavedSplits
from core.errors import LabError
from pages.shared.text import show_problem, told

if TYPE_CHECKING:
    from core.data.columns import Columns
    from core.data.dataset import Dataset
    from core.data.recipe import Applied
    from core.data.steps import Step
    from core.data.table import ReadOptions, Table


TITLES = {"mapping": "columns", "edits": "corrections", "recipe": "fixes", "splits": "splits"}


@dataclass(frozen=True, slots=True)
class Layers:
    """The decisions about one file. The methods keep others on disk, for the next run of a page.

    reading: how the file was read, as its table says.
    """

    content_hash: str
    preparation: Preparation
    reading: ReadOptions | None = None

    @property
    def edits(self) -> Edits:
        return self.preparation.edits or Edits(self.content_hash)

    @property
    def recipe(self) -> Recipe:
        return self.preparation.recipe or Recipe()

    @property
    def mark(self) -> str:
        """A short name for what changes rows: corrections, fixes, and names of labels."""
        return sha256(replace(self.preparation, splits=None).to_json().encode("utf-8", "replace")).hexdigest()[:16]

    def keep(self, choice: Mapping | Edits | Recipe | SavedSplits) -> None:
        """Keep one decision in place of the one before."""
        told(choices.keep, self.content_hash, choice, self.reading)

    def now(self) -> Layers:
        """As they are kept at this moment: somebody may have changed them in another tab since the page ran."""
        return Layers(self.content_hash, Preparation.of(self.content_hash, self.reading), self.reading)

    def undo_edit(self) -> None:
        told(lambda: self.keep(self.now().edits.undo()))

    def apply_step(self, step: Step) -> None:
        told(lambda: self.keep(self.now().recipe.then(step)))

    def undo_step(self) -> None:
        told(lambda: self.keep(self.now().recipe.undo()))

    def forget_splits(self) -> None:
        choices.forget(self.content_hash, SavedSplits)


def layers_of(table: Table) -> Layers:
    """What is kept for a table's file. What is damaged, or was made for another reading of it, is told and set aside,
    and can be forgotten."""
    kept = {}
    for name, kind in KINDS.items():
        try:
            choice = choices.recall(table.content_hash, kind, table.options)
            if isinstance(choice, Edits):
                choice.apply(table)
            kept[name] = choice
        except LabError as problem:
            show_problem(problem)
            st.caption(f"The {TITLES[name]} that are kept for this file are set aside here.")
            st.button(f"Forget the {TITLES[name]}", on_click=choices.forget, args=(table.content_hash, kind))
    return Layers(table.content_hash, Preparation(**kept), table.options)


def dataset_key(table: Table, columns: Columns, layers: Layers) -> tuple:
    """Says which rows these are, for caches: the file, how it was read, the columns, and what was laid over."""
    return table.content_hash, table.options, columns, layers.mark


@st.cache_resource(max_entries=8, show_spinner="Applying corrections and fixes …")
def _applied(key: tuple, _table: Table, _columns: Columns, _layers: Layers) -> Applied:
    return _layers.recipe.apply(draft_of(_layers.edits.apply(_table), _columns))


def applied_of(table: Table, columns: Columns, layers: Layers) -> Applied:
    """The rows that corrections and fixes leave, unchecked, and a line for each fix; made once. Raises `LabError`."""
    return _applied(dataset_key(table, columns, layers), table, columns, layers)


@st.cache_resource(max_entries=8, show_spinner="Checking the rows …")
def _dataset(key: tuple, _table: Table, _columns: Columns, _preparation: Preparation) -> Dataset:
    return _preparation.dataset(_table, _columns)


def dataset_of(table: Table, columns: Columns, layers: Layers) -> Dataset:
    """Validated rows after corrections and fixes, made once. Raises `LabError` as `build_dataset`."""
    return _dataset(dataset_key(table, columns, layers), table, columns, layers.preparation)
