"""A matrix as a grid of written, coloured cells that can be chosen. Our own component.

matrix.js holds what people see and do, matrix_saving.js the picture as a file. The browser gets the two as one.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from pages.components.base.blob import blob, scripts

MASKED = -1e30  # what lies below is no score but a mask: drawn as −∞ and left out of the colours' range

OUTLIERS = 0.01  # the share of largest values that all get the strongest colour, so that the others keep theirs

_HERE = Path(__file__).parent
_COMPONENT = st.components.v2.component(
    "matrix",
    html="""
    <div class="matrix">
      <div class="legend">
        <span class="axes"></span>
        <span class="colors"><span class="low"></span><i class="scale"></i><span class="high"></span></span>
        <button type="button" class="save">Save PNG</button>
      </div>
      <div class="overview" aria-hidden="true"><canvas></canvas><i class="window"></i></div>
      <div class="grid" tabindex="0" role="application" aria-roledescription="matrix">
        <div class="space"><canvas class="cells"></canvas></div>
      </div>
      <p class="focus" aria-live="polite"></p>
      <p class="pointed"></p>
    </div>
    """,
    css=(_HERE / "matrix.css").read_text("utf-8"),
    js=scripts(_HERE / "matrix.js", _HERE / "matrix_saving.js"),
)


def matrix(
    values: np.ndarray,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    key: str,
    label: str,
    row_axis: str,
    column_axis: str,
    kind: str,
    cell: tuple[int, int],
    marked_row: int | None = None,
    file_name: str = "matrix",
) -> tuple[int, int]:
    """Draw the (rows, columns) numbers and return the cell in focus: the one chosen last, else `cell`.

    `kind` is "signed" (around zero) or "share" (from zero up). `label` names the grid for screen readers, the axes say
    what a row and a column stand for. The chosen cell belongs to `key`: put into it whatever should bring back `cell`.
    The whole of it can be saved as a picture called `file_name`. All text is put in as text, never as HTML.
    """
    if values.shape != (len(rows), len(columns)):
        raise ValueError(f"{values.shape} values for {len(rows)} rows and {len(columns)} columns")
    focus = _chosen(key, values.shape) or cell
    header = {
        "rows": list(rows),
        "columns": list(columns),
        "label": label,
        "file": file_name,
        "axes": [row_axis, column_axis],
        "signed": kind == "signed",
        "limit": _limit(values, kind),
        "masked": MASKED,
        "marked": marked_row,
        "cell": [int(place) for place in focus],
    }
    _COMPONENT(key=key, data=pack(header, values), on_cell_change=lambda: None)
    return focus


def labelled(values: np.ndarray, rows: Sequence[str], columns: Sequence[str], row_axis: str) -> pd.DataFrame:
    """The numbers with their labels as a table; columns are numbered too, because tokens repeat."""
    names = [label if label == str(place) else f"{place}: {label}" for place, label in enumerate(columns)]
    table = pd.DataFrame(values, columns=names)
    table.insert(0, row_axis or "row", list(rows))
    return table


def pack(header: dict, values: np.ndarray) -> bytes:
    """One blob: the header, and the values as float32, by rows.

    >>> pack({}, np.zeros((1, 1)))
    b'\\x04\\x00\\x00\\x00{}  \\x00\\x00\\x00\\x00'
    """
    return blob(header, values.astype("<f4").tobytes())


def _chosen(key: str, shape: tuple[int, ...]) -> tuple[int, int] | None:
    """The cell that was chosen last, unless there is none such in a matrix of this shape."""
    match st.session_state.get(key, {}).get("cell"):
        case [int(row), int(column)] if 0 <= row < shape[0] and 0 <= column < shape[1]:
            return row, column
    return None


def _limit(values: np.ndarray, kind: str) -> float:
    """The value with the strongest colour."""
    shown = np.abs(values[np.isfinite(values) & (values > MASKED)])
    if not shown.size:
        return 1.0
    return float(np.quantile(shown, 1 - OUTLIERS) if kind == "signed" else shown.max()) or 1.0
