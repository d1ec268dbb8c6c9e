"""Text and choices that live in the page's address, so that a link reopens the same view.

Widgets with few values use Streamlit's own `bind="query-params"`. Text is kept here instead: an address takes a few
thousand characters, and a long text would make one that no browser can reload.
"""

import streamlit as st

LONGEST_IN_URL = 1_500


def text_area(label: str, *, key: str, example: str, height: int = 120, placeholder: str = "") -> str:
    """A text area that remembers its text across pages, and in the address while it is short enough."""
    if key not in st.session_state:
        st.session_state[key] = st.query_params.get(key, example)
    text = st.text_area(label, key=key, height=height, placeholder=placeholder, persist_state="session")
    keep(key, text if text != example else "")
    return text


def keep(key: str, value: str) -> None:
    """Write a value into the address, or take it out when it is empty or too long."""
    if value and len(value) <= LONGEST_IN_URL:
        st.query_params[key] = value
    elif key in st.query_params:
        del st.query_params[key]
