"""Lines: named points, from layer to layer, and curves of runs, finished (Plotly) or still going on (Vega-Lite).

Of a run that goes on the chart is updated in place, where Plotly's is drawn again on each change and blinks. As SVG
each point is an element that screen readers can read. The chart is made without its data, once for each panel and axis:
one that changed with its data would be drawn again as well, and checking it against the schema takes Altair longer than
drawing it.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.charts.run_curves import Axis, Panel
from core.charts.style import NEUTRAL, SAVED_FACE, as_text, finish, theme_colours

DATA = "points"  # what the data of `live_lines` are called
HEIGHT = 310  # px, of `live_lines`
PALE = 0.3  # opacity of what was measured behind its smoothed line


def lines(series: Mapping[str, Sequence[tuple[float, float]]], *, title: str, x_title: str) -> go.Figure:
    """A line for each name; each point is (x, y)."""
    figure = go.Figure(
        [
            go.Scatter(
                x=[x for x, _ in points],
                y=[y for _, y in points],
                name=as_text(name),
                mode="lines+markers",
                hovertemplate="%{x:.4g}: %{y:.4g}",
            )
            for name, points in series.items()
        ]
    )
    figure = finish(figure, height=320, title=title)
    figure.update_layout(xaxis_title=x_title, showlegend=len(series) > 1)
    return figure


def lines_by_layer(
    series: Mapping[str, Sequence[float]],
    baseline: np.ndarray,
    *,
    baseline_name: str,
    y_title: str,
    names: Sequence[str],
) -> go.Figure:
    """One line a name over the hidden states (called `names`) above the `baseline` (state, 3): low, middle and high."""
    layers = list(range(len(baseline)))
    hover = {"text": list(names), "hovertemplate": "%{text}: %{y:.4f}"}
    low, middle, high = np.asarray(baseline).T
    edge = {"mode": "lines", "line": {"width": 0}, "showlegend": False, "hoverinfo": "skip"}
    figure = go.Figure(
        [
            go.Scatter(
                x=layers,
                y=list(values),
                name=as_text(name if len(name) <= 60 else f"{name[:59]}…"),
                mode="lines+markers",
                **hover,
            )
            for name, values in series.items()
        ]
        + [
            go.Scatter(x=layers, y=low, **edge),
            go.Scatter(x=layers, y=high, fill="tonexty", fillcolor="rgba(128, 140, 148, 0.18)", **edge),
            go.Scatter(
                x=layers,
                y=middle,
                name=baseline_name,
                mode="lines",
                line={"color": NEUTRAL, "dash": "dash"},
                **hover,
            ),
        ]
    )
    figure = finish(figure, height=300 + 24 * len(series), title="")
    figure.update_layout(yaxis_title=y_title, margin_t=12)
    figure.update_layout(legend={"traceorder": "normal", "font_family": SAVED_FACE})
    figure.update_xaxes(title="after", tickvals=layers, ticktext=list(names))
    return figure


def rank_by_layer(ranks: Sequence[int], shares: Sequence[float], *, name: str, names: Sequence[str]) -> go.Figure:
    """The place of one answer, 1 on top, in each hidden state (called `names`), on a logarithmic axis.

    Hovering tells its share.
    """
    layers = list(range(len(ranks)))
    line = go.Scatter(
        x=layers,
        y=list(ranks),
        mode="lines+markers+text",
        text=[f"{rank:,}" for rank in ranks],
        textposition="bottom center",
        cliponaxis=False,
        customdata=list(zip(names, shares, strict=True)),
        hovertemplate="after %{customdata[0]}: place %{y:,}, %{customdata[1]:.2%}<extra></extra>",
    )
    figure = finish(go.Figure(line), height=300, title=f"Place of “{as_text(name)}” among all words")
    figure.update_xaxes(title="after", tickvals=layers, ticktext=list(names), range=[-0.3, len(ranks) - 0.7])
    figure.update_yaxes(type="log", autorange="reversed", tickvals=[1, 10, 100, 1_000, 10_000, 100_000], tickformat=",")
    return figure


def curves(points: pd.DataFrame, *, title: str, x_title: str, number_format: str = "~g") -> go.Figure:
    """Lines over a shared x-axis, one colour a curve; `points` as from `run_curves.points_of`.

    What was measured stands pale behind its smoothed line. `number_format` (d3) is for the vertical axis.
    """
    theme = theme_colours()
    colours = {name: theme[place % len(theme)] for place, name in enumerate(points["curve"].unique())}
    drawn: Any = points.groupby(["curve", "line"], sort=False)  # ((curve, line), its points) each
    figure = go.Figure(
        [
            go.Scatter(
                x=own["x"].tolist(),
                y=own["value"].tolist(),
                name=as_text(name),
                legendgroup=as_text(name),
                showlegend=line != "behind" and len(colours) > 1,
                mode="lines+markers" if own["has_dot"].all() else "lines",
                line={"color": colours[name]},
                opacity=PALE if line == "behind" else 1,
                hovertemplate=f"%{{x:.4~g}}: %{{y:.4g}} ({line})<extra>%{{fullData.name}}</extra>",
            )
            for (name, line), own in drawn
        ]
    )
    figure = finish(figure, height=320, title=title)
    figure.update_layout(xaxis_title=x_title, yaxis_tickformat=number_format)
    return figure


@functools.lru_cache(maxsize=128)
def live_lines(panel: Panel, axis: Axis) -> dict[str, Any]:
    """The Vega-Lite specification for the data `DATA`, as from `points_of`; not to be changed by whoever gets it.

    Lines in one colour a curve; measured points stand pale behind their smoothed line.
    """
    import altair  # takes some tenths of a second, and finished curves do without it

    names = [curve.name for curve in panel.curves]
    steps: dict[str, Any] = {"tickMinStep": 1, "format": ",d"} if axis.field == "step" else {"format": "~g"}
    base = altair.Chart(altair.Data(name=DATA)).encode(
        altair.X("x:Q", title=None, scale=altair.Scale(zero=True), axis=altair.Axis(tickCount=6, **steps)),
        altair.Y("value:Q", title=None, scale=altair.Scale(zero=False), axis=altair.Axis(format=panel.number_format)),
        altair.Color(
            "curve:N",
            title=None,
            scale=altair.Scale(domain=names),
            legend=altair.Legend(orient="bottom", columns=2, offset=4) if len(names) > 1 else None,
        ),
        opacity=altair.condition(altair.datum.line == "behind", altair.value(PALE), altair.value(1)),
        detail="line:N",
        tooltip=[
            altair.Tooltip("curve:N", title="curve"),
            altair.Tooltip("line:N", title="line"),
            altair.Tooltip("x:Q", title=axis.name, format=",.4~g"),
            altair.Tooltip("value:Q", title=panel.title, format=".4g"),
        ],
    )
    dots = base.transform_filter("datum.has_dot").mark_circle(size=12)
    return (
        altair.layer(base.mark_line(strokeWidth=1.6), dots)
        .properties(
            title=f"{panel.title} by {axis.name}",
            height=HEIGHT,
            usermeta={"embedOptions": {"renderer": "svg"}},
        )
        .to_dict()
    )
