"""Bar charts."""

from collections.abc import Sequence

import plotly.graph_objects as go

from core.charts.layout import as_text, finish, short


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
