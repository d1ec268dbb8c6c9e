"""The Step by step view of the Tokens page: what the tokenizer does to a text, one thing after the other."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.explore import tokens as tokenizing
from pages.explore.tokens.input import Input
from pages.explore.tokens.strip import SHOWN_CHARACTERS
from pages.shared.export import csv_button

CUTTING = {
    "WordPiece": "WordPiece takes the longest entry of the vocabulary that fits the start of the word, then goes on "
    "with the rest; `##` marks a token that continues a word.",
    "BPE": "Byte-pair encoding begins with single bytes and joins the pair of neighbours that it learned first, again "
    "and again; `Ġ` stands for the space before a word.",
    "Unigram": "Unigram weighs all ways to cut the word and takes the one whose tokens are likeliest together; `▁` "
    "stands for the space before a word.",
}
ROLES = {
    "unk_token": "Stands for anything the vocabulary cannot spell",
    "sep_token": "Ends each text",
    "pad_token": "Fills shorter texts of a batch; attention skips it",
    "cls_token": "Opens every input; classifiers read its final vector",
    "mask_token": "A hidden word the model has to guess",
    "bos_token": "Opens every input",
    "eos_token": "Ends each text",
}


def show_steps(given: Input) -> None:
    """Normalize, split into words, cut these into subwords, add special tokens."""
    texts = [given.text, given.pair] if given.pair and given.pair.strip() else [given.text]
    each_steps = [tokenizing.steps(given.model, text[:SHOWN_CHARACTERS]) for text in texts]
    st.markdown(
        "**1. Normalize.** Clean up spaces and control characters; an uncased model also drops case and accents."
    )
    for steps in each_steps:
        st.code(steps.normalized[:2_000], language=None, wrap_lines=True)
    st.markdown("**2. Pre-tokenize.** Split at spaces and punctuation into words.")
    for steps in each_steps:
        st.code("   ".join(steps.pre_tokens[:300]), language=None, wrap_lines=True)
    how = CUTTING.get(each_steps[0].algorithm, "")
    st.markdown(f"**3. Cut words into subword tokens.** {how} Words that became more than one token:")
    cut = [
        (word, " ".join(parts))
        for steps in each_steps
        for word, parts in zip(steps.pre_tokens, steps.tokens, strict=True)
        if len(parts) > 1
    ]
    if cut:
        table = pd.DataFrame(cut, columns=["Word", "Tokens"])
        st.dataframe(table[:500], hide_index=True, alt="Words and their tokens")
        csv_button("Words and tokens as CSV", table, "words-and-tokens")
    else:
        st.caption("None: every word of this text is in the vocabulary as a whole.")
    st.markdown("**4. Add special tokens.** The template puts an opening token first and a separator after each text.")
    rows = [
        (token, index, ROLES.get(role, role.replace("_", " ")))
        for role, token, index in tokenizing.special_tokens(given.model)
    ]
    st.dataframe(pd.DataFrame(rows, columns=["Token", "Id", "What it is for"]), hide_index=True, alt="Special tokens")
