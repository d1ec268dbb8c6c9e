"""Maps of points: tokens that move from layer to layer, and the texts of a data set by label."""

import textwrap
from collections import Counter
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from core.charts.style import NEUTRAL, SAVED_FACE, SVG_POINTS, as_text, finish, hover_text

MOST_NAMES = 90  # written beside their points; more would lie on one another
MOST_LABELS = 8  # with a colour of their own
NAME_ROOM = (6.3, 11)  # px across of a character, and px down of a line
MAP_ROOM = 330  # px down of the map of tokens without legend and slider, and on a phone about as much across
_SECONDS_A_LAYER = 700
# For a name left out. Plotly has no label for an empty text, and lets one that comes back fly in from its corner.
_UNSEEN = "\u200b"


def token_map(
    points: np.ndarray,
    names: Sequence[str],
    groups: Sequence[int],
    group_names: Sequence[str],
    *,
    followed: int | None = None,
    layer: int = 0,
    layer_names: Sequence[str],
) -> go.Figure:
    """Named points at every layer, (layer, point, 2), with a slider and a play button; it opens at `layer`.

    The first layer is the embeddings: `layer_names` says what each is called.

    Each point has the colour of its group. Names that would lie on others are left out, and shown on hover. The way of
    the point `followed` through all layers is drawn as a line, each station with its layer's name.
    """
    members = [[place for place, group in enumerate(groups) if group == number] for number in range(len(group_names))]
    with_names = len(names) <= MOST_NAMES
    reach = float(np.abs(points).max(initial=0.1)) * 1.15
    first = [] if followed is None else [followed]
    shown = [_apart(layer_points, names, 2 * reach / MAP_ROOM, first) for layer_points in points]

    def drawn(at: int) -> list[go.Scatter]:
        """One trace a group, then the ring around the point that is followed."""
        traces = [
            go.Scatter(
                x=points[at, own, 0],
                y=points[at, own, 1],
                mode="markers+text" if with_names else "markers",
                name=as_text(textwrap.shorten(f"{number + 1}: {group_names[number]}", 46, placeholder=" …")),
                text=[shown[at][place] for place in own],
                hovertext=[as_text(names[place][:24]) for place in own],
                textposition="top center",
                marker={"size": 9},
                ids=[str(place) for place in own],
                hovertemplate="%{hovertext}<extra>%{fullData.name}</extra>",
            )
            for number, own in enumerate(members)
        ]
        if followed is not None:
            ring = {"size": 20, "symbol": "circle-open", "color": NEUTRAL, "line": {"width": 3}}
            x, y = points[at, followed]
            traces.append(go.Scatter(x=[x], y=[y], mode="markers", marker=ring, showlegend=False, hoverinfo="skip"))
        return traces

    frames = [go.Frame(name=str(at), data=drawn(at)) for at in range(len(points))]
    traces = drawn(layer)
    if followed is not None:
        traces.append(_way(points[:, followed], names[followed], layer_names))
    figure = finish(go.Figure(traces, frames=frames), height=560, title="")
    _as_map(figure)
    figure.update_xaxes(range=[-reach, reach])
    figure.update_yaxes(range=[-reach, reach])
    figure.update_layout(
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font_family": SAVED_FACE},
        margin={"t": 8, "b": 8},
        sliders=[_slider(layer_names, layer)],
        updatemenus=[_play()],
    )
    return figure


def data_map(
    points: np.ndarray, texts: Sequence[str], labels: Sequence[int], label_names: Sequence[str], *, axes: Sequence[str]
) -> go.Figure:
    """Texts as points, (text, 2), in the colour of their label; pointing at one shows its text.

    `labels` may be empty. Each point carries its place in `texts` as its `customdata`. The commonest labels have a
    colour each, the others share one. `axes` are the titles of the two.
    """
    kind = go.Scatter if len(points) <= SVG_POINTS else go.Scattergl
    notes = [hover_text(text) for text in texts]
    size = 7 if len(points) <= 1_000 else 5 if len(points) <= 5_000 else 4
    figure = go.Figure(
        [
            kind(
                x=points[own, 0],
                y=points[own, 1],
                mode="markers",
                name=as_text(textwrap.shorten(name, 32, placeholder=" …")),
                marker={"size": size, "opacity": 0.75} | ({"color": NEUTRAL} if is_rest else {}),
                customdata=own,
                hovertext=[notes[place] for place in own],
                hovertemplate="%{hovertext}<extra>%{fullData.name}</extra>",
            )
            for name, own, is_rest in _by_label(labels, label_names, len(points))
        ]
    )
    figure = finish(figure, height=520, title="")
    _as_map(figure)
    figure.update_layout(
        legend={
            "orientation": "h",
            "y": 1.02,
            "yanchor": "bottom",
            "x": 0,
            "itemsizing": "constant",
            "font_family": SAVED_FACE,
        },
        margin={"t": 8},
        showlegend=bool(len(labels)),
        xaxis_title=axes[0],
        yaxis_title=axes[1],
        dragmode="lasso",
    )
    return figure


def _apart(points: np.ndarray, names: Sequence[str], scale: float, first: Sequence[int]) -> list[str]:
    """The names to write above (point, 2), the others `_UNSEEN`: none lies on another when a px is `scale` wide.

    Those of `first` have the right of way.
    """
    wide, high = (room * scale for room in NAME_ROOM)
    shown, taken = [_UNSEEN] * len(names), []
    for place in dict.fromkeys([*first, *range(len(names))]):
        name, (x, y) = names[place][:24], points[place]
        if all(abs(x - a) >= (len(name) + size) * wide / 2 or abs(y - b) >= high for a, b, size in taken):
            shown[place] = as_text(name)
            taken.append((x, y, len(name)))
    return shown


def _by_label(labels: Sequence[int], label_names: Sequence[str], count: int) -> list[tuple[str, list[int], bool]]:
    """(name, places, whether it stands for the rest) of what gets a colour each."""
    if not len(labels):
        return [("texts", list(range(count)), False)]
    common = [label for label, _ in Counter(labels).most_common()]
    single = sorted(common if len(common) <= MOST_LABELS else common[: MOST_LABELS - 1])
    places: dict[int, list[int]] = {label: [] for label in single}
    rest: list[int] = []
    for place, label in enumerate(labels):
        places.get(label, rest).append(place)
    found = [(label_names[label], own, False) for label, own in places.items()]
    return [*found, (f"{len(common) - len(single)} more labels", rest, True)] if rest else found


def _as_map(figure: go.Figure) -> None:
    """Equal scales and no numbers: only distances mean something."""
    figure.update_xaxes(showticklabels=False, zeroline=False, showgrid=False)
    figure.update_yaxes(showticklabels=False, zeroline=False, showgrid=False, scaleanchor="x")


def _way(stations: np.ndarray, name: str, layer_names: Sequence[str]) -> go.Scatter:
    """The stations (layer, 2) of one point, from layer to layer."""
    return go.Scatter(
        x=stations[:, 0],
        y=stations[:, 1],
        mode="lines+markers+text",
        line={"color": NEUTRAL, "width": 2, "dash": "dot"},
        marker={"size": 6, "color": NEUTRAL},
        text=[each.removeprefix("layer ")[:5] for each in layer_names],  # little room: “embed”
        customdata=list(layer_names),
        textposition="bottom right",
        name=as_text(f"Way of “{name[:24]}”"),
        hovertemplate="after %{customdata}<extra>%{fullData.name}</extra>",
    )


def _slider(layer_names: Sequence[str], layer: int) -> dict:
    move = {"mode": "immediate", "frame": {"duration": 400, "redraw": False}, "transition": {"duration": 400}}
    return {
        "active": layer,
        "currentvalue": {"prefix": "After "},
        "pad": {"t": 12, "l": 36, "r": 16},  # room for half of the first name
        "transition": {"duration": 400},
        "steps": [
            {"label": name, "method": "animate", "args": [[str(at)], move]} for at, name in enumerate(layer_names)
        ],
    }


def _play() -> dict:
    going = {"frame": {"duration": _SECONDS_A_LAYER, "redraw": False}, "transition": {"duration": 500}}
    stop = {"mode": "immediate", "frame": {"duration": 0, "redraw": False}, "transition": {"duration": 0}}
    return {
        "type": "buttons",
        "showactive": False,
        "direction": "left",
        "x": 0,
        "y": 0,
        "xanchor": "left",
        "yanchor": "bottom",
        "pad": {"b": 8, "l": 8},
        "bgcolor": "rgba(128, 140, 148, 0.15)",
        "bordercolor": NEUTRAL,
        "buttons": [
            {"label": "▶", "method": "animate", "args": [None, {"fromcurrent": False} | going]},
            {"label": "❚❚", "method": "animate", "args": [[None], stop]},
        ],
    }
