"""The mistakes of a finished run, the worst first: as a table, or with the words marked where they stand."""

from __future__ import annotations

import streamlit as st

from core.errors import counted
from core.reports.report import Report, export_predictions
from core.runs.folder import Run
from pages.shared.export import csv_button
from pages.train.runs.tasks import view_of


def show_mistakes(run: Run, report: Report) -> None:
    """What went wrong, and all predictions to take home."""
    if not report.predictions:
        st.info("There are no scored rows in the folder of this run (any more).")
        return
    view, mistakes = view_of(report.task), report.mistakes
    rows = counted(len(report.predictions), view.spec.noun)
    unit = "entities" if report.metrics.get("unit") == "entity" else "tags"
    intro = view.mistakes_intro if mistakes else "Nothing is wrong in {rows}."
    st.markdown(f"**{intro.format(wrong=f'{len(mistakes):,}', rows=rows, unit=unit)}**")
    view.show_mistakes(mistakes)
    csv_button("All predictions as CSV", lambda: export_predictions(run), "predictions")
    st.caption("The CSV counts rows from 0, as all files of a run do.")
