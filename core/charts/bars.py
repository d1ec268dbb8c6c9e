"""Bars: one value a name, the parts of several wholes, and lengths of texts with the limits that a model cuts at."""

import itertools
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from core.charts.style import as_text, finish, short


def horizontal_bars(
    names: Sequence[str], values: Sequence[float], *, title: str, percent: bool = False, digits: int = 0
) -> go.Figure:
    """One bar per name, the first on top, its value beside it with so many digits. `percent` shows shares of 1 so."""
    shown = [f"{value:.1%}" if percent else f"{value:,.{digits}f}" for value in values]
    bars = go.Bar(
        y=list(range(len(names))),  # names may repeat; positions do not
        x=list(values),
        orientation="h",
        text=shown,
        textposition="outside",
        cliponaxis=False,
        customdata=[as_text(name) for name in names],
        hovertemplate="%{customdata}: %{x:.4%}<extra></extra>" if percent else "%{customdata}: %{x:,}<extra></extra>",
    )
    figure = finish(go.Figure(bars), height=70 + 30 * len(names), title=title)
    figure.update_yaxes(
        autorange="reversed",
        tickvals=list(range(len(names))),
        ticktext=[short(name) for name in names],
        showgrid=False,
    )
    figure.update_xaxes(visible=False, range=[0, max([*values, 1e-9]) * 1.18])
    return figure


def stacked_bars(wholes: Mapping[str, Mapping[str, float]], *, title: str, x_title: str) -> go.Figure:
    """One horizontal bar per whole, the first on top, cut into its named parts; parts of one name share a colour."""
    names = list(dict.fromkeys(part for parts in wholes.values() for part in parts))
    figure = go.Figure(
        [
            go.Bar(
                name=as_text(name),
                y=list(range(len(wholes))),  # wholes may share a name; positions do not
                x=[parts.get(name, 0) for parts in wholes.values()],
                orientation="h",
                hovertemplate=f"{as_text(name)}: %{{x:,}}<extra></extra>",
            )
            for name in names
        ]
    )
    figure = finish(figure, height=150 + 46 * len(wholes), title=title)
    figure.update_layout(barmode="stack", showlegend=True, xaxis_title=x_title, legend_traceorder="normal")
    figure.update_yaxes(
        autorange="reversed",
        tickvals=list(range(len(wholes))),
        ticktext=[short(each) for each in wholes],
        showgrid=False,
    )
    return figure


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
