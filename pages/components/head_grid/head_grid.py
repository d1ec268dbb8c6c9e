"""Every head's attention as a small picture, layers down and heads across; a click opens one.

Our own component: head_grid.js, head_grid.css.
"""

from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import streamlit as st

from pages.components.base.blob import blob, scripts

_HERE = Path(__file__).parent
_COMPONENT = st.components.v2.component(
    "head_grid",
    html='<div class="heads" role="grid"></div>',
    css=(_HERE / "head_grid.css").read_text("utf-8"),
    js=scripts(_HERE / "head_grid.js"),
)


def head_grid(
    pictures: np.ndarray,
    *,
    key: str,
    chosen: Collection[tuple[int, int]],
    on_open: Callable[[], None],
    label: str,
) -> None:
    """Draw uint8 pictures (layer, head, row, column), each a button.

    By keyboard the grid is one stop: arrows go from head to head, Enter is a click.
    A click sets `session_state[key].opened` to [layer, head] and calls `on_open`; those `chosen` now, (layer, head)
    each, have a frame.
    """
    layers, heads, rows, columns = pictures.shape
    header = {"count": [layers, heads], "size": [rows, columns], "chosen": sorted(chosen), "label": label}
    _COMPONENT(key=key, data=blob(header, pictures.tobytes()), on_opened_change=on_open)
