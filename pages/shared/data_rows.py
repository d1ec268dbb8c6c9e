"""The rows of a data set: search, filter, sort, and correct a cell. The file itself is never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.data.browse import IN_FILE, ORDERS, Wanted, rows_wanted
from core.errors import LabError
from pages.shared.export import csv_button
from pages.shared.text import counted, digest, plain, show_problem
from pages.shared.url_state import whole_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd

    from core.data.columns import Columns
    from core.data.table import Table
    from pages.shared.data_layers import Layers

SHOWN = 200
MOST_LABELS = 200  # offered as a filter


def show_rows(table: Table, columns: Columns, layers: Layers, labels: Sequence[tuple[str, str]]) -> None:
    """One page of the rows that were asked for; cells can be corrected in place. `labels`: in the file, and by name."""
    edited = layers.edits.apply(table)
    rows = rows_wanted(edited, columns, choose_rows(dict(labels[:MOST_LABELS])))
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
    edit_cells(table, frame, shown, columns, layers)
    csv_button("All these rows as CSV", lambda: edited.data.take(rows).to_pandas(), "rows")
    show_corrections(layers)


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
                "Labels", list(labels), format_func=labels.get, key="rows-labels", placeholder="All labels"
            )
        first, second, third = st.columns(3)
        least = whole_number("Words at least", 0, 1_000_000, 0, key="rows-least", place=first)
        most = whole_number("Words at most", 0, 1_000_000, None, key="rows-most", place=second, placeholder="No limit")
        order = third.selectbox("Order", ORDERS, ORDERS.index(IN_FILE), key="rows-order", bind="query-params")
    return Wanted(query, regex, tuple(chosen), least, most, order)


def edit_cells(table: Table, frame: pd.DataFrame, rows: np.ndarray, columns: Columns, layers: Layers) -> None:
    """The rows as a table in which texts and labels can be typed over."""
    own = [name for name in (columns.text, columns.pair, columns.label) if name]
    undone = st.session_state.setdefault("corrections-undone", 0)
    key = f"rows-{undone}-{digest(layers.content_hash, table.options, rows.tolist(), own)}"
    if key not in st.session_state:  # while somebody types, the table must not begin anew at each correction
        st.session_state["rows-frame"] = frame

    def correct() -> None:
        try:
            edits = layers.now().edits
            for place, cells in st.session_state[key]["edited_rows"].items():
                for column, value in cells.items():
                    edits = edits.set(table, int(rows[int(place)]), column, "" if value is None else str(value))
            layers.keep(edits)
        except LabError as problem:
            st.session_state["edit-problem"] = problem

    if "edit-problem" in st.session_state:
        show_problem(st.session_state.pop("edit-problem"))
    st.data_editor(
        st.session_state["rows-frame"],
        key=key,
        on_change=correct,
        disabled=["_index", *(name for name in frame.columns if name not in own)],
        column_config={columns.text: st.column_config.TextColumn(width="large")},
        height=420,
    )


def show_corrections(layers: Layers) -> None:
    """How many cells were corrected, and the way back."""
    if not len(layers.edits):
        return
    with st.container(border=True):
        st.markdown(f"**{counted(len(layers.edits), 'cell')} corrected by hand.** The file itself stays as it was.")
        latest = list(layers.edits)[-3:]
        for edit in latest:
            st.caption(f"Row {edit.row + 1:,}, {plain(edit.column)}: “{plain(edit.after[:120])}”")
        st.button("Undo the last correction", icon=":material/undo:", on_click=undo, args=(layers,))


def undo(layers: Layers) -> None:
    """Take the last correction back, also in the table on the screen."""
    st.session_state["corrections-undone"] = st.session_state.get("corrections-undone", 0) + 1
    layers.undo_edit()
