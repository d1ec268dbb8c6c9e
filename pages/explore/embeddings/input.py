"""What the views of Embeddings share: the sentences typed, the layer, a token to look at, the random-pair baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.data.sources.references import open_table
from core.data.sources.sample_sets import samples
from core.errors import counted
from core.explore import examples
from core.explore.embeddings import neighbours, vectors
from core.explore.embeddings.projection import METHODS
from core.models import catalogue
from core.models.layer_names import STATES_IN_CODE, short_state_name
from pages.shared.models import example, traced
from pages.shared.url_state import choose_listed, keep, seed, text_area, whole_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from core.explore.embeddings.vectors import Place
    from core.explore.tokens import Tokens
    from core.explore.trace import Trace
    from core.models.loading import Model

AFTER_LAYER = "after-layer"  # key of the session's state, in the address, too
BACKGROUND_TEXTS = 60
POOLINGS = {"mean": "Mean of its tokens", "cls": "[CLS]"}


def type_sentences(model: Model) -> tuple[Trace, tuple[Tokens, ...]]:
    """The field for sentences, and their forward pass; says what was left out. Raises `LabError` when it is empty."""
    text = text_area(
        "Sentences, one per line",
        key="sentences",
        example=example(model, examples.SENTENCES.text, examples.TEACHING_SENTENCES.text),
        height=124,
        placeholder="Type a few sentences, one per line",
    )
    lines, left_out = vectors.sentences(text)
    tokens = vectors.tokenize_all(model, lines)
    if left_out:
        st.caption(f"The first {len(lines)} lines are looked at; {counted(left_out, 'more line')} left out.")
    if cut := sum(each.uncut_length > len(each) for each in tokens):
        st.caption(f"{counted(cut, 'sentence')} cut to {vectors.MOST_POSITIONS} tokens, before the model reads it.")
    return traced(model, tokens), tokens


def choose_layer(model: Model, label: str = "After layer") -> int:
    """A hidden state from 0, the embeddings, to L, what leaves the last layer; the last when nothing was chosen."""
    layers = [str(number) for number in range(model.layers + 1)]
    seed(AFTER_LAYER, layers[-1], allowed=layers)
    chosen = st.select_slider(
        label,
        layers,
        format_func=lambda each: short_state_name(int(each)),
        key=AFTER_LAYER,
        help=f"What leaves a layer. The embeddings enter the first one: word, position and segment. {STATES_IN_CODE}",
        persist_state="session",
    )
    keep(AFTER_LAYER, chosen)
    return int(chosen)


def choose_pooling(label: str) -> str:
    """How the vectors of a text's tokens become one: a key of `POOLINGS`."""
    return st.selectbox(
        label,
        list(POOLINGS),
        format_func=POOLINGS.get,
        key="pooling",
        help="The mean is over all tokens of a text, [CLS] and [SEP] included, padding left out. "
        "Or the vector of [CLS] alone, which classifiers read.",
        bind="query-params",
    )


def choose_place(label: str, places: Sequence[Place], *, key: str, default: int) -> int:
    """One of the tokens or words, by a list; kept in the address as sentence.position."""
    ids = [f"{place.text + 1}.{place.positions[0]}" for place in places]
    titles = {
        each: f"{place.name} (sentence {place.text + 1}, position {place.positions[0]})"
        for each, place in zip(ids, places, strict=True)
    }
    return ids.index(choose_listed(label, titles, key=key, default=ids[default]))


def telling_place(places: Sequence[Place], tokens: Sequence[Tokens]) -> int:
    """The place to look at first: the longest word that stands in several places, else the first own one."""
    for word in neighbours.repeated_words(tokens):
        for number, place in enumerate(places):
            if place.name.casefold() == word:
                return number
    return 0


def choose_projection(key: str) -> tuple[str, int]:
    """(method, seed): one of PCA, t-SNE, UMAP, and where the last two begin to roll their dice."""
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    method = left.segmented_control(
        "Projection",
        METHODS,
        default=METHODS[0],
        required=True,
        key=f"{key}-projection",
        help="PCA keeps the directions in which the points differ most. t-SNE and UMAP keep neighbours together.",
        bind="query-params",
    )
    if method == "PCA":
        return method, 0
    different = "Another number gives another map of the same points: what stays is real."
    return method, whole_number("Seed", 0, 9_999, 0, key=f"{key}-seed", place=right, help=different)


def explain_projection(method: str) -> None:
    """What may be read from such a map."""
    if method != "PCA":
        st.caption(
            f":material/warning: {method} keeps close what is close. How far clusters lie apart, how large they are "
            "and how they are turned means little; another seed draws them elsewhere."
        )


def random_cosines(model: Model, pooling: str | None = None) -> np.ndarray:
    """Cosines of random words of other sentences, or of whole sentences, (layer + 1, pair): of a sample that ships."""
    return _random_cosines(model.fingerprint, pooling, model)


@st.cache_data(max_entries=20, show_spinner="Comparing random pairs …")
def _random_cosines(version: str, pooling: str | None, _model: Model) -> np.ndarray:
    if _model.reference == catalogue.TEACHING:
        texts = examples.TEACHING_SENTENCES.text.splitlines()
    else:
        table = open_table(samples()[0].reference)
        own = table[samples()[0].mapping.text_column]
        texts = [own[row] for row in vectors.sample_rows(len(own), BACKGROUND_TEXTS)]
    return neighbours.random_pair_cosines(traced(_model, vectors.tokenize_all(_model, texts)), pooling=pooling)
