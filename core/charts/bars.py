"""Bar charts and histograms."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from core.charts.layout import as_text, finish

MOST_CHARACTERS = 28


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
        ticktext=[_short(name) for name in names],
        showgrid=False,
    )
    figure.update_xaxes(visible=False, range=[0, max([*values, 1e-9]) * 1.18])
    return figure


def histogram(
    series: Mapping[str, Sequence[float]], *, title: str, x_title: str, limits: Sequence[float] = ()
) -> go.Figure:
    """Distributions of one or several series over a shared axis, with a dotted line at each of `limits`."""
    figure = go.Figure(
        [
            go.Histogram(x=list(values), name=_short(name), opacity=0.75, bingroup="all", nbinsx=50)
            for name, values in series.items()
        ]
    )
    figure = finish(figure, height=300, title=title)
    figure.update_layout(barmode="stack", showlegend=len(series) > 1, xaxis_title=x_title, yaxis_title="rows")
    longest = max((max(values, default=0) for values in series.values()), default=0)
    for limit in limits:
        if limit <= longest:
            figure.add_vline(x=limit, line_dash="dot", annotation_text=str(limit), annotation_position="top")
    return figure


def _short(name: str) -> str:
    return as_text(name if len(name) <= MOST_CHARACTERS else f"{name[: MOST_CHARACTERS - 1]}…")
