"""One number a head as a map: layers down, heads across."""

import numpy as np
import plotly.graph_objects as go

from core.charts.layout import finish

MOST_WRITTEN = 16  # heads up to which each cell has its number written in it
ROW_HEIGHT = 30


def head_map(
    values: np.ndarray, *, title: str, unit: str = "", digits: int = 2, largest: float | None = None
) -> go.Figure:
    """The (layer, head) numbers as colours; NaN, where nothing was measured, stays empty.

    Both are counted from 1, as in words. `unit` follows the number on hover. `largest` is the value of the strongest
    colour, by default the largest there is.
    """
    layers, heads = values.shape
    measured = values[np.isfinite(values)]
    top = largest if largest is not None else float(measured.max(initial=0.0))
    figure = go.Figure(
        go.Heatmap(
            z=values,
            x=list(range(1, heads + 1)),
            y=list(range(1, layers + 1)),
            zmin=min(0.0, float(measured.min(initial=0.0))),
            zmax=top or 1.0,
            texttemplate=f"%{{z:.{digits}f}}" if heads <= MOST_WRITTEN else None,
            hovertemplate=f"layer %{{y}}, head %{{x}}: %{{z:.5g}}{f' {unit}' if unit else ''}<extra></extra>",
            hoverongaps=False,
            colorbar={"thickness": 10, "len": 0.9},
            xgap=2,
            ygap=2,
        )
    )
    figure = finish(figure, height=110 + ROW_HEIGHT * max(layers, 3), title=title)
    plain_axis = {"dtick": 1, "showgrid": False, "zeroline": False}
    figure.update_xaxes(title="head", range=[0.5, heads + 0.5], **plain_axis)
    figure.update_yaxes(title="layer", range=[layers + 0.5, 0.5], **plain_axis)
    return figure
