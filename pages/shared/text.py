"""Showing people's text as text: Streamlit reads labels and messages as Markdown, which a cell is not."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from core.errors import LabError

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:&^])")


def plain(text: str) -> str:
    """`text` so that Markdown shows every character as it is: no link, image, formula, icon or colour.

    >>> plain("**a** :red[b]")
    '\\\\*\\\\*a\\\\*\\\\* \\\\:red\\\\[b\\\\]'
    """
    return _MARKDOWN.sub(r"\\\1", text)


@contextmanager
def problems_shown() -> Iterator[None]:
    """Show a `LabError` from the block as a message with its remedy; the rest of the page goes on."""
    try:
        yield
    except LabError as error:
        show_problem(error)


def show_problem(error: LabError) -> None:
    """The problem in bold, what to do about it below."""
    st.error(f"**{plain(error.problem)}**\n\n{plain(error.remedy)}", icon=":material/error:")
