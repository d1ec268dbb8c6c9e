"""The Map of tokens view of Embeddings: the tokens of a few sentences, moving from layer to layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from core.charts.scatter import token_map
from core.errors import counted
from core.explore.embeddings import projection, vectors
from core.models.layer_names import after_state, state_columns, state_name
from pages.explore.embeddings.input import (
    choose_layer,
    choose_place,
    choose_projection,
    explain_projection,
    telling_place,
    type_sentences,
)
from pages.shared.export import csv_button, figure
from pages.shared.url_state import WHOLE_WORDS

if TYPE_CHECKING:
    from core.explore.embeddings.projection import LayerMaps
    from core.models.loading import Model


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
