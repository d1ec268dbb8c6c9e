"""What changes from layer to layer, as a line."""

from collections.abc import Sequence

import plotly.graph_objects as go

from core.charts.layout import as_text, finish


def rank_by_layer(ranks: Sequence[int], shares: Sequence[float], *, name: str, names: Sequence[str]) -> go.Figure:
    """The place of one answer, 1 on top, in each hidden state (called `names`), on a logarithmic axis.

    Hovering tells its share.
    """
    layers = list(range(len(ranks)))
    line = go.Scatter(
        x=layers,
        y=list(ranks),
        mode="lines+markers+text",
        text=[f"{rank:,}" for rank in ranks],
        textposition="bottom center",
        cliponaxis=False,
        customdata=list(zip(names, shares, strict=True)),
        hovertemplate="after %{customdata[0]}: place %{y:,}, %{customdata[1]:.2%}<extra></extra>",
    )
    figure = finish(go.Figure(line), height=300, title=f"Place of “{as_text(name)}” among all words")
    figure.update_xaxes(title="after", tickvals=layers, ticktext=list(names), range=[-0.3, len(ranks) - 0.7])
    figure.update_yaxes(type="log", autorange="reversed", tickvals=[1, 10, 100, 1_000, 10_000, 100_000], tickformat=",")
    return figure
