"""Embeddings: the vectors behind tokens and texts, as maps, as cosines, and by their nearest words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from core.charts.attention import cosine_heatmap
from core.charts.scatter import token_map
from core.explore.embeddings import neighbours, projection, vectors
from core.models.layer_names import after_state, state_columns, state_name
from pages.explore.embeddings.dataset_map import show_data_map
from pages.explore.embeddings.input import (
    choose_layer,
    choose_place,
    choose_pooling,
    choose_projection,
    explain_projection,
    random_cosines,
    telling_place,
    type_sentences,
)
from pages.explore.embeddings.words import show_nearest, show_one_word
from pages.shared import navigation
from pages.shared.export import csv_button, figure
from pages.shared.models import chosen_model
from pages.shared.text import counted, errors_shown, plain
from pages.shared.url_state import WHOLE_WORDS, choose_view

if TYPE_CHECKING:
    from core.explore.embeddings.projection import LayerMaps
    from core.models.loading import Model

VIEWS = ("Map of tokens", "Map of a data set", "Cosines", "One word", "Nearest words")
COMPARED = ("Tokens", "Words", "Sentences")
MOST_COMPARED = 100
LEANING = 0.2  # the mean cosine of random words from which on it is worth a warning


@st.cache_data(max_entries=30, show_spinner="Arranging the points, layer by layer; UMAP takes a while to warm up …")
def maps_of(key: tuple, _vectors: np.ndarray) -> LayerMaps:
    """The points at every layer; `key` says what `_vectors` are and ends with the method and the seed."""
    return projection.project_layers(_vectors, key[-2], seed=key[-1])


def show_token_map(model: Model) -> None:
    """The tokens of a few sentences, moving from layer to layer."""
    st.markdown(
        "Each point is one token of the sentences, placed by its vector. Slide through the layers below the picture, "
        "or press ▶, and watch tokens move towards those whose meaning they share."
    )
    t, tokens = type_sentences(model)
    with st.container(horizontal=True):
        whole_words = st.toggle("Whole words", key=WHOLE_WORDS, bind="query-params")
        with_special = st.toggle("With [CLS] and [SEP]", key="with-special", bind="query-params")
    places = vectors.places(tokens, whole_words=whole_words, with_special=with_special)
    if not places:
        st.info("These sentences have no token of their own.")
        return
    left, right = st.columns(2)
    with left:
        method, seed = choose_projection("tokens")
        followed = choose_place("Follow", places, key="follow", default=telling_place(places, tokens))
    with right:
        layer = choose_layer(model, "Opens after layer")
    key = (model.fingerprint, tuple(each.text for each in tokens), whole_words, with_special, method, seed)
    maps = maps_of(key, vectors.place_vectors(t, places))
    names = [place.name for place in places]
    chart = token_map(
        maps.points,
        names,
        [place.text for place in places],
        [each.text for each in tokens],
        followed=followed,
        layer=layer,
        layer_names=[state_name(each) for each in range(len(maps.points))],
    )
    alt = (
        f"{method} map of {counted(len(places), 'token')} {after_state(layer)}; the way of “{names[followed]}” is drawn"
    )
    figure(chart, key="token-map", alt=alt)
    if method == "PCA":
        shares = ", ".join(f"{sum(each):.0%}" for each in maps.explained)
        st.caption(f"The picture shows this share of the variance, from the embeddings on: {shares}.")
    explain_projection(method)
    st.caption(
        "Directions only, as for the cosine. Each layer has its own projection, drawn to one size and then turned or "
        "mirrored, never stretched, to lie as close as it can on the layer before (orthogonal Procrustes): movement is "
        "change, not a turn of the axes."
    )
    rows = [
        (*state_columns(layer).values(), place.text + 1, place.positions[0], place.name, *maps.points[layer, number])
        for layer in range(len(maps.points))
        for number, place in enumerate(places)
    ]
    table = pd.DataFrame(rows, columns=[*state_columns(0), "Sentence", "Position", "Token", "x", "y"])
    csv_button("Points as CSV", table, "map-of-tokens")


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


SHOW = dict(zip(VIEWS, (show_token_map, show_data_map, show_cosines, show_one_word, show_nearest), strict=True))

st.title("Embeddings", anchor=False)
st.markdown(
    "Inside BERT every token is a list of numbers. See which ones lie close together, and how layers move them."
)
model = chosen_model()
view = choose_view(SHOW, key=navigation.VIEW[navigation.EMBEDDINGS])
with errors_shown():
    SHOW[view](model)
