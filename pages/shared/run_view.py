"""One run on screen: where it stands, its figures, its curves, its log, all from its folder alone.

While the run is active it is drawn again every second, in place and without flicker.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from core.charts.run_curves import Tables, score_names, tables_of
from core.errors import LabError
from core.runs.folder import Run, open_run
from core.runs.queue import queue_of
from core.runs.status import Status, read_json
from core.tasks import metric_of, written
from pages.shared.live_fragment import live_fragment
from pages.shared.run_curves import choose_curve_style, curves_csv, ended_curves, live_curves
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
LARGE_WIDTH, WIDE = 165, 250  # px, the second for long names
LONG_NAME = 21  # characters
SMALL_WIDTH = 148

# Field of the training events, what people read, how it is written, and what it means.
SMALL: tuple[tuple[str, str, Callable[[float], str], str], ...] = (
    ("examples_per_second", "Examples per second", "{:,.0f}".format, "Rows trained on, since the point before."),
    ("tokens_per_second", "Tokens per second", "{:,.0f}".format, "Tokens without padding."),
    ("learning_rate", "Learning rate", "{:.2g}".format, "How far a step may move the weights, by the schedule."),
    ("gradient_norm", "Gradient norm", "{:.3g}".format, "The length of the gradient, before it is clipped."),
    ("padding_share", "Padding", "{:.1%}".format, "The share of all tokens that only fill up a batch: wasted work."),
    ("memory_bytes", "Device memory", lambda size: f"{size / 1e9:.2f} GB", "What the training holds on its device."),
    ("utilisation", "Device in use", "{:.0%}".format, "The share of the time in which the device computes."),
)

Shown = tuple[str, str, str]  # what people read, its value, what it means


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
        style = choose_curve_style()
        if status.is_active:
            live_curves(tables, style)
        else:
            ended_curves({run.name: tables}, style)
    elif status.state == "running":
        st.caption("The worker is starting: it opens the model and cuts the texts into tokens first.")
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


def latest(tables: Tables, kind: str, field: str) -> float | None:
    """The last value known of a field; None where no event carries it."""
    table = tables[kind]
    return float(table[field].dropna().iloc[-1]) if field in table else None


def large_figures(status: Status, tables: Tables) -> list[Shown]:
    """What matters most: the time left, the losses, the first validation score. What is not known is left out."""
    figures = [
        ("Training loss", latest(tables, "train", "loss"), "{:.3f}".format, "Over the batches since the point before."),
        ("Validation loss", latest(tables, "evaluation", "loss"), "{:.3f}".format, "On rows that are not trained on."),
    ]
    if status.state in ("running", "stalled"):
        left = latest(tables, "train", "seconds_left")
        figures.insert(0, ("Time left, about", left, duration, "At the speed so far."))
    known = [(label, write(value), meaning) for label, value, write, meaning in figures if value is not None]
    return known + [_score(tables, name) for name in score_names(tables)[:1]]


def small_figures(tables: Tables) -> list[Shown]:
    """Further validation scores, then what the training is busy with."""
    scores = [_score(tables, name) for name in score_names(tables)[1:]]
    known = ((label, latest(tables, "train", field), write, meaning) for field, label, write, meaning in SMALL)
    return scores + [(label, write(value), meaning) for label, value, write, meaning in known if value is not None]


def show_figures(status: Status, tables: Tables) -> None:
    """The latest figures, large and small."""
    with st.container(horizontal=True):
        for label, value, meaning in large_figures(status, tables):
            width = LARGE_WIDTH if len(label) <= LONG_NAME else WIDE
            st.metric(plain(label), value, help=plain(meaning) or None, width=width)
    with st.container(horizontal=True):
        for label, value, meaning in small_figures(tables):
            with st.container(width=SMALL_WIDTH, gap=None):
                st.caption(plain(label), help=plain(meaning) or None)
                st.markdown(f"**{value}**")


def _score(tables: Tables, name: str) -> Shown:
    metric = metric_of(name)
    return metric.validation_title, written(name, latest(tables, "evaluation", name)), metric.meaning


def runs_before(run: Run) -> list[str]:
    """Those that hold the device, then those that waited for it earlier; nothing when `run` does not wait in line."""
    device = read_json(run.path / "supervisor.json").get("device")
    if not isinstance(device, str):
        return []
    queue = queue_of(device)
    place = queue.place(run.id)
    if place is None:
        return []
    return [_name(ticket.run) for ticket in (*queue.holding, *queue.waiting[: place - 1])]


def _name(run_id: str) -> str:
    try:
        return open_run(run_id).name
    except LabError:  # its folder lies outside the workspace
        return run_id
