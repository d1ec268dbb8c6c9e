"""Every head's small picture in one, to save."""

import numpy as np
import plotly.graph_objects as go

from core.charts.layout import finish

GAP = 1  # pixels between small pictures


def heads_picture(pictures: np.ndarray, *, title: str) -> go.Figure:
    """uint8 pictures (layer, head, row, column) side by side: layers down, heads across, counted from 1."""
    layers, heads, rows, columns = pictures.shape
    framed = np.full((layers, heads, rows + GAP, columns + GAP), np.nan)
    framed[:, :, :rows, :columns] = pictures
    whole = framed.transpose(0, 2, 1, 3).reshape(layers * (rows + GAP), heads * (columns + GAP))
    drawn = go.Heatmap(z=whole, zmin=0, zmax=255, showscale=False, hoverinfo="skip")
    figure = finish(go.Figure(drawn), height=90 + 64 * max(layers, 3), title=title)
    for update, count, size, axis in (
        (figure.update_xaxes, heads, columns, "head"),
        (figure.update_yaxes, layers, rows, "layer"),
    ):
        middles = [number * (size + GAP) + (size - 1) / 2 for number in range(count)]
        update(
            title=axis, tickvals=middles, ticktext=list(map(str, range(1, count + 1))), showgrid=False, zeroline=False
        )
    figure.update_yaxes(autorange="reversed")
    return figure
