"""Embeddings: the vectors behind tokens and texts, as maps, as cosines, and by their nearest words."""

import streamlit as st

from pages.explore.embeddings.cosines import show_cosines
from pages.explore.embeddings.dataset_map import show_data_map
from pages.explore.embeddings.token_map import show_token_map
from pages.explore.embeddings.words import show_nearest, show_one_word
from pages.shared import navigation
from pages.shared.models import chosen_model
from pages.shared.text import errors_shown
from pages.shared.url_state import choose_view

VIEWS = {
    "Map of tokens": show_token_map,
    "Map of a data set": show_data_map,
    "Cosines": show_cosines,
    "One word": show_one_word,
    "Nearest words": show_nearest,
}

st.title("Embeddings", anchor=False)
st.markdown(
    "Inside BERT every token is a list of numbers. See which ones lie close together, and how layers move them."
)
model = chosen_model()
view = choose_view(VIEWS, key=navigation.VIEW[navigation.EMBEDDINGS])
with errors_shown():
    VIEWS[view](model)
