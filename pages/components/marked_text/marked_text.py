"""Texts with words marked in colour, each mark with its name. Our own component: marked_text.js, marked_text.css."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import streamlit as st

_HERE = Path(__file__).parent
_COMPONENT = st.components.v2.component(
    "marked_text",
    html='<div class="blocks"></div>',
    css=(_HERE / "marked_text.css").read_text("utf-8"),
    js=(_HERE / "marked_text.js").read_text("utf-8"),
)
COLOURS = ("blue", "orange", "green", "violet", "yellow", "gray")


class Stretch(TypedDict):
    """A part of a text. `colour` is one of `COLOURS`, or "" where it is not marked; `name` stands small behind it.

    A stretch that `is_wrong` is also underlined in waves, so that colour is not the only sign.
    """

    text: str
    colour: str
    name: str
    is_wrong: bool


class Line(TypedDict):
    """A text, and what it shows: “True”, “Predicted”; "" where that needs no words."""

    title: str
    stretches: list[Stretch]


class Block(TypedDict):
    """Lines about one row, below a title."""

    title: str
    lines: list[Line]


def stretch(text: str, colour: str = "", name: str = "", *, is_wrong: bool = False) -> Stretch:
    """One part of a text, by default not marked."""
    return Stretch(text=text, colour=colour, name=name, is_wrong=is_wrong)


def colours_of(names: Sequence[str]) -> dict[str, str]:
    """A colour for each name; with many names they repeat."""
    return {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(names)}


def marked(blocks: Sequence[Block], *, key: str, label: str) -> None:
    """Draw the blocks; `label` names them for screen readers. All text is put in as text, never as HTML."""
    _COMPONENT(key=key, data={"blocks": list(blocks), "label": label})
