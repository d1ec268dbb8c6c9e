"""How one number came about: its products as a list with bars, then the lines that lead to it.

Our own component: arithmetic.js, arithmetic.css.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from pages.components.base.blob import scripts

_HERE = Path(__file__).parent
_COMPONENT = st.components.v2.component(
    "arithmetic",
    html="""
    <div class="arithmetic" role="group">
      <div class="products">
        <div class="top">
          <p class="summary"></p>
          <div class="order" role="group" aria-label="Order of the products">
            <button type="button" data-order="largest">largest first</button>
            <button type="button" data-order="given">in order</button>
          </div>
        </div>
        <div class="scroll" tabindex="0" role="region" aria-label="Products">
          <table class="terms" role="table"><thead role="rowgroup"></thead><tbody role="rowgroup"></tbody></table>
        </div>
      </div>
      <table class="lines"><tbody></tbody></table>
    </div>
    """,
    css=(_HERE / "arithmetic.css").read_text("utf-8"),
    js=scripts(_HERE / "arithmetic.js"),
)


def arithmetic(
    *,
    sentence: str,
    terms: Sequence[tuple[str, float, float]],
    lines: Sequence[tuple[str, float]],
    left: str,
    right: str,
    key: str,
) -> None:
    """Draw products (label, left factor, right factor), if any, and lines (label, value); the last line is the result.

    `left` and `right` name the factors. `sentence` says it in words, to screen readers only: the page shows it itself.
    All text is put in as text, never as HTML.
    """
    _COMPONENT(
        key=key,
        data={
            "sentence": sentence,
            "terms": [[label, _finite(one), _finite(other)] for label, one, other in terms],
            "lines": [[label, _finite(value)] for label, value in lines],
            "left": left,
            "right": right,
        },
    )


def _finite(value: float) -> float | str:
    """The number, or for what JSON lacks its name in JavaScript."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
