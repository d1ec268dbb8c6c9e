"""The What was cut view of the Tokens page: a limit, and which text gives way to it."""

from __future__ import annotations

import streamlit as st

from core.explore import tokens as tokenizing
from pages.components.token_strip.token_strip import token_strip
from pages.explore.tokens.input import Input
from pages.explore.tokens.strip import spans
from pages.shared.url_state import choose

STRATEGIES = {
    "longest_first": "Shorten the longer text first",
    "only_first": "Shorten the first text only",
    "only_second": "Shorten the second text only",
}


def show_cut(given: Input) -> None:
    """A lower limit, and the text with what is cut struck through."""
    model, text, pair = given.model, given.text, given.pair
    st.markdown(
        f"This model takes {model.max_length} positions, special tokens included. "
        "Try a lower limit and see which text gives way."
    )
    left, right = st.columns(2)
    usual = min(max(4, len(given.tokens) - 3), model.max_length)
    limit = left.slider("Limit", 4, model.max_length, usual, key="cut-limit", bind="query-params")
    with right:
        strategy = choose("When it is too long", STRATEGIES, key="cut-strategy")
    tokens = tokenizing.tokenize(model, text, pair, max_length=limit, truncation=strategy)
    st.caption(f"{len(tokens)} of {tokens.uncut_length} positions are kept.")
    token_strip(spans(tokens), key="cut-strip", label="What is kept and what is cut", hint="Struck through: cut.")
