"""Fill the [MASK]: hide words, see what the model expects in their place, how it comes to that, and how it learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.explore.fill_mask.fill_mask import tokenize_masked
from pages.explore.fill_mask.game import show_game
from pages.explore.fill_mask.guesses import show_candidates, show_guesses
from pages.explore.fill_mask.input import type_masked
from pages.explore.fill_mask.layers import show_layers, show_two_models
from pages.explore.fill_mask.pairs import show_next_sentence
from pages.explore.fill_mask.surprise import show_surprise
from pages.explore.fill_mask.training import show_training
from pages.shared import navigation
from pages.shared.attribution import show_attribution
from pages.shared.models import chosen_model, traced
from pages.shared.text import errors_shown
from pages.shared.tokenize_input import tokenize_input
from pages.shared.url_state import choose_view

if TYPE_CHECKING:
    from core.models.loading import Model


def show_leaning(model: Model) -> None:
    """Which words an answer leans on, as on the Attention page."""
    masked = type_masked(model)
    if masked is not None:
        tokenize_masked(model, masked.text)  # says what is wrong where there is no answer
        show_attribution(traced(model, tokenize_input(model, masked.text, None)))


VIEWS = {
    "Guesses": show_guesses,
    "Given words": show_candidates,
    "Layer by layer": show_layers,
    "What it leans on": show_leaning,
    "Two models": show_two_models,
    "Surprise": show_surprise,
    "How it learned": show_training,
    "Next sentence": show_next_sentence,
    "Game": show_game,
}

st.title("Fill the [MASK]", anchor=False)
st.markdown("BERT learned language by guessing hidden words. Hide some, and see what it expects in their place.")
model = chosen_model()
view = choose_view(VIEWS, key=navigation.VIEW[navigation.FILL_MASK])
with errors_shown():
    VIEWS[view](model)
