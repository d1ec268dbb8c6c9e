"""The Back to text view of the Tokens page: what the tokenizer makes of its own ids."""

from __future__ import annotations

import streamlit as st

from core.explore import tokens as tokenizing
from pages.explore.tokens.input import Input


def show_decoded(given: Input) -> None:
    """The ids decoded, with special tokens and without."""
    model, ids = given.model, given.tokens.ids
    st.markdown("Ids back into text. What normalization dropped (case, accents, spacing) does not come back.")
    st.markdown("**With special tokens**")
    st.code(tokenizing.decode(model, ids), language=None, wrap_lines=True)
    st.markdown("**Without**")
    st.code(tokenizing.decode(model, ids, skip_special_tokens=True), language=None, wrap_lines=True)
