"""Showing people's text as text: Streamlit reads labels and messages as Markdown, which a cell is not. And problems."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256

import streamlit as st

from core.errors import LabError

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:&^])")
# Streamlit also turns addresses into links, :names: into icons and -> into arrows, after the backslashes are gone.
_JOINTS = re.compile(r"(?<=[:@\-<>=])(?=\S)|(?<=\w)(?=\.\w)")
_WORD_JOINER = "\u2060"  # has no width and breaks no line
_PENDING_ERROR = "problem-told"


def plain(text: str) -> str:
    """`text` so that Markdown shows every character as it is: no link, image, formula, icon, arrow or colour.

    >>> plain("**a**")
    '\\\\*\\\\*a\\\\*\\\\*'
    """
    return _MARKDOWN.sub(r"\\\1", _JOINTS.sub(_WORD_JOINER, text))


def isolated(text: str) -> str:
    """`plain`, and so that a text written from right to left does not turn the words around it."""
    return f"\u2068{plain(text)}\u2069"


def digest(*parts: object) -> str:
    """A short name for texts and choices, for keys of widgets that start again with others."""
    return sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:12]


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show a `LabError` from the block as a message with its remedy; the rest of the page goes on."""
    try:
        yield
    except LabError as error:
        show_error(error)


def show_error(error: LabError) -> None:
    """The problem in bold, what to do about it below."""
    st.error(f"**{plain(error.problem)}**\n\n{plain(error.remedy)}", icon=":material/error:")


def show_reason(error: LabError) -> None:
    """Why a view has nothing to show here; no fault of anybody's, so not in red."""
    st.info(f"{plain(error.problem)} {plain(error.remedy)}")


def report_errors(action: Callable[..., object], *arguments: object) -> None:
    """What a button does, as its `on_click`; a `LabError` stands above the page when it is drawn next.

    A callback has no place on the page of its own.
    """
    try:
        action(*arguments)
    except LabError as error:
        st.session_state[_PENDING_ERROR] = error


def show_pending_error() -> None:
    """What a callback could not do, once."""
    if error := st.session_state.pop(_PENDING_ERROR, None):
        show_error(error)
