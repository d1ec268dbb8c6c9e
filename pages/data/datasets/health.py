"""The health card of a data set: what to fix before training, with safe fixes that are recorded and can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from core.data.csv_safety import escape_formula
from core.data.dataset import steps
from core.data.decisions.fixed import csv_parts, fixed_table, jsonl_parts, selected_data
from core.data.quality.card import Measured, health_card
from core.errors import LabError, counted
from pages.shared.export import csv_button
from pages.shared.on_demand import remembered
from pages.shared.preparation import applied_of, dataset_key, offer_undo
from pages.shared.text import plain

if TYPE_CHECKING:
    from core.data.column_mapping import ColumnMapping
    from core.data.dataset.notices import Finding
    from core.data.dataset.row_selection import RowSelection
    from core.data.quality.card import HealthCard
    from core.data.table import Table
    from pages.shared.preparation import FilePreparation

ICONS = {"fix": ":material/build:", "warn": ":material/visibility:", "good": ":material/check_circle:"}
TITLES = {"fix": "To fix", "warn": "To look at", "good": "Good"}
ON_DEMAND = {  # what takes a while, as `on_demand` and `Measured` call it
    "near": "texts that are nearly the same (Repeats)",
    "tokens": "texts that are cut (Lengths, in tokens)",
    "coverage": "words that the vocabulary lacks (Scripts and signs)",
}
SHOWN_ROWS = 50
USUAL_CAP = 1_000


@st.cache_resource(max_entries=8, show_spinner="Examining the rows …")
def card_of(key: tuple, task: str, _selection: RowSelection, _measured: Measured) -> HealthCard:
    """The findings over some rows; `key` says which these are, and what was measured of them."""
    return health_card(_selection, _measured, task=task)


def show_health(table: Table, mapping: ColumnMapping, preparation: FilePreparation) -> None:
    """The verdict, the findings in order, each with its fix, and the recipe so far."""
    try:
        applied = applied_of(table, mapping, preparation)
    except LabError:  # the fixes do not fit these rows any more, and the way back is below
        offer_undo(preparation)
        raise
    key = dataset_key(table, mapping, preparation)
    known = {name: found for name in ON_DEMAND if (found := remembered((name, *key))) is not None}
    card = card_of((*key, *known), mapping.task, applied.selection, Measured(**known))
    show = st.warning if card.of("fix") else st.info if card.of("warn") else st.success
    show(f"**{plain(card.verdict)}** {counted(card.rows, 'row')} looked at.")
    show_recipe(table, mapping, preparation)
    for severity in ("fix", "warn"):
        for number, finding in enumerate(card.of(severity)):
            show_finding(f"{severity}-{number}", finding, table, mapping, preparation)
    good = card.of("good")
    if good:
        with st.expander(f"{counted(len(good), 'check')} found nothing to fix", icon=ICONS["good"]):
            for finding in good:
                st.markdown(f"- {plain(finding.what)}")
    if unknown := [what for name, what in ON_DEMAND.items() if name not in known]:
        st.caption(f"Told here once another view has counted them: {'; '.join(unknown)}.")
    show_cap(mapping, preparation)
    findings = pd.DataFrame(
        [(TITLES[each.severity], each.what, each.remedy, len(each.rows)) for each in card.findings],
        columns=["Severity", "What", "Remedy", "Rows"],
    )
    with st.container(horizontal=True):
        csv_button("Findings as CSV", findings, "health-card")
        csv_button("The fixed table as CSV", lambda: fixed_file(table, mapping, preparation), "fixed")
        st.download_button(
            "The fixed table as JSONL",
            lambda: fixed_file(table, mapping, preparation, exactly=True),
            "fixed.jsonl",
            "application/jsonl",
            icon=":material/download:",
            on_click="ignore",
            key="jsonl-fixed",
            help="Every cell as it is, to be uploaded again. In the CSV, cells that a spreadsheet would run as a "
            "formula begin with an apostrophe.",
        )


def fixed_file(table: Table, mapping: ColumnMapping, preparation: FilePreparation, *, exactly: bool = False) -> bytes:
    """The table with corrections and fixes: as CSV that a spreadsheet may safely open, or `exactly`, as JSON Lines."""
    fixed = fixed_table(table, mapping, edits=preparation.edits, recipe=preparation.recipe)
    parts = jsonl_parts(fixed) if exactly else csv_parts(fixed, escape=escape_formula)
    return "".join(parts).encode("utf-8", "replace")


def rows_as_they_are(
    table: Table, mapping: ColumnMapping, preparation: FilePreparation, rows: np.ndarray
) -> pd.DataFrame:
    """Some of the rows that are left, with corrected cells and fixed texts, by their numbers in the file."""
    selection = applied_of(table, mapping, preparation).selection
    few = selection.keep(np.isin(selection.row_ids, rows))
    frame = selected_data(preparation.edits.apply(table), mapping, few).to_pandas()
    return frame.set_axis(few.row_ids + 1)


def show_finding(
    key: str, finding: Finding, table: Table, mapping: ColumnMapping, preparation: FilePreparation
) -> None:
    """One finding: what, what to do, the rows, and the safe fix where there is one."""
    with st.container(border=True):
        st.markdown(f"{ICONS[finding.severity]} {plain(finding.what)}")
        st.caption(plain(finding.remedy))
        if finding.step is not None:
            st.button(
                finding.step.title,
                key=f"apply-{key}-{finding.step.kind}",
                on_click=preparation.apply_step,
                args=(finding.step,),
                help="Recorded, and undone with one click: the file itself stays as it is.",
            )
        if len(finding.rows):
            with st.expander(counted(len(finding.rows), "row")):
                frame = rows_as_they_are(table, mapping, preparation, finding.rows[:SHOWN_ROWS].array)
                st.dataframe(frame, alt=f"Rows: {finding.what[:80]}")
                if len(finding.rows) > SHOWN_ROWS:
                    st.caption(f"The first {SHOWN_ROWS} are shown.")


def show_recipe(table: Table, mapping: ColumnMapping, preparation: FilePreparation) -> None:
    """What was applied so far, step by step."""
    if not len(preparation.recipe):
        return
    applied = applied_of(table, mapping, preparation)
    with st.container(border=True):
        st.markdown(f"**Fixes so far**: {len(table):,} rows in the file, {len(applied.selection):,} left.")
        for number, (step, line) in enumerate(zip(preparation.recipe.in_order(), applied.log, strict=True), start=1):
            st.markdown(f"{number}. **{plain(step.title)}**: {plain(line)}")
        if preparation.recipe.in_order() != preparation.recipe.steps and (last := preparation.last_step()) is not None:
            st.caption(f"In the order that loses fewest rows. The one undone first is “{plain(last[1].title)}”.")
        offer_undo(preparation)


def show_cap(mapping: ColumnMapping, preparation: FilePreparation) -> None:
    """Capping classes is a matter of taste, so it is offered and never proposed as a must."""
    if mapping.label_column is None:
        return
    with st.expander("Cap the rows of each label", icon=":material/balance:"):
        st.caption(
            "Leaves at most so many rows of each label, drawn at random. For very uneven labels, or a quick try."
        )
        most = st.number_input("Rows of each label at most", 1, 10_000_000, USUAL_CAP, key="cap-rows", width=240)
        st.button("Cap", on_click=lambda: preparation.apply_step(steps.CapClasses(int(most))))
