"""Runs: what was trained, how well it does, and trying it on a text of one's own."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core.charts.run_curves import tables_of
from core.reports.report import Report, read_report
from core.runs.folder import Run, delete_run, list_runs
from core.training.plan.plan import Plan
from pages.shared import navigation
from pages.shared.run_curves import choose_curve_style, curves_csv, ended_curves
from pages.shared.run_list import WATCHING, active_runs
from pages.shared.run_view import RESUMABLE, badge, watch
from pages.shared.text import errors_shown, plain, report_errors
from pages.shared.url_state import choose, choose_view, distinct, forget, several
from pages.train.runs.mistakes import show_mistakes
from pages.train.runs.overview import show_overview
from pages.train.runs.predict import show_predict
from pages.train.runs.scores import show_scores
from pages.train.runs.settings import show_differences, show_settings
from pages.train.runs.tasks import view_of
from pages.train.runs.try_it import show_try

MOST_COMPARED = 6
PREDICT = "Predict a file"
VIEWS = ("Scores", "Curves", "Mistakes", "Try it", PREDICT, "Settings and log")


def choose_others(run: Run, runs: list[Run]) -> list[Run]:
    """The runs to be drawn beside this one."""
    others = {other.id: other for other in runs if other.id != run.id}
    titles = {each: other.name for each, other in others.items()}
    most = MOST_COMPARED - 1
    widget = partial(st.multiselect, max_selections=most, placeholder="Choose other runs")
    return [others[each] for each in several("Compare with", titles, key="with", default="", most=most, widget=widget)]


def show_curves(runs: list[Run]) -> None:
    names = distinct({run.id: run.name for run in runs})
    tables = {names[run.id]: tables_of(run.events()) for run in runs}
    style = choose_curve_style(axis="Epoch")  # runs of different batch sizes compare by it
    ended_curves(tables, style)
    curves_csv(lambda: tables, "curves")
    show_differences(runs)


@st.cache_resource(max_entries=8, show_spinner="Reading the predictions …")
def _report(version: tuple[str, int], _run: Run) -> Report:
    return read_report(_run)


def report_of(run: Run) -> Report:
    """What a run has to show, read once for each time it was scored."""
    scores = run.path / "evaluation" / "metrics.json"
    return _report((str(run.path), scores.stat().st_mtime_ns if scores.is_file() else 0), run)


def _delete(run: Run) -> None:
    delete_run(run)
    forget(navigation.RUN)


def show_run(run: Run, runs: list[Run]) -> None:
    status, this = run.status(), {WATCHING: run.id}
    st.subheader(plain(run.name), anchor=False)
    if status.is_active:
        watch(run)
        st.page_link(
            navigation.FINE_TUNE, label="Stop it or start another", icon=":material/arrow_forward:", query_params=this
        )
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{badge(status.state)} {plain(f'{status.message} {status.remedy}')}")
        if status.state in RESUMABLE:
            st.page_link(navigation.FINE_TUNE, label="Resume it", icon=":material/resume:", query_params=this)
        with st.popover("Delete this run", icon=":material/delete:", type="tertiary"):
            st.markdown("The model, its scores and its curves are removed from this machine.")
            st.button("Delete for good", on_click=report_errors, args=(_delete, run))
    report = report_of(run)
    views = VIEWS if report.metrics else ("Curves", "Settings and log")
    if not view_of(report.task).spec.predicts_rows:
        views = tuple(each for each in views if each != PREDICT)
    view = choose_view(views, key=navigation.VIEW[navigation.RUNS])
    if view == "Scores":
        show_scores(run, report, runs)
    elif view == "Curves":
        show_curves([run, *choose_others(run, runs)])
    elif view == "Mistakes":
        show_mistakes(run, report)
    elif view == "Try it":
        show_try(run, Plan.of_record(run.plan_text()).mapping())
    elif view == PREDICT:
        show_predict(run, Plan.of_record(run.plan_text()).mapping())
    else:
        show_settings(run)


st.title("Runs", anchor=False)
st.markdown("Everything that was trained here. Open one to see how well it does, and try it.")
runs = list_runs()
if not runs:
    st.info("Nothing was trained yet.")
    st.page_link(navigation.FINE_TUNE, label="Train a first model", icon=":material/arrow_forward:")
    st.stop()
active_runs(title="Active now")
with errors_shown():
    show_overview(runs)
chosen = choose("Open a run", {run.id: run.name for run in runs}, key=navigation.RUN)
with errors_shown():
    show_run(next(run for run in runs if run.id == chosen), runs)
