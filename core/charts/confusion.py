"""Predicted against true: labels as a confusion matrix, numbers as points around the line where both are equal."""

from collections.abc import Sequence

import plotly.graph_objects as go

from core.charts.style import NEUTRAL, SVG_POINTS, as_text, finish, hover_text, short


def confusion_matrix(counts: Sequence[Sequence[int]], names: Sequence[str], *, unit: str = "rows") -> go.Figure:
    """Rows are the true labels, columns the predicted ones; the colour is the share of those that are truly so.

    `unit` is what was counted.
    """
    whole, places = [as_text(name) for name in names], list(range(len(names)))
    shares = [[count / max(sum(row), 1) for count in row] for row in counts]
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            x=places,
            y=places,
            customdata=[[(true, predicted) for predicted in whole] for true in whole],
            text=[list(row) for row in counts],
            texttemplate="%{text}" if len(names) <= 25 else None,
            hovertemplate="true %{customdata[0]}<br>predicted %{customdata[1]}<br>"
            f"%{{text}} {unit} (%{{z:.0%}} of all that are truly %{{customdata[0]}})<extra></extra>",
            zmin=0,
            zmax=1,
            showscale=False,
        )
    )
    figure = finish(figure, height=120 + 34 * max(len(names), 4), title="Confusion matrix")
    ticks = {"tickvals": places, "ticktext": [short(name) for name in names], "showgrid": False}
    figure.update_xaxes(title="predicted", side="bottom", **ticks)
    figure.update_yaxes(title="true", autorange="reversed", **ticks)
    return figure


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
                x=ends, y=ends, mode="lines", line={"color": NEUTRAL, "dash": "dot"}, showlegend=False, hoverinfo="skip"
            ),
        ]
    )
    figure = finish(figure, height=420, title=f"Predicted against true, {as_text(unit)}")
    figure.update_xaxes(title="true", zeroline=False)
    figure.update_yaxes(title="predicted", zeroline=False)
    return figure
