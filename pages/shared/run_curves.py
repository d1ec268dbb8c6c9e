"""The curves of runs on screen: live ones that never blink, those of ended runs to zoom into, and their style."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from core.charts.curves import DATA, curves, live_lines
from core.charts.run_curves import AXES, SCORES, Panel, Tables, axis_of, panels_of, points_of, rows_of
from core.errors import counted
from core.tasks import metric_of
from pages.shared.export import csv_button, figure

SMOOTHING = 0.6  # TensorBoard's own


@dataclass(frozen=True, slots=True)
class CurveStyle:
    """How a person wants to see curves."""

    axis: str
    smoothing: float
    with_more: bool


def choose_curve_style(*, axis: str = "Step") -> CurveStyle:
    """Axis, smoothing, and whether the less telling curves are shown; all in the address."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        chosen = st.segmented_control(
            "Horizontal axis", list(AXES), default=axis, required=True, key="axis", bind="query-params", width=220
        )
        smoothing = st.slider(
            "Smoothing",
            0.0,
            0.99,
            SMOOTHING,
            0.01,
            key="smoothing",
            bind="query-params",
            width=220,
            help="The pale line is what was measured, the strong one its exponential moving average with bias "
            "correction, as TensorBoard draws it. 0 shows the measured line alone.",
        )
        with_more = st.toggle(
            "More curves",
            key="more-curves",
            bind="query-params",
            help="Learning rate, gradient norm, speed, padding and memory: whatever this run has measured.",
        )
    return CurveStyle(chosen, smoothing, with_more)


def live_curves(tables: Tables, style: CurveStyle) -> None:
    """Curves that are updated in place as points come in."""
    axis = axis_of(style.axis, [tables])

    def draw(panel: Panel) -> None:
        datasets = {DATA: points_of(panel, tables, axis, style.smoothing)}
        chart = {**live_lines(panel, axis), "datasets": datasets}
        st.vega_lite_chart(spec=chart, alt=f"{panel.title} by {axis.name}, so far")

    panels = panels_of(tables, metric_of)
    if panels and not any(panel.title == SCORES.title for panel in panels):
        panels.insert(1, SCORES)  # keeps its place until the first evaluation
    _grid(panels, style, lambda panel: draw(panel) if panel.curves else _no_scores_yet())


def ended_curves(runs: Mapping[str, Tables], style: CurveStyle) -> None:
    """Curves of runs by name, to zoom into and to save as PNG; those of several runs lie over one another."""
    axis = axis_of(style.axis, list(runs.values()))
    panels: dict[str, Panel] = {}
    for tables in runs.values():
        for panel in panels_of(tables, metric_of):
            for part in panel.apart() if len(runs) > 1 else (panel,):
                panels.setdefault(part.title, part)

    def draw(panel: Panel) -> None:
        parts = {name: points_of(panel, tables, axis, style.smoothing) for name, tables in runs.items()}
        points = pd.concat([part if len(runs) == 1 else part.assign(curve=name) for name, part in parts.items()])
        lines = curves(points, title=panel.title, x_title=axis.name, number_format=panel.number_format)
        name = panel.title.lower().replace(",", "").replace(" ", "-")
        figure(lines, key=f"curve-{name}", alt=f"{panel.title} by {axis.name}, {counted(len(runs), 'run')}")

    _grid(list(panels.values()), style, draw)


def curves_csv(runs: Callable[[], Mapping[str, Tables]], name: str) -> None:
    """A download of everything measured, read when somebody asks for it.

    It must stand outside of what is drawn again every second: the file of a button is gone when the next one is drawn.
    """

    def table() -> pd.DataFrame:
        return pd.concat([rows_of(tables).assign(run=run) for run, tables in runs().items()], ignore_index=True)

    csv_button("Curves as CSV", table, name)


def _grid(panels: Sequence[Panel], style: CurveStyle, draw: Callable[[Panel], None]) -> None:
    shown = [panel for panel in panels if panel.is_telling or style.with_more]
    for start in range(0, len(shown), 2):
        row = shown[start : start + 2]
        for column, panel in zip(st.columns(2)[: len(row)], row, strict=True):
            with column:
                draw(panel)


def _no_scores_yet() -> None:
    st.caption("Scores on the validation rows appear after the first evaluation.")
