"""Two views of Fill the [MASK]: the guess after every layer, and the guesses of two models side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.charts.curves import rank_by_layer
from core.errors import counted
from core.explore.answers import mask_positions
from core.explore.fill_mask import fill_mask
from core.explore.fill_mask.logit_lens import logit_lens
from core.explore.fill_mask.masks import masks_of_other
from core.explore.tokens import readable
from core.models.layer_names import STATES_IN_CODE, state_columns, state_name
from pages.explore.fill_mask.guesses import draw_masks, show_table, table_of
from pages.explore.fill_mask.input import choose_mask, choose_top_k, type_masked
from pages.shared.export import csv_button, figure
from pages.shared.models import COMPARED_MODEL, choose_reference, open_model, traced
from pages.shared.text import plain
from pages.shared.tokenize_input import tokenize_input

if TYPE_CHECKING:
    from core.explore.fill_mask.logit_lens import Lens
    from core.models.loading import Model

SHOWN = 5
WRITTEN = 10  # guesses a layer in the CSV


def show_layers(model: Model) -> None:
    """What the head would say after each layer, and how the final answer rises."""
    masked = type_masked(model)
    if masked is None:
        return
    positions = mask_positions(model, fill_mask.tokenize_masked(model, masked.text))
    number = choose_mask(len(positions))
    lens = logit_lens(traced(model, tokenize_input(model, masked.text, None)), positions[number])
    answer = readable(model, lens.answer)
    layers = len(lens.ranks) - 1
    leads = next(layer for layer in range(layers + 1) if all(rank == 1 for rank in lens.ranks[layer:]))
    where = "only after the last layer" if leads == layers else f"from {state_name(leads)} on"
    st.markdown(
        f"The model's answer is **{plain(answer)}**, {lens.probabilities[-1, lens.answer]:.1%}. It leads {where}; "
        f"before the first layer, in the embeddings, it stands at place {lens.ranks[0]:,}."
    )
    shares = lens.probabilities[:, lens.answer].tolist()
    figure(
        rank_by_layer(lens.ranks, shares, name=answer, names=[state_name(each) for each in range(layers + 1)]),
        key="rank-by-layer",
        alt=f"Place of “{answer}” after each layer: {', '.join(map(str, lens.ranks))}",
    )
    guesses = [lens.guesses(layer, top_k=WRITTEN) for layer in range(layers + 1)]
    show_guesses_by_layer(lens, guesses, answer)
    st.caption(
        ":material/warning: The head was trained to read the last layer only. Middle layers write in other "
        "coordinates, so what it reads there is a hint (“logit lens”). The embeddings hold the mask's own vector, "
        f"before it has seen the text. {STATES_IN_CODE}"
    )


def show_guesses_by_layer(lens: Lens, guesses: list[list[tuple[str, float]]], answer: str) -> None:
    """The table of guesses, and all of them as CSV."""
    shown = [
        (state_name(layer), lens.ranks[layer], *(f"{name} {value:.1%}" for name, value in best[:SHOWN]))
        for layer, best in enumerate(guesses)
    ]
    columns = ["After", f"Place of “{answer}”", *(f"Guess {number}" for number in range(1, len(shown[0]) - 1))]
    st.dataframe(pd.DataFrame(shown, columns=columns), hide_index=True, alt="The likeliest words after each layer")
    rows = [
        (*state_columns(layer).values(), place, *guess)
        for layer, best in enumerate(guesses)
        for place, guess in enumerate(best, start=1)
    ]
    table = pd.DataFrame(rows, columns=[*state_columns(0), "Place", "Token", "Probability"])
    csv_button("All layers as CSV", table, "guesses-by-layer")


def show_two_models(model: Model) -> None:
    """The same text, two models."""
    masked = type_masked(model)
    if masked is None:
        return
    reference = choose_reference(
        "Other model",
        key=COMPARED_MODEL,
        help="For instance one from the Hub, or a folder on this machine.",
        leave_out=(model.reference,),
    )
    other = open_model(reference)
    top_k = choose_top_k(width=320)
    texts = masked.text, masks_of_other(model, other, masked.text)
    found = []
    for number, (column, each, text) in enumerate(zip(st.columns(2), (model, other), texts, strict=True)):
        with column:
            st.markdown(f"**{plain(each.title)}**")
            tokenize_input(each, text, None)  # says what it does not know
            answers = fill_mask.top_tokens(each, fill_mask.predict_masks(each, text), top_k=top_k)
            draw_masks(answers, f"model-{number}", [])
            found.append(answers)
    agree = sum(one[0][0].casefold() == two[0][0].casefold() for one, two in zip(*found, strict=False))
    st.markdown(f"The first answers agree at **{agree}** of {counted(min(map(len, found)), 'mask')}.")
    tables = [table_of(answers).assign(Model=each.title) for each, answers in zip((model, other), found, strict=True)]
    show_table(pd.concat(tables), "masks-of-two-models")
