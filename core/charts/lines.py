"""Lines with a dot at each point, one a name, over a shared x-axis."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from core.charts.layout import as_text, finish


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
