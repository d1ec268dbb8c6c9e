"""The Cosines view of Embeddings: how alike each token, word or sentence is to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.charts.attention import cosine_heatmap
from core.explore.embeddings import neighbours, vectors
from core.models.layer_names import after_state
from pages.explore.embeddings.input import (
    choose_layer,
    choose_pooling,
    random_cosines,
    type_sentences,
)
from pages.shared.export import csv_button, figure
from pages.shared.text import plain

if TYPE_CHECKING:
    from core.models.loading import Model

COMPARED = ("Tokens", "Words", "Sentences")
MOST_COMPARED = 100
LEANING = 0.2  # the mean cosine of random words from which on it is worth a warning


def show_cosines(model: Model) -> None:
    """How alike each token, word or sentence is to each other."""
    st.markdown(
        "How alike are two vectors? Their cosine is 1 when they point the same way, 0 when they have nothing in "
        "common. Each cell compares its row with its column; columns stand in the order of the rows."
    )
    t, tokens = type_sentences(model)
    left, right = st.columns(2)
    with left:
        compared = st.segmented_control(
            "Compare", COMPARED, default=COMPARED[1], required=True, key="compared", bind="query-params"
        )
        pooling = "mean"
        if compared == "Sentences":
            pooling = choose_pooling("One vector per sentence")
    with right:
        layer = choose_layer(model)
    if compared == "Sentences":
        names = [each.text for each in tokens]
        compared_vectors = vectors.sentence_vectors(t, pooling)[layer]
    else:
        places = vectors.places(tokens, whole_words=compared == "Words")[:MOST_COMPARED]
        names = [place.name for place in places]
        compared_vectors = vectors.place_vectors(t, places)[layer]
        if len(places) == MOST_COMPARED:
            st.caption(f"The first {MOST_COMPARED} are compared.")
    if not names:
        st.info("These sentences have no token of their own.")
        return
    values = neighbours.cosine_matrix(compared_vectors)
    figure(cosine_heatmap(values, names), key="cosines", alt=f"Cosines between {len(names)} {compared.lower()}")
    if pair := neighbours.most_alike(values, names):
        row, column = pair
        first, second = (plain(names[each][:80].strip()) for each in (row, column))
        st.markdown(f"Most alike: **{first}** and **{second}**, {values[row, column]:.2f}.")
    of_sentences = compared == "Sentences"
    random = random_cosines(model, pooling if of_sentences else None)[layer].mean()
    unrelated = "two unrelated sentences" if of_sentences else "two random words of unrelated sentences"
    words = f"{after_state(layer).capitalize()}, {unrelated} have a cosine of {round(random, 2) + 0.0:.2f} on average"
    if random > LEANING:
        words += ": nearly everything leans the same way in this model's space, so compare with that, not with 0"
    st.caption(f"{words}.")
    table = pd.DataFrame(values, columns=[f"{number}: {name}" for number, name in enumerate(names, start=1)])
    table.insert(0, compared[:-1], names)
    csv_button("Matrix as CSV", table, "cosines")
