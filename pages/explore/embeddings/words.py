"""Two views of Embeddings: one word in several sentences, and the vocabulary entries nearest to a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from core.charts.bars import horizontal_bars
from core.charts.curves import lines_by_layer
from core.errors import LabError
from core.explore.embeddings import neighbours, vectors
from core.models.layer_names import after_state, state_columns, state_name
from pages.explore.embeddings.input import choose_layer, choose_place, random_cosines, telling_place, type_sentences
from pages.shared.export import csv_button, figure
from pages.shared.text import plain, show_error
from pages.shared.url_state import choose_listed

if TYPE_CHECKING:
    from core.explore.embeddings.neighbours import WordInContexts
    from core.explore.embeddings.vectors import Place
    from core.explore.trace import Trace
    from core.models.loading import Model

SHOWN_PLACES, SHOWN_PAIRS = 10, 10
TOP_K = 10
SHOWN_GUESSES = 5


def show_one_word(model: Model) -> None:
    """One word in several places: how alike its vectors are after each layer, against random pairs of words."""
    st.markdown(
        "One word, several sentences: before the first layer its vectors are almost the same; layer by layer they take "
        "on the meaning of their sentence. The dashed line is how alike *any* two words are."
    )
    t, tokens = type_sentences(model)
    words = neighbours.repeated_words(tokens)
    if not words:
        st.info("No word stands in two places. Write the same word in at least two sentences.")
        return
    titles = {each: each for each in words}
    word = choose_listed("Word", titles, key="word", help="Words that stand in two places or more.", width=320)
    found = neighbours.word_in_contexts(t, word)
    last = found.cosines[-1]
    named = {*found.pairs[int(last.argmax())], *found.pairs[int(last.argmin())]}  # below
    for number, place in enumerate(found.places):
        if number < SHOWN_PLACES or number in named:
            st.caption(f"**{number + 1}** {_in_its_sentence(t, place)}")
    if len(found.places) > SHOWN_PLACES:
        st.caption(f"{len(found.places)} places in all.")
    draw_one_word(word, found, random_cosines(model))


def _in_its_sentence(t: Trace, place: Place) -> str:
    """The sentence with the word in bold, as Markdown, with some 60 characters on each side."""
    source = t.texts[place.text]
    start = source.offsets[place.positions[0]][0]
    end = source.offsets[place.positions[-1]][1]
    before, after = source.text[max(0, start - 60) : start], source.text[end : end + 60]
    return f"{plain(before)}**{plain(source.text[start:end])}**{plain(after)}"


def draw_one_word(word: str, found: WordInContexts, random: np.ndarray) -> None:
    """A line for each pair, or their mean when there are many, over the random pairs; all numbers below."""
    names = [f"{first + 1} and {second + 1}" for first, second in found.pairs]
    if len(names) <= SHOWN_PAIRS:
        series = dict(zip(names, found.cosines.T.tolist(), strict=True))
    else:
        series = {f"mean of {len(names):,} pairs": found.cosines.mean(1).tolist()}
    low, high = np.percentile(random, [5, 95], axis=1)
    baseline = np.stack([low, random.mean(1), high], axis=1)
    layers = [state_name(each) for each in range(len(found.cosines))]
    chart = lines_by_layer(
        series, baseline, baseline_name="random pairs (mean; 5 to 95 %)", y_title="cosine", names=layers
    )
    last, unrelated = found.cosines[-1], baseline[-1, 1]
    alt = (
        f"Cosine between the places of “{word}” after each layer; after the last, {last.min():.2f} to {last.max():.2f}"
    )
    figure(chart, key="one-word", alt=f"{alt}; random pairs {unrelated:.2f}")
    nearest, farthest = int(last.argmax()), int(last.argmin())
    st.markdown(
        f"After the last layer, places **{names[nearest]}** are most alike ({last[nearest]:.2f}), "
        f"**{names[farthest]}** least ({last[farthest]:.2f}); two random words have {unrelated:.2f}. "
        "Only what lies above that line says something about the word (Ethayarajh 2019)."
    )
    table = pd.DataFrame(found.cosines.T, columns=layers)
    table.insert(0, "Places", names)
    mean = pd.DataFrame([["random pairs, mean", *random.mean(1)]], columns=table.columns)
    with st.expander("All numbers"):
        st.dataframe(pd.concat([table, mean]), hide_index=True, alt="Cosines of all pairs after each layer")
    csv_button("Cosines as CSV", pd.concat([table, mean]), "one-word")


def show_nearest(model: Model) -> None:
    """The vocabulary entries nearest to a token: by its embedding, and through the masked-language head."""
    st.markdown(
        "Which words does a token lie next to? Before the first layer its own row of the embedding table is compared "
        "with all others; above, the model's own head says which word it would read there."
    )
    t, tokens = type_sentences(model)
    places = vectors.places(tokens, with_special=True)
    first_own = telling_place(places, tokens)
    place = places[choose_place("Token", places, key="near", default=first_own or min(1, len(places) - 1))]
    layer = choose_layer(model)
    if layer == 0:
        show_table_neighbours(model, t, place)
        return
    try:
        guesses = neighbours.logit_lens_at(model, t, place, layer, top_k=TOP_K)
    except LabError as error:
        show_error(error)
        st.markdown("This is what can be read in every model: the neighbours in the table of word embeddings.")
        show_table_neighbours(model, t, place)
        return
    is_last = layer == t.layers
    where = "after the last layer" if is_last else after_state(layer)
    draw_neighbours(guesses, f"Read through the head {where}", percent=True)
    if not is_last:
        st.caption(
            ":material/warning: The head was trained on the last layer only. The vectors of middle layers live in "
            "other coordinates, so these guesses are hints at best (“logit lens”)."
        )
    show_all_layers(model, t, place)


def show_table_neighbours(model: Model, t: Trace, place: Place) -> None:
    """The nearest rows of the word-embedding table."""
    token_id = t.texts[place.text].ids[place.positions[0]]
    found = neighbours.nearest_tokens(model, token_id, top_k=TOP_K)
    draw_neighbours(found, f"Nearest to “{place.name}” in the embedding table, by cosine", percent=False)


def draw_neighbours(found: list[tuple[str, float]], title: str, *, percent: bool) -> None:
    names, values = zip(*found, strict=True)
    shown = names if percent else [f"{name}  {value:.3f}" for name, value in found]
    bars = horizontal_bars(shown, values, title="", percent=percent)
    if not percent:
        bars.update_traces(text=None, hovertemplate="%{customdata}<extra></extra>")
    bars.update_layout(margin_t=8)
    st.markdown(f"**{plain(title)}**")
    figure(bars, key="nearest", alt=f"{title}: {', '.join(names[:5])}")
    table = pd.DataFrame(found, columns=["Token", "Probability" if percent else "Cosine"])
    csv_button("Table as CSV", table, "nearest-tokens")


def show_all_layers(model: Model, t: Trace, place: Place) -> None:
    """What the head would guess after each layer."""
    guesses = [neighbours.logit_lens_at(model, t, place, layer, top_k=TOP_K) for layer in range(t.layers + 1)]
    shown = [
        (state_name(layer), *(f"{name} {value:.1%}" for name, value in best[:SHOWN_GUESSES]))
        for layer, best in enumerate(guesses)
    ]
    columns = ["After", *(f"Guess {number}" for number in range(1, len(shown[0])))]
    st.markdown("**The same after every layer**")
    st.dataframe(pd.DataFrame(shown, columns=columns), hide_index=True, alt="The likeliest words after each layer")
    rows = [
        (*state_columns(layer).values(), number, *guess)
        for layer, best in enumerate(guesses)
        for number, guess in enumerate(best, start=1)
    ]
    table = pd.DataFrame(rows, columns=[*state_columns(0), "Place", "Token", "Probability"])
    csv_button("All layers as CSV", table, "guesses-by-layer")
