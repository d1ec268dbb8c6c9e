"""Tokens: one text, or a pair, as the model reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.explore import examples
from core.explore import tokens as tokenizing
from pages.components.token_strip.token_strip import Span, span, token_strip
from pages.shared.export import csv_button
from pages.shared.models import choose_reference, chosen_model, example, example_pair, open_model
from pages.shared.text import counted, errors_shown, plain
from pages.shared.url_state import choose, choose_view, text_area

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.explore.tokens import Batch, Tokens
    from core.models.loading import Model

UNKNOWN = ("[UNK]", "<unk>")  # in all families the lab opens
SHOWN_CHARACTERS = 20_000
SHOWN_POSITIONS = 64  # columns of a batch
BATCH_TEXTS = 16
VIEWS = ("Pieces", "Step by step", "What was cut", "Batch", "Back to text", "Vocabulary", "Two tokenizers")
CUTTING = {
    "WordPiece": "WordPiece takes the longest entry of the vocabulary that fits the start of the word, then goes on "
    "with the rest; `##` marks a piece that continues a word.",
    "BPE": "Byte-pair encoding begins with single bytes and joins the pair of neighbours that it learned first, again "
    "and again; `Ġ` stands for the space before a word.",
    "Unigram": "Unigram weighs all ways to cut the word and takes the one whose pieces are likeliest together; `▁` "
    "stands for the space before a word.",
}
STRATEGIES = {
    "longest_first": "Shorten the longer text first",
    "only_first": "Shorten the first text only",
    "only_second": "Shorten the second text only",
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


def spans(tokens: Tokens) -> list[Span]:
    """The strip's view of a tokenized input: special tokens, pieces where they stand in the text, what was cut."""
    drawn: list[Span] = []
    cursor = {0: 0, 1: 0}
    sources = {0: tokens.text, 1: tokens.pair or ""}
    kinds = {0: "cut" if tokens.cut_text else "gap", 1: "cut" if tokens.cut_pair else "gap"}
    # Where the rest of each text is drawn: behind its last piece, or, without any, where its pieces would have stood.
    ends = {0: 1, 1: len(tokens) - 1}
    ends |= {side: position + 1 for position, side in enumerate(tokens.sequence) if side is not None}
    for position, piece in enumerate(tokens.tokens):
        side = tokens.sequence[position]
        segment = tokens.segments[position]
        if side is None:
            for ended in (each for each, end in ends.items() if end == position):
                if rest := sources[ended][cursor[ended] :]:
                    drawn.append(span(rest[:SHOWN_CHARACTERS], kinds[ended]))
            drawn.append(span(piece, "special", segment=segment, note=_note(tokens, position), index=position))
            continue
        start, end = tokens.offsets[position]
        if start > cursor[side]:
            drawn.append(span(sources[side][cursor[side] : start], "gap"))
        kind = "special" if tokens.is_special[position] else "unknown" if piece in UNKNOWN else "piece"
        surface = sources[side][max(start, cursor[side]) : end] or "·"
        note = _note(tokens, position)
        word = tokens.word_index[position] or 0
        drawn.append(span(surface, kind, group=word, segment=segment, note=note, index=position))
        cursor[side] = max(cursor[side], end)
    return drawn


def _note(tokens: Tokens, position: int) -> str:
    start, end = tokens.offsets[position]
    where = "added by the tokenizer" if tokens.sequence[position] is None else f"characters {start} to {end}"
    return f"{tokens.tokens[position]} · position {position} · id {tokens.ids[position]} · {where}"


def as_table(tokens: Tokens) -> pd.DataFrame:
    """One row a position."""
    return pd.DataFrame(
        {
            "Position": range(len(tokens)),
            "Piece": tokens.tokens,
            "Id": tokens.ids,
            "In the text": [tokens.surface(position) for position in range(len(tokens))],
            "Start": [start for start, _ in tokens.offsets],
            "End": [end for _, end in tokens.offsets],
            "Word": pd.array(tokens.word_index, dtype="Int64"),
            "Segment": tokens.segments,
            "Attention mask": 1,
            "Special": tokens.is_special,
        }
    )


def show_pieces(tokens: Tokens) -> None:
    table = as_table(tokens)
    height = min(420, 38 + 35 * len(table))
    st.dataframe(table, hide_index=True, height=height, placeholder="", alt="One row for each token")
    csv_button("Table as CSV", table, "tokens")


def show_steps(model: Model, texts: Sequence[str]) -> None:
    each_steps = [tokenizing.steps(model, text[:SHOWN_CHARACTERS]) for text in texts]
    st.markdown(
        "**1. Normalize.** Clean up spaces and control characters; an uncased model also drops case and accents."
    )
    for steps in each_steps:
        st.code(steps.normalized[:2_000], language=None, wrap_lines=True)
    st.markdown("**2. Pre-tokenize.** Split at spaces and punctuation into words.")
    for steps in each_steps:
        st.code("   ".join(steps.pre_tokens[:300]), language=None, wrap_lines=True)
    how = CUTTING.get(each_steps[0].algorithm, "")
    st.markdown(f"**3. Cut words into pieces.** {how} Words cut in more than one piece:")
    cut = [
        (word, " ".join(pieces))
        for steps in each_steps
        for word, pieces in zip(steps.pre_tokens, steps.tokens, strict=True)
        if len(pieces) > 1
    ]
    if cut:
        table = pd.DataFrame(cut, columns=["Word", "Pieces"])
        st.dataframe(table[:500], hide_index=True, alt="Words and their pieces")
        csv_button("Words and pieces as CSV", table, "words-and-pieces")
    else:
        st.caption("None: every word of this text is in the vocabulary as a whole.")
    st.markdown("**4. Add special tokens.** The template puts an opening token first and a separator after each text.")
    rows = [
        (piece, index, ROLES.get(role, role.replace("_", " ")))
        for role, piece, index in tokenizing.special_tokens(model)
    ]
    st.dataframe(pd.DataFrame(rows, columns=["Piece", "Id", "What it is for"]), hide_index=True, alt="Special tokens")


def show_cut(model: Model, text: str, pair: str | None) -> None:
    st.markdown(
        f"This model takes {model.max_length} positions, special tokens included. "
        "Try a lower limit and see which text gives way."
    )
    left, right = st.columns(2)
    full = tokenizing.tokenize(model, text, pair)
    usual = min(max(4, len(full) - 3), model.max_length)
    limit = left.slider("Limit", 4, model.max_length, usual, key="cut-limit", bind="query-params")
    with right:
        strategy = choose("When it is too long", STRATEGIES, key="cut-strategy")
    tokens = tokenizing.tokenize(model, text, pair, max_length=limit, truncation=strategy)
    st.caption(f"{len(tokens)} of {tokens.uncut_length} positions are kept.")
    token_strip(spans(tokens), key="cut-strip", label="What is kept and what is cut", hint="Struck through: cut.")


def show_batch(model: Model, text: str) -> None:
    st.markdown(
        "Texts that go through the model together must be equally long: shorter ones are padded, "
        "and the attention mask tells the model to skip the padding."
    )
    given = text_area(
        "Texts, one a line", key="batch", example=f"{text.strip().splitlines()[0][:80]}\nA short one.\nTwo"
    )
    lines = [line for line in given.splitlines() if line.strip()]
    texts = lines[:BATCH_TEXTS]
    if not texts:
        st.info("Type one text a line.")
        return
    if len(lines) > len(texts):
        st.caption(f"The first {len(texts)} of {len(lines):,} lines make the batch.")
    if any(count > model.max_length for count in tokenizing.count_tokens(model, texts)):
        st.caption(f"Lines of more than {model.max_length} positions are cut to what the model takes.")
    batch = tokenizing.padded_batch(model, texts)
    length = len(batch.ids[0])
    columns = [str(position) for position in range(min(length, SHOWN_POSITIONS))]
    parts = {"Pieces": batch.tokens, "Ids": batch.ids, "Attention mask": batch.attention_mask}
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
    return pd.DataFrame(rows, columns=["Text", "Position", "Piece", "Id", "Attention mask"])


def show_decoded(model: Model, tokens: Tokens) -> None:
    st.markdown("Ids back into text. What normalization dropped (case, accents, spacing) does not come back.")
    st.markdown("**With special tokens**")
    st.code(tokenizing.decode(model, tokens.ids), language=None, wrap_lines=True)
    st.markdown("**Without**")
    st.code(tokenizing.decode(model, tokens.ids, skip_special_tokens=True), language=None, wrap_lines=True)


def show_vocabulary(model: Model) -> None:
    st.markdown(f"The vocabulary holds {model.tokenizer.vocab_size:,} pieces. Search for letters, a word, or `##ing`.")
    query = st.text_input("Search the vocabulary", "ness", key="vocabulary", bind="query-params").strip()
    if not query:
        st.info("Type what the piece should hold.")
        return
    found = tokenizing.search_vocabulary(model, query, limit=200)
    if found:
        table = pd.DataFrame(found, columns=["Piece", "Id"])
        st.dataframe(table, hide_index=True, alt="Vocabulary entries")
        csv_button("Entries as CSV", table, "vocabulary")
    else:
        st.info(f"No piece holds “{plain(query)}”. Such a word is spelled from shorter pieces.")


def show_two(model: Model, text: str, pair: str | None) -> None:
    other = open_model(choose_reference("Second model", key="second-model", help="Its tokenizer reads the same text."))
    if other.reference == model.reference:
        st.caption("Both are the same model now: choose another one to compare with.")
    for number, one in enumerate((model, other)):
        tokens = tokenizing.tokenize(one, text, pair)
        st.markdown(f"**{plain(one.title)}**: {len(tokens)} tokens from a vocabulary of {one.tokenizer.vocab_size:,}")
        token_strip(
            spans(tokens),
            key=f"two-{number}",
            label=f"Tokens of {one.title}",
            hint="Point at a piece.",
            file_name=f"tokens-{number + 1}",
        )


st.title("Tokens", anchor=False)
st.markdown("BERT does not read letters or words but *pieces* from a fixed vocabulary. Here is how it cuts your text.")
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
    tokens = tokenizing.tokenize(model, text, pair)
    token_strip(
        spans(tokens),
        key="strip",
        label="The text in pieces",
        hint="Point at a piece, or tab to it, to see its number. Shades change from word to word.",
        file_name="tokens",
    )
    own = [piece for piece, side in zip(tokens.tokens, tokens.sequence, strict=True) if side is not None]
    unknown = own.count(model.tokenizer.unk_token)
    words = {(side, word) for side, word in zip(tokens.sequence, tokens.word_index, strict=True) if side is not None}
    summary = f"**{len(tokens)} tokens**: {counted(len(own), 'piece')} from {counted(len(words), 'word')}, "
    summary += f"{len(tokens) - len(own)} added."
    if unknown:
        summary += f" {unknown} could not be spelled and became {plain(model.tokenizer.unk_token)}."
    if tokens.uncut_length > len(tokens):
        summary += f" **{tokens.uncut_length - len(tokens):,} more did not fit** into {tokens.max_length} positions."
    st.markdown(summary)

    view = choose_view(VIEWS, key="tokens-view")
    if view == "Pieces":
        show_pieces(tokens)
    elif view == "Step by step":
        show_steps(model, [text, pair] if pair and pair.strip() else [text])
    elif view == "What was cut":
        show_cut(model, text, pair)
    elif view == "Batch":
        show_batch(model, text)
    elif view == "Back to text":
        show_decoded(model, tokens)
    elif view == "Vocabulary":
        show_vocabulary(model)
    else:
        show_two(model, text, pair)
