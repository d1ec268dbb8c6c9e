"""Parts of a page that are drawn again every second or so, in place and without a sign of it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

# Streamlit greys out what the script has not reached again after half a second. On a slow machine a part that is always
# being redrawn would pulse.
_STYLE = """<style>
[class*="st-key-ticking-"] [data-stale="true"] { opacity: 1 !important; transition: none !important; }
</style>"""


def live_fragment(name: str, draw: Callable[..., None], *arguments: object, seconds: float | None) -> None:
    """Draw a part of the page every so many seconds, once when that is None. `name` tells it from others there."""
    st.html(_STYLE)
    with st.container(key=f"ticking-{name}"):
        st.fragment(draw, run_every=seconds)(*arguments)
