"""The Two tokenizers view of the Tokens page: the same text, cut by another model."""

from __future__ import annotations

import streamlit as st

from core.explore import tokens as tokenizing
from pages.components.token_strip.token_strip import token_strip
from pages.explore.tokens.input import Input
from pages.explore.tokens.strip import spans
from pages.shared.models import SECOND_MODEL, choose_reference, open_model
from pages.shared.text import plain


def show_two(given: Input) -> None:
    """The text as a strip by each of two models."""
    model = given.model
    other = open_model(choose_reference("Second model", key=SECOND_MODEL, help="Its tokenizer reads the same text."))
    if other.reference == model.reference:
        st.caption("Both are the same model now: choose another one to compare with.")
    for number, one in enumerate((model, other)):
        tokens = tokenizing.tokenize(one, given.text, given.pair)
        st.markdown(f"**{plain(one.title)}**: {len(tokens)} tokens from a vocabulary of {one.tokenizer.vocab_size:,}")
        token_strip(
            spans(tokens),
            key=f"two-{number}",
            label=f"Tokens of {one.title}",
            hint="Point at a token.",
            file_name=f"tokens-{number + 1}",
        )
