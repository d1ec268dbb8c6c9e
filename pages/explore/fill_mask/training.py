"""The view of Fill the [MASK] that shows one step of training: tokens drawn, hidden, and the loss of guessing them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.explore import examples
from core.explore.fill_mask import training_example
from core.explore.tokens import readable
from pages.components.token_strip.token_strip import Span, span, token_strip
from pages.explore.fill_mask.input import type_text
from pages.shared.export import csv_button
from pages.shared.tokenize_input import tokenize_input
from pages.shared.url_state import count_on, counter

if TYPE_CHECKING:
    from core.explore.fill_mask.training_example import MaskedExample, TrainingExample
    from core.models.loading import Model

WRITTEN_TERMS = 8
DRAW = "draw"  # key of the session's state and in the address: the number of the draw


def show_training(model: Model) -> None:
    """Masks drawn as in training, and the loss worked out."""
    text = type_text(model, examples.LEARNED_FROM, examples.TEACHING_WHOLE)
    st.markdown(
        "This is how BERT learned: some tokens are drawn at random, and it must guess what they were. Of those drawn, "
        "80 % are hidden, 10 % replaced by a random token and 10 % left as they are, so that it can trust none."
    )
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    share = left.slider("Share drawn", 5, 50, 15, 5, format="%d %%", key="share", bind="query-params") / 100
    number = counter(DRAW)
    right.button("Draw again", icon=":material/casino:", on_click=count_on, args=(DRAW,))
    if not text.strip():
        st.info("Type a sentence to draw from.")
        return
    tokens = tokenize_input(model, text, None)
    made = training_example.training_example(model, tokens, share=share, seed=number)
    token_strip(
        _training_spans(model, made),
        key="training-strip",
        label="The text as training shows it",
        hint="Point at a coloured token to see what became of it.",
        file_name="training-example",
    )
    if not made.drawn:
        st.info("No token was drawn this time, so there is nothing to learn. Draw again.")
        return
    show_loss(model, made)


def _training_spans(model: Model, made: TrainingExample) -> list[Span]:
    """Every token as the model reads it: hidden, replaced and kept ones stand out."""
    fates = {each.position: each for each in made.drawn}
    kinds = {training_example.MASKED: "mask", training_example.REPLACED: "unknown", training_example.KEPT: "kept"}
    spans = []
    for place, index in enumerate(made.ids):
        token = made.tokens.tokens[place] if index == made.tokens.ids[place] else readable(model, index)
        if place in fates:
            spans.append(span(token, kinds[fates[place].outcome], note=_note(model, fates[place]), index=place))
        else:
            kind = "special" if made.tokens.is_special[place] else "gap"
            spans.append(span(token, kind))
        spans.append(span(" ", "gap"))
    return spans


def _note(model: Model, drawn: MaskedExample) -> str:
    return (
        f"“{readable(model, drawn.original)}” was drawn and {drawn.outcome}; the model gives it "
        f"{drawn.probability:.2%}, a loss of {drawn.loss:.3f}"
    )


def show_loss(model: Model, made: TrainingExample) -> None:
    """One row for each drawn token, and their mean."""
    table = pd.DataFrame(
        [
            (
                each.position,
                readable(model, each.original),
                each.outcome,
                readable(model, each.shown),
                readable(model, each.likeliest),
                each.probability,
                each.loss,
            )
            for each in made.drawn
        ],
        columns=[
            "Position",
            "It was",
            "Became",
            "The model read",
            "It would put",
            "Chance of what it was",
            "Loss, −log",
        ],
    )
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "Chance of what it was": st.column_config.NumberColumn(format="percent"),
            "Loss, −log": st.column_config.NumberColumn(format="%.3f"),
        },
        alt="The loss of each drawn token",
    )
    losses = [f"{each.loss:.3f}" for each in made.drawn[:WRITTEN_TERMS]]
    more = [r"\dots"] if len(made.drawn) > WRITTEN_TERMS else []
    terms = " + ".join(losses + more)
    # Within a line, and no sum above a fraction bar: so that a narrow screen can break it between two terms.
    st.markdown(rf"$\text{{loss}} = \frac{{1}}{{{len(made.drawn)}}}\,({terms}) = {made.loss:.3f}$")
    vocabulary = model.config.vocab_size
    st.caption(
        f"The loss is the mean over the drawn tokens alone (cross-entropy, in nats). Without any idea it would be "
        f"ln {vocabulary:,} = {math.log(vocabulary):.2f}. Training changes every weight a little so that it falls; "
        "here nothing is changed."
    )
    csv_button("Drawn tokens as CSV", table, "training-example")
