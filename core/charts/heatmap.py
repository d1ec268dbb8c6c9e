"""Square tables of numbers as colours, and the same numbers from layer to layer as lines."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from core.charts.layout import as_text, finish
from core.charts.scatter import SAVED_FACE

MOST_NAMED = 20  # columns up to which their names stand below them; they are those of the rows, in the same order
MOST_WRITTEN = 14  # rows up to which each cell has its number written in it
_BASELINE = "rgba(128, 140, 148, 0.9)"


def cosine_heatmap(values: np.ndarray, names: Sequence[str]) -> go.Figure:
    """How alike each row of (row, row) is to each column, from −1 to 1. Names may repeat."""
    shown = [as_text(name if len(name) <= 26 else f"{name[:25]}…") for name in names]
    figure = go.Figure(
        go.Heatmap(
            z=values,
            text=[[f"{first} · {second}" for second in shown] for first in shown],
            texttemplate="%{z:.2f}" if len(shown) <= MOST_WRITTEN else None,
            hovertemplate="%{text}: %{z:.4f}<extra></extra>",
            zmin=min(0.0, float(np.min(values, initial=0.0))),
            zmax=1,
            colorbar={"thickness": 10, "len": 0.8},
            xgap=1,
            ygap=1,
        )
    )
    figure = finish(figure, height=160 + max(200, min(640, 34 * len(shown))), title="")
    ticks = {"tickvals": list(range(len(shown))), "ticktext": shown, "showgrid": False, "zeroline": False}
    figure.update_layout(margin_t=8)
    figure.update_xaxes(**ticks, tickangle=-60, showticklabels=len(shown) <= MOST_NAMED)
    figure.update_yaxes(**ticks, autorange="reversed")
    return figure


def lines_by_layer(
    series: Mapping[str, Sequence[float]],
    baseline: np.ndarray,
    *,
    baseline_name: str,
    y_title: str,
    names: Sequence[str],
) -> go.Figure:
    """One line a name over the hidden states (called `names`) above the `baseline` (state, 3): low, middle and high."""
    layers = list(range(len(baseline)))
    hover = {"text": list(names), "hovertemplate": "%{text}: %{y:.4f}"}
    low, middle, high = np.asarray(baseline).T
    edge = {"mode": "lines", "line": {"width": 0}, "showlegend": False, "hoverinfo": "skip"}
    figure = go.Figure(
        [
            go.Scatter(
                x=layers,
                y=list(values),
                name=as_text(name if len(name) <= 60 else f"{name[:59]}…"),
                mode="lines+markers",
                **hover,
            )
            for name, values in series.items()
        ]
        + [
            go.Scatter(x=layers, y=low, **edge),
            go.Scatter(x=layers, y=high, fill="tonexty", fillcolor="rgba(128, 140, 148, 0.18)", **edge),
            go.Scatter(
                x=layers,
                y=middle,
                name=baseline_name,
                mode="lines",
                line={"color": _BASELINE, "dash": "dash"},
                **hover,
            ),
        ]
    )
    figure = finish(figure, height=300 + 24 * len(series), title="")
    figure.update_layout(yaxis_title=y_title, margin_t=12)
    figure.update_layout(legend={"traceorder": "normal", "font_family": SAVED_FACE})
    figure.update_xaxes(title="after", tickvals=layers, ticktext=list(names))
    return figure
