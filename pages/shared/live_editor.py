"""A table to type in over data that others may change meanwhile. Built on `st.data_editor`, which keeps nothing itself.

Three things that `st.data_editor` leaves to its user: a message from it holds every cell typed since it was drawn, of
which only the new ones are passed on; what changed in the data is drawn into the same table, so that nothing half typed
is lost; and a cell shows what was typed into it for as long as the table stands, so the table begins again when what is
kept is something else (it was changed by somebody else, taken back, or refused), though never while somebody types.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages.shared.text import report_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd


@dataclass(frozen=True, slots=True)
class Typed:
    """One cell that was typed over: its position in the frame, counted from 0, and the new value."""

    place: int
    column: str
    value: Any


@dataclass(slots=True)
class _Editor:
    """What a session remembers of one table. `sent` is what was passed on since it was drawn first."""

    key: str = ""
    generation: int = 0
    sent: dict[tuple[int, str], Any] = field(default_factory=dict)
    is_typing: bool = False


def is_typing(name: str) -> bool:
    """Whether this run of the page answers something that was typed into the table of this name."""
    return _editor(name).is_typing


def live_editor(
    frame: pd.DataFrame, *, name: str, identity: str, on_typed: Callable[[list[Typed]], object], **options: Any
) -> None:
    """A table in which cells can be typed over.

    identity: says which rows and columns these are; with another one the table begins again.
    on_typed: is given the cells that are new; where it raises `LabError`, they come again with the next ones.
    options: of `st.data_editor`.
    """
    editor = _editor(name)
    key = _key(name, identity, editor)
    if key != editor.key:
        editor.key, editor.sent = key, {}
    elif _is_outdated(key, frame):
        if editor.is_typing:
            st.button(
                "Some cells in the table show what was typed, and something else is kept. Show what is kept",
                key=f"{name}-show-kept",
                icon=":material/refresh:",
                type="tertiary",
            )
        else:
            editor.generation += 1
            key = editor.key = _key(name, identity, editor)
            editor.sent = {}
    editor.is_typing = False

    def pass_on() -> None:
        editor.is_typing = True
        cells = {
            (int(place), column): value
            for place, columns in st.session_state[editor.key]["edited_rows"].items()
            for column, value in columns.items()
        }
        new = {cell: value for cell, value in cells.items() if cell not in editor.sent or editor.sent[cell] != value}
        if new:
            on_typed([Typed(*cell, value) for cell, value in new.items()])
            editor.sent.update(new)

    st.data_editor(frame, key=key, on_change=report_errors, args=(pass_on,), **options)


def _is_outdated(key: str, frame: pd.DataFrame) -> bool:
    """Whether a cell shows what was typed although something else is kept."""
    typed = st.session_state[key]["edited_rows"] if key in st.session_state else {}
    return any(
        frame.iloc[int(place)][column] != ("" if value is None else value)
        for place, columns in typed.items()
        for column, value in columns.items()
    )


def _key(name: str, identity: str, editor: _Editor) -> str:
    return f"{name}-{editor.generation}-{identity}"


def _editor(name: str) -> _Editor:
    return st.session_state.setdefault(f"{name}-editor", _Editor())
