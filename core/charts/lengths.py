"""Lengths of texts: boxes by label, and a histogram, with the limits that a model would cut at."""

import itertools
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from core.charts.layout import as_text, finish, short


def length_boxes(
    names: Sequence[str], quartiles: Sequence[tuple[float, float, float, float, float]], *, unit: str
) -> go.Figure:
    """One box a name, the first on top: (lowest, lower quartile, median, upper quartile, 95th percentile) each."""
    low, first, median, third, high = (list(values) for values in zip(*quartiles, strict=True))
    boxes = go.Box(
        y=list(range(len(names))),
        lowerfence=low,
        q1=first,
        median=median,
        q3=third,
        upperfence=high,
        orientation="h",
        customdata=[as_text(name) for name in names],
    )
    figure = finish(go.Figure(boxes), height=90 + 34 * len(names), title=f"Length in {unit}, by label")
    places, shown = list(range(len(names))), [short(name) for name in names]
    figure.update_yaxes(autorange="reversed", tickvals=places, ticktext=shown, showgrid=False)
    figure.update_xaxes(title=f"{unit}; whiskers from the shortest to the 95 % mark", rangemode="tozero")
    return figure


def length_histogram(
    edges: Sequence[float], counts: Mapping[str, Sequence[int]], *, unit: str, limits: Sequence[float] = ()
) -> go.Figure:
    """Stacked bars over bins with `edges` (bin + 1), one colour a label, and a dotted line at each of `limits`."""
    middles = [(low + high) / 2 for low, high in itertools.pairwise(edges)]
    width = edges[1] - edges[0] if len(edges) > 1 else 1
    bars = [
        go.Bar(x=middles, y=list(values), width=width, name=as_text(name or "all rows"))
        for name, values in counts.items()
    ]
    figure = finish(go.Figure(bars), height=300, title=f"Length in {unit}")
    figure.update_layout(barmode="stack", bargap=0, showlegend=len(bars) > 1, xaxis_title=unit, yaxis_title="rows")
    for limit in limits:
        if len(edges) and limit <= edges[-1]:
            figure.add_vline(x=limit, line_dash="dot", annotation_text=str(limit), annotation_position="top")
    return figure
