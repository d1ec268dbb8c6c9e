"""The scores of each class on its own: which are taken for which, and precision, recall and F1."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.charts.confusion import confusion_matrix
from core.reports.report import Report
from core.tasks import written
from pages.shared.export import csv_button, figure

MOST_NAMED = 60  # labels of a confusion matrix that can still be read


def show_confusion(report: Report, *, unit: str = "rows") -> None:
    """The confusion matrix; `unit` is what it counts, in the plural."""
    if 0 < len(report.label_names) <= MOST_NAMED:
        matrix = confusion_matrix(report.confusion, report.label_names, unit=unit)
        figure(matrix, key="confusion", alt="Confusion matrix")
    elif report.label_names:
        st.caption(f"A confusion matrix of {len(report.label_names):,} labels would not be readable.")


def show_per_class(report: Report, title: str) -> None:
    """A line for each class."""
    table = pd.DataFrame(report.metrics.get("per_class", ()))
    if table.empty:
        return
    st.markdown(f"**{title}**")
    table = _with_intervals(table)
    table.columns = [name[:1].upper() + name[1:] for name in table.columns]
    digits = {name: st.column_config.NumberColumn(format="%.3f") for name in ("Precision", "Recall", "F1")}
    help = "Between these bounds it lies with 95% certainty, by Wilson's interval for shares."
    digits |= {f"{name} 95%": st.column_config.Column(help=help) for name in ("Precision", "Recall")}
    st.dataframe(table, hide_index=True, column_config=digits, alt=f"Precision, recall and F1, {title.lower()}")
    csv_button(f"{title} as CSV", table, title.lower().replace(" ", "-"))


def _with_intervals(table: pd.DataFrame) -> pd.DataFrame:
    """The bounds of precision and recall beside them, as words; a label without any of its rows has none."""
    for name in ("precision", "recall"):
        if (own := f"{name}_interval") in table:
            bounds = [
                "" if edges is None else " to ".join(written(name, edge) for edge in edges) for edges in table.pop(own)
            ]
            table.insert(table.columns.get_loc(name) + 1, f"{name} 95%", bounds)
    return table
