"""Pictures of a training: curves of one or several runs, and the confusion matrix."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from core.charts.layout import as_text, finish

Points = Sequence[tuple[float, float]]


def curves(series: Mapping[str, Points], *, title: str, x_title: str, markers: bool = False) -> go.Figure:
    """Lines over a shared x-axis, one a name; each point is (x, y)."""
    figure = go.Figure(
        [
            go.Scatter(
                x=[x for x, _ in points],
                y=[y for _, y in points],
                name=as_text(name),
                mode="lines+markers" if markers else "lines",
                hovertemplate="%{x:.4g}: %{y:.4g}",
            )
            for name, points in series.items()
        ]
    )
    figure = finish(figure, height=320, title=title)
    figure.update_layout(xaxis_title=x_title, showlegend=len(series) > 1)
    return figure


def confusion_matrix(counts: Sequence[Sequence[int]], names: Sequence[str]) -> go.Figure:
    """Rows are the true labels, columns the predicted ones; the colour is the share within the row."""
    shares = [[count / max(sum(row), 1) for count in row] for row in counts]
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            x=[as_text(name) for name in names],
            y=[as_text(name) for name in names],
            text=[list(row) for row in counts],
            texttemplate="%{text}" if len(names) <= 25 else None,
            hovertemplate="true %{y}<br>predicted %{x}<br>%{text} rows (%{z:.0%} of the row)<extra></extra>",
            zmin=0,
            zmax=1,
            showscale=False,
        )
    )
    figure = finish(figure, height=120 + 34 * max(len(names), 4), title="Confusion matrix")
    figure.update_xaxes(title="predicted", type="category", side="bottom")
    figure.update_yaxes(title="true", type="category", autorange="reversed")
    return figure
