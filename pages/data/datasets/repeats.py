"""The view of a data set's repeats: equal texts, nearly equal ones, contradictions, and what another set gives away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.data.column_mapping import CLASSIFICATION
from core.data.dataset import steps
from core.data.dataset.dataset import build_dataset
from core.data.quality.card_texts import WHOLE_IN_SELECTION
from core.data.quality.leaks import find_leaks
from core.data.quality.near import THRESHOLD, near_duplicates
from core.errors import LabError, counted
from pages.shared import data_source
from pages.shared.column_mapping import choose_columns
from pages.shared.export import csv_button
from pages.shared.on_demand import by_share, on_demand
from pages.shared.reading_options import read_source
from pages.shared.text import plain

if TYPE_CHECKING:
    from core.data.column_mapping import ColumnMapping
    from core.data.dataset.dataset import Dataset
    from core.data.quality.near import NearPair
    from core.data.quality.profile import Profile
    from core.data.table import Table
    from pages.shared.preparation import FilePreparation

SHOWN_GROUPS, SHOWN_ROWS = 50, 200
UNASKED_ROWS = 3_000
MOST_COMPARED = 200_000  # rows: beyond them looking for near-duplicates would take too much memory
NOTHING = "(none)"


def show_repeats(
    reference: str, key: tuple, mapping: ColumnMapping, dataset: Dataset, profile: Profile, preparation: FilePreparation
) -> None:
    """Equal texts, contradictions, near-duplicates and leaks, one below the other."""
    title, says = "Rows that repeat an earlier one", "text and label"
    if not dataset.label_names:
        title, says = "Rows that repeat the text of an earlier one", "text"
    groups = counted(len(profile.duplicates), "group")
    meaning = (
        f"{groups} of rows with the same {says}. They count double in training. A split by shares never parts them."
    )
    _show_groups(title, profile.duplicate_rows, profile.duplicates, dataset, meaning)
    if profile.duplicates and mapping.task in WHOLE_IN_SELECTION:
        st.button(
            "Drop exact duplicates",
            key="drop-duplicates",
            on_click=preparation.apply_step,
            args=(steps.DropDuplicates(),),
        )
    _show_groups(
        "Texts under different labels", len(profile.contradictions), profile.contradictions, dataset,
        "No model can get all of them right: correct the labels, or drop these rows. Labels that differ only in case "
        "or spaces count as one here.",
    )  # fmt: skip
    if profile.contradictions:
        st.button(
            "Keep the label that most have",
            on_click=preparation.apply_step,
            args=(steps.DropContradictions("majority", by_meaning=True),),
        )
    show_near(key, dataset, preparation)
    show_leaks(reference, key, dataset, preparation)


def _show_groups(title: str, count: int, groups: tuple[tuple[int, ...], ...], dataset: Dataset, meaning: str) -> None:
    st.markdown(f"**{title}**: {count:,}")
    if not groups:
        return
    st.caption(meaning)
    rows = [position for group in groups[:SHOWN_GROUPS] for position in group][:SHOWN_ROWS]
    frame = examples(dataset, rows)
    st.dataframe(frame, hide_index=True, alt=title)
    csv_button(
        f"{title} as CSV", lambda: examples(dataset, [p for g in groups for p in g]), title.lower().replace(" ", "-")
    )


def examples(dataset: Dataset, positions: list[int]) -> pd.DataFrame:
    """Rows of the file, counted from 1, with label and text."""
    columns: dict[str, list] = {"Row": [dataset.row_ids[position] + 1 for position in positions]}
    if dataset.label_names:
        columns["Label"] = [dataset.label_names[dataset.labels[position]] for position in positions]
    columns["Text"] = [dataset.texts[position][:2_000] for position in positions]
    if dataset.pairs is not None:
        columns["Second text"] = [dataset.pairs[position][:2_000] for position in positions]
    return pd.DataFrame(columns)


def show_near(key: tuple, dataset: Dataset, preparation: FilePreparation) -> None:
    """Texts that are nearly the same, found when somebody asks."""
    found = near_of(key, dataset)
    if found is None:
        return
    st.markdown(f"**Nearly the same text**: {counted(len(found), 'pair')}")
    st.caption(
        f"At least {THRESHOLD:.0%} of the runs of two words are shared (Jaccard similarity, found by MinHash, then "
        "measured exactly)."
    )
    if not found:
        return
    shown = sorted(found, key=lambda pair: -pair.similarity)
    frame = pairs_table(dataset, shown[:SHOWN_ROWS])
    st.dataframe(frame, hide_index=True, alt="Pairs of texts that are nearly the same")
    csv_button("All pairs as CSV", lambda: pairs_table(dataset, shown), "near-duplicates")
    later = tuple(sorted({dataset.row_ids[pair.second] for pair in found}))
    st.button(
        f"Drop the later one of each ({counted(len(later), 'row')})",
        on_click=preparation.apply_step,
        args=(steps.DropRows(later, "nearly the same as an earlier one"),),
    )


def near_of(key: tuple, dataset: Dataset) -> tuple[NearPair, ...] | None:
    """The near pairs, remembered or found; None until somebody asks."""
    rows = len(dataset)
    if rows > MOST_COMPARED:
        st.caption(f"Nearly equal texts are looked for in up to {MOST_COMPARED:,} rows.")
        return None
    return on_demand(
        "near",
        ("near", *key),
        lambda progress: near_duplicates(dataset, on_progress=by_share(progress, rows)),
        button="Look for texts that are nearly the same",
        words=f"Compares {counted(rows, 'row')} by their words.",
        doing="Comparing texts:",
        unasked=rows <= UNASKED_ROWS,
    )


def pairs_table(dataset: Dataset, pairs: list[NearPair]) -> pd.DataFrame:
    """One row a pair."""
    return pd.DataFrame(
        [
            (
                dataset.row_ids[pair.first] + 1,
                dataset.row_ids[pair.second] + 1,
                pair.similarity,
                dataset.texts[pair.first][:1_000],
                dataset.texts[pair.second][:1_000],
            )
            for pair in pairs
        ],
        columns=["Row", "Other row", "Similarity", "Text", "Other text"],
    )


def show_leaks(reference: str, key: tuple, dataset: Dataset, preparation: FilePreparation) -> None:
    """Rows of another data set that stand in this one."""
    st.markdown("**Does a test set repeat these rows?**")
    titles = {NOTHING: "No other set"} | data_source.titles_of_sets(leave_out=reference)
    other = st.selectbox("Compare with", list(titles), format_func=titles.__getitem__, key="leaks-with")
    if other == NOTHING:
        return
    table = read_source(other)
    chosen = choose_columns(CLASSIFICATION, other, table)
    data_source.tell_untouched(table)
    other_key = (table.content_hash, table.options, chosen.columns)
    test, strange = _other_set((*key, *other_key), table, chosen, dataset, preparation)
    rows = len(dataset) + len(test)
    found = on_demand(
        "leaks",
        ("leaks", *key, *other_key),
        lambda progress: find_leaks(dataset, test, on_progress=by_share(progress, rows)),
        button="Compare the two",
        words=f"Compares {counted(rows, 'row')} by their words.",
        doing="Comparing texts:",
        unasked=rows <= UNASKED_ROWS,
    )
    if found is None:
        return
    is_comparable = test.label_names and dataset.label_names and not strange
    under = f", {len(found.other_labels):,} of them under another label" if is_comparable else ""
    st.markdown(
        f"**{counted(len(found.exact), 'row')}** of {len(test):,} in “{plain(titles[other])}” stand here word for word "
        f"({found.exact_share:.1%}){under}; {counted(len(found.near), 'more pair')} are nearly the same. "
        "A score over such rows flatters."
    )
    if strange:
        st.caption(plain(strange))
    if len(found.exact):
        leaked = set(found.exact)
        csv_button(
            "Leaked rows as CSV",
            lambda: examples(test, [position for position, row in enumerate(test.row_ids) if row in leaked]),
            "leaks",
        )


@st.cache_resource(max_entries=8, show_spinner="Checking the rows …")
def _other_set(
    key: tuple, _table: Table, _mapping: ColumnMapping, _dataset: Dataset, _preparation: FilePreparation
) -> tuple[Dataset, str]:
    """Another set under the labels of this one; where it has others, under its own, and in words which these are."""
    strange = ""
    if _mapping.label_column is not None and _dataset.label_names:
        try:
            return _preparation.decided.dataset_of_other(_table, _mapping, _dataset.label_names), strange
        except LabError as problem:
            strange = problem.problem
    return build_dataset(_table, _mapping), strange
