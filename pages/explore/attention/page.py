"""Attention: who looks at whom, head by head; what heads do, what happens without them, and what an answer rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.explore import examples
from pages.explore.attention.ablation import show_switching_off
from pages.explore.attention.bertviz import show_bertviz
from pages.explore.attention.choices import open_with_head, opening_head
from pages.explore.attention.compare import show_comparison
from pages.explore.attention.heads import show_all_heads, show_one_head
from pages.explore.attention.lines import show_lines
from pages.explore.attention.summary import show_summary
from pages.shared import navigation
from pages.shared.attribution import show_attribution
from pages.shared.models import chosen_model, example, example_pair, traced
from pages.shared.text import errors_shown
from pages.shared.tokenize_input import tokenize_input
from pages.shared.url_state import choose_view, text_line

if TYPE_CHECKING:
    from core.models.loading import Model

VIEWS = {
    "Lines": show_lines,
    "All heads": show_all_heads,
    "One head": show_one_head,
    "Summary": show_summary,
    "Switch off heads": show_switching_off,
    "What the answer rests on": show_attribution,
    "Compare": show_comparison,
    "bertviz": show_bertviz,
}

ANSWERING = ("Switch off heads", "What the answer rests on")

st.title("Attention", anchor=False)
st.markdown("Each head of each layer lets every token look at all others. Here is who looks at whom.")
model: Model = chosen_model()
usual = examples.ATTENDED_BY_CLASSIFIER if model.labels else examples.ATTENDED
text = text_line("Text", key="attended", example=example(model, usual.text), placeholder="Type a sentence, press Enter")
with_pair = st.toggle("Add a second text", key="attended-with-pair", bind="query-params")
pair = (
    text_line("Second text", key="attended-pair", example=example_pair(model, examples.ATTENDED.pair))
    if with_pair
    else None
)
view = choose_view(VIEWS, key=navigation.VIEW[navigation.ATTENTION])
with errors_shown():
    t = traced(model, tokenize_input(model, text, pair, to_answer=view in ANSWERING))
    if view != "Compare":  # it opens with the head that differs most
        open_with_head(*opening_head(t))
    VIEWS[view](t)
st.caption("Attention shows where a head looks, not why the model answers: see “What the answer rests on”.")
