"""A text drawn token by token, each a button. Our own component: token_strip.css, and two scripts.

token_strip.js holds what people see and do, token_strip_saving.js the picture as a file. The browser gets them as one.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypedDict

import streamlit as st

from pages.components.base.blob import scripts

_HERE = Path(__file__).parent
_COMPONENT = st.components.v2.component(
    "token_strip",
    html="""
    <div class="strip"></div>
    <p class="detail" aria-live="polite"></p>
    <button type="button" class="save">Save PNG</button>
    """,
    css=(_HERE / "token_strip.css").read_text("utf-8"),
    js=scripts(_HERE / "token_strip.js", _HERE / "token_strip_saving.js"),
)


class Span(TypedDict):
    """A stretch of text. `kind`: gap (between tokens), token, special, unknown, mask or cut (beyond the limit).

    `group` alternates from word to word and gives the shade; `segment` is 0 or 1 and gives the colour; `note` is shown
    when the token is pointed at; `index` is what a click reports; `weight` from -1 (orange) to 1 (blue) is how strongly
    a token is coloured, None for the colour of its kind.
    """

    text: str
    kind: str
    group: int
    segment: int
    note: str
    index: int
    weight: float | None


def span(
    text: str,
    kind: str,
    *,
    group: int = 0,
    segment: int = 0,
    note: str = "",
    index: int = -1,
    weight: float | None = None,
) -> Span:
    """One stretch of text for the strip."""
    return Span(text=text, kind=kind, group=group, segment=segment, note=note, index=index, weight=weight)


def token_strip(
    spans: Sequence[Span],
    *,
    key: str,
    label: str,
    hint: str,
    on_click: Callable[[], None] | None = None,
    file_name: str = "",
) -> None:
    """Draw the spans. A click shows the note below; with `on_click` it also sets `session_state[key].clicked`.

    By keyboard the strip is one stop: arrows go from token to token and show its note, Enter is a click.

    `label` names the strip for screen readers, `hint` stands where the note will appear. With `file_name` it can
    be saved as a picture. All text is put in as text, never as HTML.
    """
    _COMPONENT(
        key=key,
        data={
            "spans": list(spans),
            "label": label,
            "hint": hint,
            "clickable": on_click is not None,
            "file": file_name,
        },
        on_clicked_change=on_click or (lambda: None),
    )
