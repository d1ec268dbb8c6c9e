"""The Batch view of the Tokens page: texts padded to one length."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.explore import tokens as tokenizing
from pages.explore.tokens.input import Input
from pages.shared.export import csv_button
from pages.shared.url_state import text_area

if TYPE_CHECKING:
    from core.explore.tokens import Batch

SHOWN_POSITIONS = 64  # columns of a batch
BATCH_TEXTS = 16


def show_batch(given: Input) -> None:
    """Several texts as the three tables that go in: tokens, ids, attention mask."""
    model = given.model
    st.markdown(
        "Texts that go through the model together must be equally long: shorter ones are padded, "
        "and the attention mask tells the model to skip the padding."
    )
    written = text_area(
        "Texts, one per line", key="batch", example=f"{given.text.strip().splitlines()[0][:80]}\nA short one.\nTwo"
    )
    lines = [line for line in written.splitlines() if line.strip()]
    texts = lines[:BATCH_TEXTS]
    if not texts:
        st.info("Type one text per line.")
        return
    if len(lines) > len(texts):
        st.caption(f"The first {len(texts)} of {len(lines):,} lines make the batch.")
    if any(count > model.max_length for count in tokenizing.count_tokens(model, texts)):
        st.caption(f"Lines of more than {model.max_length} positions are cut to what the model takes.")
    batch = tokenizing.padded_batch(model, texts)
    length = len(batch.ids[0])
    columns = [str(position) for position in range(min(length, SHOWN_POSITIONS))]
    parts = {"Tokens": batch.tokens, "Ids": batch.ids, "Attention mask": batch.attention_mask}
    for title, rows in parts.items():
        st.markdown(f"**{title}**, shape ({len(rows)}, {length})")
        st.dataframe(pd.DataFrame([row[: len(columns)] for row in rows], columns=columns), alt=title)
    if length > len(columns):
        st.caption(f"The first {len(columns)} of {length} positions are shown; all are in the CSV.")
    csv_button("Batch as CSV", lambda: batch_table(batch), "batch")
    padding = 1 - sum(map(sum, batch.attention_mask)) / (len(texts) * length)
    st.caption(f"{padding:.0%} of this batch is padding: work whose result is thrown away.")


def batch_table(batch: Batch) -> pd.DataFrame:
    """One row for each position of each text."""
    rows = (
        (text, position, *of_position)
        for text, of_text in enumerate(zip(batch.tokens, batch.ids, batch.attention_mask, strict=True), start=1)
        for position, of_position in enumerate(zip(*of_text, strict=True))
    )
    return pd.DataFrame(rows, columns=["Text", "Position", "Token", "Id", "Attention mask"])
