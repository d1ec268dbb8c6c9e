"""What every figure shares: margins, a short title, no tool bar clutter, names as plain text, colours of the theme."""

import textwrap
from typing import Any

import plotly.graph_objects as go
import plotly.io

MOST_CHARACTERS = 28
HOVER_CHARACTERS = 240
SVG_POINTS = 2_000  # above, points are drawn by WebGL
NEUTRAL = "rgba(128, 140, 148, 0.9)"  # reads on light and dark
SAVED_FACE = "Arial, Helvetica, sans-serif"  # of legends: a saved picture lacks the page's own face, and would cut them


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


def hover_text(text: str) -> str:
    """A text for a hover box: its beginning, in lines of 60 characters, with no HTML in it."""
    shown = text if len(text) <= HOVER_CHARACTERS else f"{text[:HOVER_CHARACTERS]} …"
    return "<br>".join(textwrap.wrap(as_text(shown), 60)) or "(no text)"


def theme_colours() -> tuple[str, ...]:
    """The colours that the theme gives out, in its order."""
    theme: Any = plotly.io.templates[plotly.io.templates.default]
    return tuple(theme.layout.colorway)
