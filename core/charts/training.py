"""Pictures of a training that has ended: curves of one or several runs, and the confusion matrix."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import plotly.io

from core.charts.layout import as_text, finish, short

PALE = 0.3


def curves(points: pd.DataFrame, *, title: str, x_title: str, number_format: str = "~g") -> go.Figure:
    """Lines over a shared x-axis, one colour a curve; `points` as from `run_curves.points_of`.

    What was measured stands pale behind its smoothed line. `number_format` (d3) is for the vertical axis.
    """
    theme = plotly.io.templates[plotly.io.templates.default].layout.colorway
    colours = {name: theme[place % len(theme)] for place, name in enumerate(points["curve"].unique())}
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
            for (name, line), own in points.groupby(["curve", "line"], sort=False)
        ]
    )
    figure = finish(figure, height=320, title=title)
    figure.update_layout(xaxis_title=x_title, yaxis_tickformat=number_format)
    return figure


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
