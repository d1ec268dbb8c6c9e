"""Stacked bars: what several wholes are made of, side by side and to the same scale."""

from collections.abc import Mapping

import plotly.graph_objects as go

from core.charts.layout import as_text, finish, short


def stacked_bars(wholes: Mapping[str, Mapping[str, float]], *, title: str, x_title: str) -> go.Figure:
    """One horizontal bar per whole, the first on top, cut into its named parts; parts of one name share a colour."""
    names = list(dict.fromkeys(part for parts in wholes.values() for part in parts))
    figure = go.Figure(
        [
            go.Bar(
                name=as_text(name),
                y=list(range(len(wholes))),  # wholes may share a name; positions do not
                x=[parts.get(name, 0) for parts in wholes.values()],
                orientation="h",
                hovertemplate=f"{as_text(name)}: %{{x:,}}<extra></extra>",
            )
            for name in names
        ]
    )
    figure = finish(figure, height=150 + 46 * len(wholes), title=title)
    figure.update_layout(barmode="stack", showlegend=True, xaxis_title=x_title, legend_traceorder="normal")
    figure.update_yaxes(
        autorange="reversed",
        tickvals=list(range(len(wholes))),
        ticktext=[short(each) for each in wholes],
        showgrid=False,
    )
    return figure
