"""The view of a data set's splits: which rows train, which choose the best moment, and which test at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.data.dataset.repeats import together
from core.data.dataset.splits import PARTS, looks_like_splits, split, split_by_column
from core.data.decisions.saved_splits import save_splits
from core.data.quality.leaks import leaks_within
from core.data.quality.near import join_groups
from core.errors import LabError, counted
from core.tasks import spec_of
from pages.data.datasets.repeats import near_of
from pages.shared.export import csv_button
from pages.shared.preparation import corrected_of
from pages.shared.text import plain, show_error

if TYPE_CHECKING:
    from core.data.column_mapping import ColumnMapping
    from core.data.dataset.dataset import Dataset
    from core.data.dataset.splits import Splits
    from core.data.table import Table
    from pages.shared.preparation import FilePreparation

BY_SHARES, BY_COLUMN = "By shares", "By a column"


def show_splits(
    key: tuple, table: Table, mapping: ColumnMapping, dataset: Dataset, preparation: FilePreparation
) -> None:
    """The kept splits, or ways to make some."""
    asks = bool(spec_of(mapping.task).grouped_by)
    st.markdown(
        "Training rows are learned from, validation rows choose the best moment, test rows give the final score. "
        f"Divided by shares, {'each label keeps its share in all three, and ' if dataset.label_names else ''}equal "
        f"texts{', and questions about one context,' if asks else ''} never stand on two sides."
    )
    kept = preparation.decided.splits
    if kept is not None:
        try:
            show_parts(dataset, kept.restore(dataset))
            st.success("These splits are kept for this file: Fine-tune uses them.")
        except LabError as problem:  # a fix that was undone brought rows back
            show_error(problem)
        st.button("Forget these splits", icon=":material/undo:", on_click=preparation.forget_splits)
        return
    named = [name for name in table.columns if looks_like_splits(table.column(name).unique().to_pylist())]
    how = BY_SHARES
    if named:
        how = st.segmented_control("How", (BY_COLUMN, BY_SHARES), default=BY_COLUMN, required=True, key="split-how")
    if how == BY_COLUMN:
        column = st.selectbox("Column that names the parts", named, key="split-column")
        found = split_by_column(dataset, corrected_of(table, preparation)[column])
        saved = save_splits(dataset, found, how="column", column=column)
    else:
        first, second, third = st.columns(3)
        validation = first.slider("Validation", 5, 40, 10, 5, format="%d %%", key="share-validation") / 100
        test = second.slider("Test", 5, 40, 10, 5, format="%d %%", key="share-test") / 100
        number = third.number_input("Seed", 0, 10_000, 42, key="split-seed", help="The same seed gives the same rows.")
        keeps_near = st.toggle(
            "Keep nearly equal texts together, too",
            key="split-near",
            help="Otherwise a test row can be a training row with one word changed.",
        )
        groups = together(dataset.texts) if asks else None
        if keeps_near:
            near = near_of(key, dataset)
            if near is None:
                return
            groups = join_groups(dataset.first_equal() if groups is None else groups, near)
        shares = (round(1 - validation - test, 4), validation, test)
        found = split(dataset, shares=shares, seed=int(number), groups=groups)
        saved = save_splits(dataset, found, how="shares", shares=shares, seed=int(number), near=keeps_near)
    show_parts(dataset, found)
    # A callback, which runs before the page is drawn: what was seen is kept, also where others kept theirs meanwhile.
    st.button("Keep these splits", type="primary", icon=":material/save:", on_click=preparation.keep, args=(saved,))


def show_parts(dataset: Dataset, splits: Splits) -> None:
    """How many rows stand in each part; of each label, where there are labels."""
    words = ", ".join(f"**{len(positions):,}** {name}" for name, positions in splits.parts())
    st.markdown(f"{counted(len(dataset), 'row')}: {words}.")
    if dataset.label_names:
        st.dataframe(label_counts(dataset, splits), hide_index=True, alt=plain(f"Rows by label and part: {words}"))
    if leaked := len(leaks_within(dataset, splits)):
        st.warning(
            f"Rows to validate or test on that also stand in training, word for word: **{leaked:,}**. "
            "A score over such rows flatters."
        )
    csv_button("Parts as CSV", lambda: rows_by_part(dataset, splits), "splits")


def label_counts(dataset: Dataset, splits: Splits) -> pd.DataFrame:
    """One line a label: its rows in each part."""
    counts = {
        name: pd.Series([dataset.labels[position] for position in positions], dtype="int64").value_counts()
        for name, positions in splits.parts()
    }
    rows = [
        (label, *(int(counts[name].get(number) or 0) for name in PARTS))
        for number, label in enumerate(dataset.label_names)
    ]
    return pd.DataFrame(rows, columns=["Label", *map(str.capitalize, PARTS)])


def rows_by_part(dataset: Dataset, splits: Splits) -> pd.DataFrame:
    """One line a row of the file: its part."""
    rows = [(dataset.row_ids[position] + 1, name) for name, own in splits.parts() for position in own]
    return pd.DataFrame(sorted(rows), columns=["Row", "Part"])
