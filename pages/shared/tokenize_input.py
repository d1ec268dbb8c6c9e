"""A typed text as the model reads it, with a word about what of it the model does not see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.errors import counted
from core.explore.fill_mask.masks import with_model_mask
from core.explore.tokens import tokenize

if TYPE_CHECKING:
    from core.explore.tokens import Tokens
    from core.models.loading import Model


_STRATEGIES = {"longest": "longest_first", "first": "only_first", "second": "only_second"}


def tokenize_input(model: Model, text: str, pair: str | None, *, to_answer: bool = False) -> Tokens:
    """Tokenize a text, or a pair, “[MASK]” standing for the model's own mask; says what was cut and what is unknown.

    A run's model can look at more than it was trained and scored with. `to_answer` cuts to that, so that the answers
    shown are those that the run gives everywhere else.
    """
    texts = with_model_mask(model, text), with_model_mask(model, pair or "")
    own = model.settings if model.task != "masked-lm" else None
    if own is not None and to_answer:
        strategy = _STRATEGIES[own.truncation] if pair else "longest_first"
        tokens = tokenize(model, *texts, max_length=own.max_length, truncation=strategy)
    else:
        tokens = tokenize(model, *texts)
    if beyond := tokens.uncut_length - len(tokens):
        why = "more than the model can take"
        if len(tokens) < model.max_length:
            why = "more than this run was trained and scored with; its answers use the rest only"
        st.caption(f"The text is cut: {beyond:,} tokens {why}.")
    if own is not None and len(tokens) > own.max_length:
        st.caption(f"All of the text is shown. This run's own answers use at most {own.max_length} of its tokens.")
    if unknown := tokens.ids.count(model.tokenizer.unk_token_id):
        st.caption(f"The model does not know {counted(unknown, 'token')} of this text and reads each as “unknown”.")
    return tokens
