"""True against predicted numbers, as points around the line on which both are the same."""

from collections.abc import Sequence

import plotly.graph_objects as go

from core.charts.layout import as_text, finish
from core.charts.scatter import SVG_POINTS, hover_text

_LINE = "rgba(128, 140, 148, 0.9)"  # reads on light and dark


def true_against_predicted(
    true: Sequence[float], predicted: Sequence[float], texts: Sequence[str], *, unit: str
) -> go.Figure:
    """One point a row; pointing at one shows its text. `unit` is what the numbers are called."""
    kind = go.Scatter if len(true) <= SVG_POINTS else go.Scattergl
    ends = [min(*true, *predicted), max(*true, *predicted)] if len(true) else [0.0, 1.0]
    figure = go.Figure(
        [
            kind(
                x=list(true),
                y=list(predicted),
                mode="markers",
                marker={"size": 7, "opacity": 0.7},
                showlegend=False,
                hovertext=[hover_text(text) for text in texts],
                hovertemplate="true %{x:.4~g}, predicted %{y:.4~g}<br>%{hovertext}<extra></extra>",
            ),
            go.Scatter(
                x=ends, y=ends, mode="lines", line={"color": _LINE, "dash": "dot"}, showlegend=False, hoverinfo="skip"
            ),
        ]
    )
    figure = finish(figure, height=420, title=f"Predicted against true, {as_text(unit)}")
    figure.update_xaxes(title="true", zeroline=False)
    figure.update_yaxes(title="predicted", zeroline=False)
    return figure
