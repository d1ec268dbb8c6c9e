"""The list of runs: what each has learned, how it is doing, and its main score beside what had to be beaten."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.reports.figures import figures_of
from core.reports.report import task_of
from core.runs.folder import Run
from core.tasks import SPECS, written
from pages.shared.export import csv_button
from pages.shared.run_view import duration

WITH_WARNING = "finished, with a warning"  # such as a loss that ran away; the run itself says which


def overview(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a run, newest first."""
    rows = []
    for run in runs:
        status, task = run.status(), task_of(run)
        main = next(iter(figures_of(task, run.metrics())), None)
        has_baseline = main is not None and main.baseline is not None
        rows.append(
            {
                "Run": run.name,
                "Task": SPECS[task].title if task in SPECS else "",
                "State": WITH_WARNING if status.state == "finished" and status.message else status.state,
                "Score": f"{main.metric.title} {written(main.name, main.value)}" if main else "",
                "Baseline": written(main.name, main.baseline) if has_baseline else "",
                "Progress": status.step / status.total_steps if status.total_steps else 0.0,
                "Started": datetime.datetime.fromtimestamp(status.started) if status.started else None,
                "Time": duration(status.seconds) if status.seconds else "",
            }
        )
    return pd.DataFrame(rows)


def show_overview(runs: Sequence[Run]) -> None:
    """The table of all runs."""
    table = overview(runs)
    st.dataframe(
        table,
        hide_index=True,
        placeholder="",
        column_config={
            "Run": st.column_config.Column(width="medium"),
            "Progress": st.column_config.ProgressColumn(format="percent"),
            "Score": st.column_config.Column(help="The main score of the task, on rows that were never trained on"),
            "Baseline": st.column_config.Column(help="What answering without a model gives, such as the commonest"),
            "Started": st.column_config.DatetimeColumn(format="D MMM, HH:mm"),
        },
        alt="All runs",
    )
    csv_button("Runs as CSV", table, "runs")
