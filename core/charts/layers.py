"""What changes from layer to layer, as a line."""

from collections.abc import Sequence

import plotly.graph_objects as go

from core.charts.layout import as_text, finish


def rank_by_layer(ranks: Sequence[int], shares: Sequence[float], *, name: str) -> go.Figure:
    """The place of one answer, 1 on top, after each layer from 0, on a logarithmic axis; hovering tells its share."""
    layers = list(range(len(ranks)))
    line = go.Scatter(
        x=layers,
        y=list(ranks),
        mode="lines+markers+text",
        text=[f"{rank:,}" for rank in ranks],
        textposition="bottom center",
        cliponaxis=False,
        customdata=list(shares),
        hovertemplate="after layer %{x}: place %{y:,}, %{customdata:.2%}<extra></extra>",
    )
    figure = finish(go.Figure(line), height=300, title=f"Place of “{as_text(name)}” among all words")
    figure.update_xaxes(title="after layer", dtick=1, range=[-0.3, len(ranks) - 0.7])
    figure.update_yaxes(type="log", autorange="reversed", tickvals=[1, 10, 100, 1_000, 10_000, 100_000], tickformat=",")
    return figure
