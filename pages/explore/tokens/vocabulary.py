"""The Vocabulary view of the Tokens page: a search in all tokens that the model knows."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.explore import tokens as tokenizing
from pages.explore.tokens.input import Input
from pages.shared.export import csv_table
from pages.shared.text import plain


def show_vocabulary(given: Input) -> None:
    """Tokens that hold what is typed."""
    model = given.model
    st.markdown(f"The vocabulary holds {model.tokenizer.vocab_size:,} tokens. Search for letters, a word, or `##ing`.")
    query = st.text_input("Search the vocabulary", "ness", key="vocabulary", bind="query-params").strip()
    if not query:
        st.info("Type some letters to search for.")
        return
    found = tokenizing.search_vocabulary(model, query, limit=200)
    if found:
        table = pd.DataFrame(found, columns=["Token", "Id"])
        csv_table(table, "Entries as CSV", "vocabulary", alt="Vocabulary entries")
    else:
        st.info(f"No token contains “{plain(query)}”. Such a word is spelled from shorter tokens.")
