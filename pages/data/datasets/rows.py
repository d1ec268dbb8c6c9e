"""The rows of a data set: search, filter, sort, and correct a cell. The file itself is never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.data.dataset.browse import IN_FILE, ORDERS, Wanted, rows_wanted
from core.data.dataset.edits import Edits
from core.data.decisions.changes import TypedCell, check_cell, last_of, new_id
from core.data.decisions.changes import correct as correct_cells
from core.errors import LabError, counted
from pages.shared import kept
from pages.shared.export import csv_button
from pages.shared.live_editor import is_typing, live_editor
from pages.shared.preparation import corrected_of
from pages.shared.text import digest, plain, show_error
from pages.shared.url_state import whole_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd

    from core.data.column_mapping import ColumnMapping
    from core.data.table import Table
    from pages.shared.live_editor import Typed
    from pages.shared.preparation import FilePreparation

# Keys of the session state.
FOUND = "rows-found"
PROBLEM = "edit-problem"
EDITOR = "rows"
SHOWN = 200
LATEST = 3  # corrections named below the table
MOST_LABELS = 200  # offered as a filter


def show_rows(
    table: Table, mapping: ColumnMapping, preparation: FilePreparation, labels: Sequence[tuple[str, str]]
) -> None:
    """One page of the rows that were asked for; cells can be corrected in place. `labels`: in the file, and by name."""
    edited = corrected_of(table, preparation)
    rows = found_rows(edited, mapping, choose_rows(dict(labels[:MOST_LABELS])))
    if not len(rows):
        st.info("No row is like that. Try fewer letters (upper and lower case make no difference), or other filters.")
        return
    pages = -(-len(rows) // SHOWN)
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    number = 1
    if pages > 1:
        number = right.number_input(f"Page of {pages:,}", 1, pages, 1, key="rows-page")
    shown = rows[(number - 1) * SHOWN : number * SHOWN]
    left.caption(
        f"{counted(len(rows), 'row')} of {len(table):,}"
        + (f", {(number - 1) * SHOWN + 1:,} to {(number - 1) * SHOWN + len(shown):,} shown" if pages > 1 else "")
        + ". Double-click a text or a label to correct it, or press Enter in it."
    )
    frame = edited.data.take(shown).to_pandas()
    frame.index = shown + 1
    edit_cells(table, frame, shown, mapping, preparation)
    csv_button("All these rows as CSV", lambda: edited.data.take(rows).to_pandas(), "rows")
    show_corrections(preparation)


def found_rows(edited: Table, mapping: ColumnMapping, wanted: Wanted) -> np.ndarray:
    """The rows that were asked for. While somebody types they stay the same ones, also where a correction makes a row
    another than was asked for: rows that move under the hands would take a half-typed text along."""
    question = (edited.content_hash, edited.options, mapping.columns, wanted)
    asked, rows = st.session_state.get(FOUND, (None, None))
    if not (asked == question and is_typing(EDITOR)):
        rows = rows_wanted(edited, mapping, wanted)
    st.session_state[FOUND] = question, rows
    return rows


def choose_rows(labels: dict[str, str]) -> Wanted:
    """Search, filters and order; labels are looked for as in the file, and shown by name."""
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    query = left.text_input("Search all columns", key="search", placeholder="Type words to find", bind="query-params")
    regex = right.toggle(
        "Pattern", key="search-pattern", help="Read the search as a regular expression.", bind="query-params"
    )
    with st.expander("Filter and sort"):
        chosen = []
        if labels:
            chosen = st.multiselect(
                "Labels", list(labels), format_func=labels.__getitem__, key="rows-labels", placeholder="All labels"
            )
        first, second, third = st.columns(3)
        least = whole_number("Words at least", 0, 1_000_000, 0, key="rows-least", place=first)
        most = whole_number("Words at most", 0, 1_000_000, None, key="rows-most", place=second, placeholder="No limit")
        order = third.selectbox("Order", ORDERS, ORDERS.index(IN_FILE), key="rows-order", bind="query-params")
    return Wanted(query, regex, tuple(chosen), least or 0, most, order)


def edit_cells(
    table: Table, frame: pd.DataFrame, rows: np.ndarray, mapping: ColumnMapping, preparation: FilePreparation
) -> None:
    """The rows as a table in which texts and labels can be typed over."""
    own = [name for name in (mapping.text_column, mapping.pair_column, mapping.label_column) if name]

    def correct(typed: list[Typed]) -> None:
        cells = []
        for each in typed:
            cell = TypedCell(int(rows[each.place]), each.column, str(each.value or ""), new_id(kept.author()))
            try:
                check_cell(table, cell)
                cells.append(cell)
            except LabError as problem:  # the others are kept
                st.session_state[PROBLEM] = problem
        if cells:
            preparation.update(Edits, correct_cells(table, cells))

    if PROBLEM in st.session_state:
        show_error(st.session_state.pop(PROBLEM))
    live_editor(
        frame,
        name=EDITOR,
        identity=digest(preparation.content_hash, table.options, rows.tolist(), own),
        on_typed=correct,
        disabled=["_index", *(name for name in frame.columns if name not in own)],
        column_config={mapping.text_column: st.column_config.TextColumn(width="large")},
        height=420,
    )


def show_corrections(preparation: FilePreparation) -> None:
    """How many cells were corrected, which ones last, and the way back."""
    last = preparation.last_correction()
    if last is None:
        return
    with st.container(border=True):
        st.markdown(
            f"**{counted(len(preparation.edits), 'cell')} corrected by hand.** The file itself stays as it was."
        )
        for edit in list(preparation.edits)[: -LATEST - 1 : -1]:
            with st.container(horizontal=True, vertical_alignment="center"):
                is_own = last_of((edit.id,), kept.author()) is not None
                st.caption(
                    f"Row {edit.row + 1:,}, {plain(edit.column)}: “{plain(edit.after[:120])}”"
                    + ("" if is_own else " (made in another tab, or before this page was loaded)"),
                    width="content",
                )
                if edit.id != last.id:
                    st.button(
                        "Undo",
                        key=f"undo-{edit.id}",
                        type="tertiary",
                        on_click=preparation.undo_correction,
                        args=(edit,),
                    )
        st.button(
            "Undo the last correction",
            icon=":material/undo:",
            on_click=preparation.undo_correction,
            args=(last,),
            help=f"Row {last.row + 1:,}, {plain(last.column)}. What others corrected stays.",
        )
