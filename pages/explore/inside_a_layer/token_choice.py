"""The text as a strip in which a token is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.components.token_strip.token_strip import Span, span, token_strip
from pages.shared.url_state import keep, seed

if TYPE_CHECKING:
    from core.explore.tokens import Tokens

# Keys of the session's state; the first one stands in the address, too
TOKEN, TOKEN_OF, STRIP = "token", "token-of", "token-strip"


def choose_token(tokens: Tokens, mask: str | None) -> int:
    """Draw the text as a strip; the position chosen by a click, at first the mask or else the first own token.

    The choice belongs to the text: another text starts again.
    """
    own = next((place for place, side in enumerate(tokens.sequence) if side is not None), 0)
    default = tokens.tokens.index(mask) if mask in tokens.tokens else own
    if st.session_state.setdefault(TOKEN_OF, tokens.tokens) != tokens.tokens:
        st.session_state[TOKEN_OF], st.session_state[TOKEN] = tokens.tokens, str(default)
        keep(TOKEN, str(default))
    seed(TOKEN, str(default))
    held = st.session_state[TOKEN]
    chosen = int(held) if held.isdecimal() and len(held) < 7 and int(held) < len(tokens) else default
    token_strip(
        [_drawn(tokens, place, place == chosen) for place in range(len(tokens))],
        key=STRIP,
        label="Choose a token",
        hint=f"Looking at “{tokens.tokens[chosen]}”, position {chosen}. Click another token to look at that one.",
        on_click=lambda: st.session_state.update({TOKEN: str(st.session_state[STRIP].clicked)}),
    )
    keep(TOKEN, str(chosen))
    return chosen


def _drawn(tokens: Tokens, place: int, is_chosen: bool) -> Span:
    token = tokens.tokens[place]
    kind = "mask" if is_chosen else "special" if tokens.is_special[place] else "token"
    return span(
        token, kind, group=place, segment=tokens.segments[place], note=f"{token}, position {place}", index=place
    )
