"""The scores of a finished run: figures with their certainty beside what has to be beaten, then tables of its own."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.errors import counted
from core.reports.compare import scored_rows
from core.reports.figures import Figure, figures_of
from core.reports.report import Report, task_of
from core.runs.folder import Run
from core.tasks import written
from pages.shared.text import plain
from pages.train.runs.tasks import view_of

CARD_WIDTH = 150  # px: five in a row at 1280
MOST_TABLED = 20


def show_scores(run: Run, report: Report, runs: Sequence[Run]) -> None:
    """All scores of one run, and those of other runs of the same task."""
    figures = figures_of(report.task, report.metrics)
    view = view_of(report.task)
    kind = f"{report.metrics.get('split', 'held-out')} {view.spec.noun}"
    with st.container(horizontal=True):
        for each in figures:
            _card(each)
        _rows_card(report, view.spec.noun)
    for each in figures:
        if each.baseline is not None:
            st.markdown(in_words(each, plain(kind)))
    view.show_more_scores(run, report)
    _compare(run, runs, report.task)


def in_words(each: Figure, kind: str) -> str:
    """A score, how sure it is and whether it beats its baseline, as sentences in Markdown.

    >>> in_words(Figure("f1", 0.834, (0.815, 0.852), 0.5, "guessing"), "row")
    '**F1 0.834**, between 0.815 and 0.852 with 95% certainty, by resampling the rows. It beats guessing (0.500).'
    """
    words = f"**{each.metric.title} {written(each.name, each.value)}**"
    if each.count is not None:
        right, rows = each.count
        words += f" ({right:,} of {counted(rows, kind)})"
    if each.interval is not None:
        low, high = (written(each.name, edge) for edge in each.interval)
        way = f"resampling the {kind}s" if each.count is None else "Wilson's interval for shares"
        words += f", between {low} and {high} with 95% certainty, by {way}"
    words += "."
    if each.is_unsure:
        words += f" How sure that is cannot be told: every resample of the {kind}s gives the same value."
    rival = f"{each.rival} ({written(each.name, each.baseline)})"
    if each.is_clear or (each.interval is None and not each.is_unsure and each.gain > 0):
        return f"{words} It beats {rival}."
    if each.gain > 0 and each.is_unsure:
        return f"{words} It is better than {rival} here."
    if each.gain > 0:
        return f"{words} :orange[That may be chance]: {rival} lies within these bounds."
    return f"{words} :red[It does not beat] {rival}."


def _card(each: Figure) -> None:
    metric = each.metric
    bounds, help = None, metric.meaning
    if each.interval is not None:
        bounds = " to ".join(written(each.name, edge) for edge in each.interval)
        way = "resampling the rows" if each.count is None else "Wilson's interval for shares"
        help += f" Below it the bounds between which it lies with 95% certainty, by {way}."
    elif each.is_unsure:
        bounds, help = "no interval", f"{help} Every resample of the rows gives the same, so there are no bounds."
    st.metric(
        metric.title,
        written(each.name, each.value),
        bounds,
        delta_color="off",
        delta_arrow="off",
        help=help.strip() or None,
        width=CARD_WIDTH,
    )


def _rows_card(report: Report, kind: str) -> None:
    scores = report.metrics
    split = plain(str(scores.get("split", "held-out")))
    st.metric(f"{kind.capitalize()}s", f"{scores.get('rows', 0):,}", help=f"Of the {split} split, never trained on.")


def _compare(run: Run, runs: Sequence[Run], task: str) -> None:
    """The figures of all finished runs of one task, this one first."""
    same = [other for other in runs if other.id != run.id and other.metrics() and task_of(other) == task]
    if not same:
        return
    st.markdown("**Beside other runs of this task**")
    own = scored_rows(run)
    rows = []
    for each in (run, *same[: MOST_TABLED - 1]):
        figures = {one.metric.title: written(one.name, one.value) for one in figures_of(task, each.metrics())}
        is_same = each.id == run.id or (own is not None and scored_rows(each) == own)
        rows.append({"Run": each.name, **figures, "Same rows": is_same})
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config={"Same rows": st.column_config.CheckboxColumn(help="Scored on the same rows of the same file")},
        alt="Scores of runs of the same task",
    )
    if not all(row["Same rows"] for row in rows):
        st.caption("Scores compare only where runs were scored on the same rows.")
