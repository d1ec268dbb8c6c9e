"""Bars to the left and right of zero: what speaks for something, and what against it."""

from collections.abc import Sequence

import plotly.graph_objects as go

from core.charts.layout import as_text, finish

MOST_CHARACTERS = 22
FOR, AGAINST = "#1C7F9E", "#C96A25"  # the middles of the theme's diverging colours, readable on light and dark


def signed_bars(names: Sequence[str], values: Sequence[float], *, title: str, digits: int = 3) -> go.Figure:
    """One bar a name, the first on top, its signed value beside it. Names may repeat."""
    places = list(range(len(names)))
    bars = go.Bar(
        y=places,
        x=list(values),
        orientation="h",
        marker={"color": [FOR if value >= 0 else AGAINST for value in values]},
        text=[f"{value:+.{digits}f}" for value in values],
        textposition="outside",
        cliponaxis=False,
        customdata=[as_text(name) for name in names],
        hovertemplate="%{customdata}: %{x:+.5f}<extra></extra>",
    )
    figure = finish(go.Figure(bars), height=70 + 30 * len(names), title=title)
    shown = [as_text(name if len(name) <= MOST_CHARACTERS else f"{name[: MOST_CHARACTERS - 1]}…") for name in names]
    figure.update_yaxes(autorange="reversed", tickvals=places, ticktext=shown, showgrid=False)
    low, high = min([*values, 0.0]), max([*values, 0.0])
    room = 0.22 * max(high - low, 1e-9)
    figure.update_xaxes(
        showticklabels=False, showgrid=False, zeroline=True, range=[low - room * (low < 0), high + room * (high > 0)]
    )
    return figure
