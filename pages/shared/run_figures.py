"""The figures of a run that count: the latest of each, the telling ones large, the others small. Draws no curve."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.charts.run_curves import Tables, score_names
from core.charts.score_names import score_of, written
from core.runs.status import Status
from pages.shared.text import plain

LARGE_WIDTH, WIDE = 165, 250  # px, the second for long names
LONG_NAME = 21  # characters
SMALL_WIDTH = 148

# Field of the training events, what people read, how it is written, and what it means.
SMALL: tuple[tuple[str, str, Callable[[float], str], str], ...] = (
    ("examples_per_second", "Examples per second", "{:,.0f}".format, "Rows trained on, since the point before."),
    ("tokens_per_second", "Pieces per second", "{:,.0f}".format, "Word pieces without padding."),
    ("learning_rate", "Learning rate", "{:.2g}".format, "How far a step may move the weights, by the schedule."),
    ("gradient_norm", "Gradient norm", "{:.3g}".format, "The length of the gradient, before it is clipped."),
    ("padding_share", "Padding", "{:.1%}".format, "The share of all pieces that only fill up a batch: wasted work."),
    ("memory_bytes", "Device memory", lambda size: f"{size / 1e9:.2f} GB", "What the training holds on its device."),
    ("utilisation", "Device in use", "{:.0%}".format, "The share of the time in which the device computes."),
)

Shown = tuple[str, str, str]  # what people read, its value, what it means


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
    score = score_of(name)
    return score.validation_title, written(name, latest(tables, "evaluation", name)), score.meaning
