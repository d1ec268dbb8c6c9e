"""The view of Fill the [MASK] on BERT's other question: does the second sentence follow the first?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.charts.bars import horizontal_bars
from core.explore import examples
from core.explore.fill_mask.next_sentence import has_next_sentence, judges_order, next_sentence
from core.models import catalogue
from pages.shared.export import csv_button, figure
from pages.shared.models import MODEL, example
from pages.shared.text import plain
from pages.shared.tokenize_input import tokenize_input
from pages.shared.url_state import text_line

if TYPE_CHECKING:
    from core.models.loading import Model


def show_next_sentence(model: Model) -> None:
    """Two sentences, and the head's verdict; a clear word where the model has no such head."""
    st.markdown(
        "BERT was trained on a second question, too: two sentences side by side, does the second come right after the "
        "first? Models trained later mostly dropped it."
    )
    if not has_next_sentence(model):
        st.info(
            f"The model “{plain(model.title)}” has no next-sentence head, so it cannot answer this. The teaching model "
            "has one, and so do BERT's own checkpoints from the Hub, for instance `bert-base-uncased`."
        )
        st.button("Open the teaching model", icon=":material/school:", on_click=_open_teaching, type="primary")
        return
    is_teaching = model.reference == catalogue.TEACHING
    usual = example(model, examples.FIRST.text, examples.TEACHING_FIRST.text)
    first = text_line("First sentence", key="first-sentence", example=usual)
    usual = example(model, examples.SECOND.text, examples.TEACHING_SECOND.text)
    second = text_line("Second sentence", key="second-sentence", example=usual)
    if not first.strip() or not second.strip():
        st.info("Type both sentences.")
        return
    found = next_sentence(model, tokenize_input(model, first, second))
    best = max(zip(found.probabilities, found.answers, strict=True))
    st.markdown(f"The model says: **{plain(best[1])}** ({best[0]:.1%}).")
    bars = horizontal_bars(found.answers, found.probabilities, title="Does the second follow the first?", percent=True)
    figure(bars, key="next-sentence", alt=f"{best[1]}: {best[0]:.1%}")
    if is_teaching:
        st.caption("In the teaching model's language, a sentence follows another when both name the same animal.")
    elif judges_order(model):
        st.caption("The wrong pairs of training were swapped ones, so the head tells the order, not the topic.")
    else:
        st.caption(
            "The wrong pairs of training came from other texts, so the head mostly tells whether the topic is the same."
        )
    table = pd.DataFrame(
        [(first, second, *each) for each in zip(found.answers, found.probabilities, strict=True)],
        columns=["First", "Second", "Answer", "Probability"],
    )
    csv_button("Answer as CSV", table, "next-sentence")


def _open_teaching() -> None:
    st.session_state[MODEL] = catalogue.TEACHING
