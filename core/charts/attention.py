"""Tables of numbers as colours: one number a head, every head's small picture, and cosines of rows with one another."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from core.charts.style import as_text, finish

GAP = 1  # pixels between the small pictures of heads
MOST_HEADS_WRITTEN = 16  # heads up to which each cell has its number written in it
MOST_ROWS_WRITTEN = 14  # rows up to which each cosine has its number written in it
MOST_NAMED = 20  # columns up to which their names stand below them; they are those of the rows, in the same order
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
            texttemplate=f"%{{z:.{digits}f}}" if heads <= MOST_HEADS_WRITTEN else None,
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


def cosine_heatmap(values: np.ndarray, names: Sequence[str]) -> go.Figure:
    """How alike each row of (row, row) is to each column, from −1 to 1. Names may repeat."""
    shown = [as_text(name if len(name) <= 26 else f"{name[:25]}…") for name in names]
    figure = go.Figure(
        go.Heatmap(
            z=values,
            text=[[f"{first} · {second}" for second in shown] for first in shown],
            texttemplate="%{z:.2f}" if len(shown) <= MOST_ROWS_WRITTEN else None,
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
