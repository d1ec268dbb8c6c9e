"""A typed text as the model reads it, with a word about what of it the model does not see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.explore.masks import with_model_mask
from core.explore.tokens import tokenize
from pages.shared.text import counted

if TYPE_CHECKING:
    from core.explore.tokens import Tokens
    from core.models.loading import Model


def read_typed(model: Model, text: str, pair: str | None) -> Tokens:
    """Tokenize a text, or a pair, “[MASK]” standing for the model's own mask; says what was cut and what is unknown."""
    tokens = tokenize(model, with_model_mask(model, text), with_model_mask(model, pair or ""))
    if tokens.uncut_length > len(tokens):
        st.caption(f"The text is cut: {tokens.uncut_length - len(tokens):,} tokens more than the model can take.")
    if unknown := tokens.ids.count(model.tokenizer.unk_token_id):
        st.caption(f"{counted(unknown, 'piece')} of this text the model does not know, and reads as “unknown”.")
    return tokens
