"""Curves of a run that goes on, for Altair: updated in place, where Plotly's are drawn again on each change and blink.

As SVG each point is an element that screen readers can read. A chart is made without its data, once for each panel and
axis: one that changed with its data would be mounted again as well, and checking it against the schema takes Altair
longer than drawing it.
"""

import functools
from typing import Any

import altair

from core.charts.run_curves import Axis, Panel

DATA = "points"  # what the data are called
HEIGHT = 310
PALE = 0.3


@functools.lru_cache(maxsize=128)
def live_lines(panel: Panel, axis: Axis) -> dict[str, Any]:
    """The Vega-Lite specification for the data `DATA`, as from `points_of`; not to be changed by whoever gets it.

    Lines in one colour a curve; measured points stand pale behind their smoothed line.
    """
    names = [curve.name for curve in panel.curves]
    steps = {"tickMinStep": 1, "format": ",d"} if axis.field == "step" else {"format": "~g"}
    base = altair.Chart(altair.Data(name=DATA)).encode(
        altair.X("x:Q", title=None, scale=altair.Scale(zero=True), axis=altair.Axis(tickCount=6, **steps)),
        altair.Y("value:Q", title=None, scale=altair.Scale(zero=False), axis=altair.Axis(format=panel.number_format)),
        altair.Color(
            "curve:N",
            title=None,
            scale=altair.Scale(domain=names),
            legend=altair.Legend(orient="bottom", columns=2, offset=4) if len(names) > 1 else None,
        ),
        opacity=altair.condition(altair.datum.line == "behind", altair.value(PALE), altair.value(1)),
        detail="line:N",
        tooltip=[
            altair.Tooltip("curve:N", title="curve"),
            altair.Tooltip("line:N", title="line"),
            altair.Tooltip("x:Q", title=axis.name, format=",.4~g"),
            altair.Tooltip("value:Q", title=panel.title, format=".4g"),
        ],
    )
    dots = base.transform_filter("datum.has_dot").mark_circle(size=12)
    return (
        altair.layer(base.mark_line(strokeWidth=1.6), dots)
        .properties(
            title=f"{panel.title} by {axis.name}",
            height=HEIGHT,
            usermeta={"embedOptions": {"renderer": "svg"}},
        )
        .to_dict()
    )
