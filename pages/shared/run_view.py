"""One run on screen: where it stands, its figures, its curves, its log, all from its folder alone.

While the run is active it is drawn anew every second, in place and without flicker.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.charts.run_curves import tables_of
from core.runs.folder import Run
from core.runs.status import Status
from pages.shared.live_fragment import live_fragment
from pages.shared.run_curves import choose_curve_style, curves_csv, ended_curves, live_curves
from pages.shared.run_figures import duration, show_figures
from pages.shared.run_queue import runs_before
from pages.shared.text import plain

TICK_SECONDS = 1.0
LOG_LINES = 200
LOG_HEIGHT = 320
RESUMABLE = ("stopped", "failed", "lost")
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
    "stopping": "is about to stop",
    "stopped": "was stopped and can be resumed",
    "finished": "is done",
    "failed": "did not finish",
    "lost": "has lost its process",
    "stalled": "gives no sign of life",
}


def watch(run: Run) -> None:
    """The live view: ticks once a second while the run is active, then draws the page once more."""
    active = run.status().is_active
    live_fragment("run", _tick, run, active, seconds=TICK_SECONDS if active else None)
    if run.path.is_dir():
        curves_csv(lambda: {run.name: tables_of(run.events())}, f"curves-{run.id}")


def badge(state: str) -> str:
    """The state of a run as Markdown."""
    return f":{COLOURS[state]}-badge[{state}]"


def progress(status: Status, *, in_full: bool = True) -> None:
    """The bar of a run, once it is known how long it is; in full with the epoch and the time it took so far."""
    if status.total_steps:
        words = [f"Step {status.step:,} of {status.total_steps:,}"]
        if in_full and status.epoch:
            words.append(f"epoch {status.epoch:.2f}")
        if in_full and status.seconds:
            words.append(f"{duration(status.seconds)} so far")
        st.progress(min(status.step / status.total_steps, 1.0), ", ".join(words))


def _tick(run: Run, was_active: bool) -> None:
    status = run.status()
    if was_active and not status.is_active:
        st.rerun()
    if not run.path.is_dir():
        st.info("This run was deleted.", icon=":material/delete:")
        return
    events = run.events()
    tables = tables_of(events)
    notes = [str(event.get("message") or "") for event in events if event.get("kind") == "note"]
    _standing(run, status, notes)
    progress(status)
    show_figures(status, tables)
    if len(tables["train"]) or len(tables["evaluation"]):
        look = choose_curve_style()
        if status.is_active:
            live_curves(tables, look)
        else:
            ended_curves({run.name: tables}, look)
    elif status.state == "running":
        st.caption("The worker is starting: it opens the model and cuts the texts into pieces first.")
    _log(run, notes)


def _standing(run: Run, status: Status, notes: Sequence[str]) -> None:
    is_phase = status.state in ("running", "stopping") and status.message and not status.message.endswith(".")
    now = f": {plain(status.message)}" if is_phase else "."
    st.markdown(f"{badge(status.state)} This run {MEANINGS[status.state]}{now}")
    if status.message and not is_phase:
        st.markdown(plain(f"{status.message} {status.remedy}"))
    if status.state == "queued" and (before := runs_before(run)):
        st.markdown(f"Before it: {', '.join(plain(each) for each in before)}.")
    if notes:
        st.caption(plain(notes[-1]))


def _log(run: Run, notes: Sequence[str]) -> None:
    with st.expander("Log"):
        if notes:
            st.markdown("\n".join(f"- {plain(note)}" for note in notes))
        with st.container(height=LOG_HEIGHT, autoscroll=True, border=False):
            st.code(run.log_tail(LOG_LINES) or "Nothing yet.", language=None, wrap_lines=True)
