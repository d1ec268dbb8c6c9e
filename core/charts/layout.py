"""What every figure shares: margins, a short title, no tool bar clutter."""

import plotly.graph_objects as go

MOST_CHARACTERS = 28


def finish(figure: go.Figure, *, height: int, title: str) -> go.Figure:
    """Give a figure the house's margins and title, and return it."""
    figure.update_layout(
        title={"text": title, "font": {"size": 14}, "x": 0, "xanchor": "left", "y": 0.98, "yanchor": "top"},
        height=height,
        margin={"l": 8, "r": 8, "t": 36, "b": 8},
        legend={"orientation": "h", "y": -0.3},
        hovermode="closest",
    )
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    return figure


def as_text(name: str) -> str:
    """A name in which Plotly, which reads a subset of HTML in all its texts, finds none."""
    return name.replace("<", "‹").replace(">", "›")


def short(name: str) -> str:
    """A name for an axis: as text, and cut where it would leave no room for what is drawn."""
    return as_text(name if len(name) <= MOST_CHARACTERS else f"{name[: MOST_CHARACTERS - 1]}…")
