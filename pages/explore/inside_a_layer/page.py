"""Inside a layer: one sentence followed through the model, stage by stage and number by number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.explore import examples, walkthrough
from pages.explore.inside_a_layer.token_choice import choose_token
from pages.explore.inside_a_layer.walk import show_attended, show_walk
from pages.shared.models import chosen_model, example, example_pair, traced
from pages.shared.text import errors_shown
from pages.shared.tokenize_input import tokenize_input
from pages.shared.url_state import choose_head, choose_layer, text_line

if TYPE_CHECKING:
    from core.models.loading import Model

PADDING = 2

st.title("Inside a layer", anchor=False)
st.markdown(
    "Follow one sentence through BERT, from words to numbers to a guess. Click any number to see where it comes from."
)
model: Model = chosen_model()
text = text_line(
    "Text", key="followed", example=example(model, examples.FOLLOWED.text), placeholder="Type a sentence, press Enter"
)
with st.container(horizontal=True):
    with_pair = st.toggle("Add a second text", key="followed-with-pair", bind="query-params")
    with_padding = st.toggle(
        "Add padding",
        key="with-padding",
        bind="query-params",
        disabled=model.tokenizer.pad_token is None,
        help=f"Adds {PADDING} positions of padding, to show what the mask does.",
    )
padding = PADDING if with_padding and model.tokenizer.pad_token else 0
pair = (
    text_line("Second text", key="followed-pair", example=example_pair(model, examples.FOLLOWED.pair))
    if with_pair
    else None
)
with errors_shown():
    tokens = tokenize_input(model, text, pair)
    position = choose_token(tokens, model.tokenizer.mask_token)
    t = traced(model, tokens, padding=padding)
    left, right = st.columns([1, 2])
    with left:
        layer = choose_layer(t.layers)
    with right:
        head = choose_head(t.heads)
    focus = walkthrough.Focus(layer, head, position)
    show_attended(t, focus)
    show_walk(t, focus, padding)
