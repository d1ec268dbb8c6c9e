"""Tokens: one text, or a pair, as the model reads it."""

import streamlit as st

from core.errors import counted
from core.explore import examples
from core.explore.tokens import tokenize
from pages.components.token_strip.token_strip import token_strip
from pages.explore.tokens.back_to_text import show_decoded
from pages.explore.tokens.batch import show_batch
from pages.explore.tokens.cut import show_cut
from pages.explore.tokens.input import Input
from pages.explore.tokens.steps import show_steps
from pages.explore.tokens.strip import spans
from pages.explore.tokens.table import show_table
from pages.explore.tokens.two_tokenizers import show_two
from pages.explore.tokens.vocabulary import show_vocabulary
from pages.shared import navigation
from pages.shared.models import chosen_model, example, example_pair
from pages.shared.text import errors_shown, plain
from pages.shared.url_state import choose_view, text_area

VIEWS = {
    "Tokens": show_table,
    "Step by step": show_steps,
    "What was cut": show_cut,
    "Batch": show_batch,
    "Back to text": show_decoded,
    "Vocabulary": show_vocabulary,
    "Two tokenizers": show_two,
}


def summary(given: Input) -> str:
    """How many tokens there are, where they come from, and what is missing, as Markdown."""
    tokens = given.tokens
    own = [token for token, side in zip(tokens.tokens, tokens.sequence, strict=True) if side is not None]
    words = {(side, word) for side, word in zip(tokens.sequence, tokens.word_index, strict=True) if side is not None}
    told = [f"**{len(tokens)} tokens**: {len(own)} from {counted(len(words), 'word')}, "]
    told[0] += f"{len(tokens) - len(own)} added by the tokenizer."
    unknown = given.model.tokenizer.unk_token
    if count := own.count(unknown):
        told.append(f"{count} could not be spelled from the vocabulary and became {plain(unknown)}.")
    if beyond := tokens.uncut_length - len(tokens):
        told.append(f"**{beyond:,} more did not fit** into {tokens.max_length} positions.")
    return " ".join(told)


st.title("Tokens", anchor=False)
st.markdown(
    "BERT reads neither letters nor words but *tokens*: whole words and parts of words (subwords) from a fixed "
    "list, its vocabulary. Here is how it cuts your text."
)
model = chosen_model()
text = text_area(
    "Text", key="text", example=example(model, examples.LONG_WORDS.text), height=100, placeholder="Type anything"
)
with_pair = st.toggle("Add a second text", key="with-pair", bind="query-params")
pair = (
    text_area("Second text", key="pair", example=example_pair(model, examples.LONG_WORDS.pair), height=68)
    if with_pair
    else None
)

with errors_shown():
    given = Input(model, text, pair, tokenize(model, text, pair))
    token_strip(
        spans(given.tokens),
        key="strip",
        label="The text in tokens",
        hint="Point at a token, or tab to it, to see its number. Shades change from word to word.",
        file_name="tokens",
    )
    st.markdown(summary(given))
    VIEWS[choose_view(VIEWS, key=navigation.VIEW[navigation.TOKENS])](given)
