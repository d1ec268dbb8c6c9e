"""Runs, the settings: the plan and the log of one run, and where the plans of several differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.errors import LabError
from core.training.forms.compare import differing
from core.training.plan.plan import Plan
from pages.shared.data_source import titles_of_sets
from pages.shared.export import csv_button
from pages.shared.url_state import distinct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.runs.folder import Run


def show_settings(run: Run) -> None:
    """The plan as it can be run again, and what the training printed."""
    st.markdown("The plan: `python -m core.training plan.yaml` runs it again without the app.")
    st.code(run.plan_text(), language="yaml")
    st.markdown("The end of the log:")
    st.code(run.log_tail(60) or "Nothing was written.", language=None, wrap_lines=True)


def show_differences(runs: Sequence[Run]) -> None:
    """A row for each setting in which the plans of runs differ, a column for each run; damaged plans are left out."""
    plans = {}
    names = distinct({run.id: run.name for run in runs})
    for run in runs:
        try:
            plans[names[run.id]] = Plan.of_record(run.plan_text())
        except LabError:
            continue
    if len(plans) < 2:
        return
    found = differing(list(plans.values()))
    if not found:
        st.caption("These runs had the same settings.")
        return
    st.markdown("**Where their settings differ**")
    titles = titles_of_sets()
    rows = [[title, *(titles.get(value, value) for value in values)] for title, values in found.items()]
    table = pd.DataFrame(rows, columns=["Setting", *plans])
    st.dataframe(table, hide_index=True, alt="Settings in which the runs differ")
    csv_button("Settings as CSV", table, "settings")
