"""A treemap: nested rectangles whose areas are shares of a whole."""

from collections.abc import Sequence

import plotly.graph_objects as go

from core.charts.style import as_text, finish, theme_colours

_CLEAR = "rgba(0, 0, 0, 0)"
_JOINT = "\x1f"  # stands between the steps of a place; no name holds it


def treemap(
    places: Sequence[Sequence[str]],
    values: Sequence[int],
    *,
    title: str,
    root: str,
    unit: str,
    hatched: Sequence[bool] | None = None,
    height: int = 480,
) -> go.Figure:
    """One rectangle per place, inside those of its outer steps; a click opens one.

    `places` are paths of names, outermost first, each once; `values` their sizes in `unit`. `hatched` rectangles are
    drawn with stripes; an outer one is hatched when all within are.
    """
    sizes: dict[tuple[str, ...], int] = {(): 0}
    striped: dict[tuple[str, ...], bool] = {}
    for place, value, hatch in zip(places, values, hatched or [False] * len(places), strict=True):
        for depth in range(len(place) + 1):
            node = tuple(place[:depth])
            sizes[node] = sizes.get(node, 0) + value
            striped[node] = striped.get(node, True) and hatch
    nodes = list(sizes)
    figure = go.Figure(
        go.Treemap(
            ids=[_id(node) for node in nodes],
            labels=[as_text(node[-1]) if node else as_text(root) for node in nodes],
            parents=[_id(node[:-1]) if node else "" for node in nodes],
            values=[sizes[node] for node in nodes],
            branchvalues="total",
            sort=False,
            maxdepth=4,
            texttemplate="%{label}<br>%{percentRoot:.1%}",
            hovertemplate=f"%{{label}}<br>%{{value:,}} {as_text(unit)}, %{{percentRoot:.2%}} of all<extra></extra>",
            marker={
                "colors": _colours(nodes),
                "pattern": {
                    "shape": ["/" if striped[node] else "" for node in nodes],
                    "fillmode": "overlay",
                    "solidity": 0.3,
                    "fgopacity": 0.4,
                    "size": 9,
                },
            },
            textfont={"size": 13},
            tiling={"pad": 2},
            pathbar={"visible": True},
        )
    )
    return finish(figure, height=height, title=title)


def _id(node: Sequence[str]) -> str:
    return _JOINT.join(("all", *node))


def _colours(nodes: Sequence[tuple[str, ...]]) -> list[str]:
    """The theme's colours, one for each outermost place and all within it; none for the root.

    Plotly gives out the same ones by itself, but then it draws stripes on no ground at all.
    """
    theme = theme_colours()
    outermost = list(dict.fromkeys(node[0] for node in nodes if node))
    return [theme[outermost.index(node[0]) % len(theme)] if node else _CLEAR for node in nodes]
