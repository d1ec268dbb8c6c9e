"""One run on screen while it trains: where it stands, its curves, its log. Redrawn every second without flicker."""

from __future__ import annotations

import altair
import pandas as pd
import streamlit as st

from core.runs.folder import Run
from core.runs.status import Status
from pages.shared.text import plain

COLOURS = {
    "queued": "gray",
    "running": "blue",
    "stopping": "orange",
    "stopped": "orange",
    "finished": "green",
    "failed": "red",
    "lost": "red",
    "stalled": "orange",
}
MEANINGS = {
    "queued": "waits until the device is free",
    "running": "is at work",
    "stopping": "finishes its step and saves",
    "stopped": "was stopped and can be resumed",
    "finished": "is done",
    "failed": "did not finish",
    "lost": "its process is gone",
    "stalled": "has not reported for a while",
}


def duration(seconds: float) -> str:
    """A time in words: 42 s, 3 min 5 s, 2 h 10 min.

    >>> duration(185)
    '3 min 5 s'
    """
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def by_kind(events: list[dict], kind: str) -> pd.DataFrame:
    """The events of one kind as a table."""
    return pd.DataFrame([event for event in events if event.get("kind") == kind])


def watch(run: Run) -> None:
    """The live view: ticks once a second while the run is active, then draws the page once more."""
    active = run.status().is_active
    st.fragment(_tick, run_every=1.0 if active else None)(run, active)


def _tick(run: Run, was_active: bool) -> None:
    status = run.status()
    events = run.events()
    if was_active and not status.is_active:
        st.rerun()
    now = f": {plain(status.message)}" if status.state == "running" and status.message else "."
    st.markdown(f":{COLOURS[status.state]}-badge[{status.state}] This run {MEANINGS[status.state]}{now}")
    if status.message and status.state != "running":
        st.markdown(plain(f"{status.message} {status.remedy}"))
    if status.total_steps:
        st.progress(min(status.step / status.total_steps, 1.0), f"Step {status.step:,} of {status.total_steps:,}")
    training, evaluation = by_kind(events, "train"), by_kind(events, "evaluation")
    _figures(status, training, evaluation)
    _curves(training, evaluation)
    with st.expander("Log"):
        st.code(run.log_tail(40) or "Nothing yet.", language=None, wrap_lines=True)


def _figures(status: Status, training: pd.DataFrame, evaluation: pd.DataFrame) -> None:
    shown: dict[str, str] = {}
    if len(training):
        last = training.iloc[-1]
        shown["Training loss"] = f"{last['loss']:.3f}"
        shown["Learning rate"] = f"{last['learning_rate']:.1e}"
        shown["Examples per second"] = f"{last['examples_per_second']:,.0f}"
        if status.state in ("running", "stalled"):
            shown["Time left, about"] = duration(last["seconds_left"])
    if len(evaluation):
        last = evaluation.iloc[-1]
        shown["Validation loss"] = f"{last['loss']:.3f}"
        shown["Validation accuracy"] = f"{last['accuracy']:.1%}"
    if not shown and status.state == "running":
        st.caption("The worker is starting: it opens the model and cuts the texts into pieces first.")
    with st.container(horizontal=True):
        for label, value in shown.items():
            st.metric(label, value, width=165)


def _curves(training: pd.DataFrame, evaluation: pd.DataFrame) -> None:
    if training.empty:
        return
    loss = [training[["step", "loss"]].assign(curve="training")]
    if len(evaluation):
        loss.append(evaluation[["step", "loss"]].assign(curve="validation"))
    left, right = st.columns(2)
    with left:
        _line(pd.concat(loss), "loss", "Loss")
    with right:
        if len(evaluation):
            accuracy = evaluation[["step", "accuracy"]].assign(curve="accuracy")
            if "macro_f1" in evaluation:
                f1 = evaluation[["step", "macro_f1"]].rename(columns={"macro_f1": "accuracy"}).assign(curve="macro F1")
                accuracy = pd.concat([accuracy, f1])
            _line(accuracy, "accuracy", "Validation scores")
        else:
            st.caption("Scores on the validation rows appear after the first evaluation.")
    left, right = st.columns(2)
    with left:
        _line(training[["step", "learning_rate"]].assign(curve="learning rate"), "learning_rate", "Learning rate")
    with right:
        speed = training[["step", "examples_per_second"]].assign(curve="examples per second")
        _line(speed, "examples_per_second", "Examples per second")


def _line(table: pd.DataFrame, column: str, title: str) -> None:
    """A line chart that is updated in place: Plotly would blink at every point."""
    several = table["curve"].nunique() > 1
    chart = (
        altair.Chart(table, title=f"{title} by step")
        .mark_line(point={"size": 10}, strokeWidth=1.5)
        .encode(
            altair.X("step:Q", title=None, axis=altair.Axis(tickCount=8, tickMinStep=1, format="d")),
            altair.Y(f"{column}:Q", title=None, scale=altair.Scale(zero=False)),
            altair.Color(
                "curve:N",
                title=None,
                legend=altair.Legend(orient="bottom") if several else None,
            ),
            [altair.Tooltip("curve:N"), altair.Tooltip("step:Q"), altair.Tooltip(f"{column}:Q", format=".4g")],
        )
        .properties(height=280, usermeta={"embedOptions": {"renderer": "svg"}})
    )
    st.altair_chart(chart)
