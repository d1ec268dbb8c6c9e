"""Two views of Fill the [MASK]: what the model expects at each mask, and given words against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.charts.bars import horizontal_bars
from core.errors import LabError
from core.explore import examples
from core.explore.fill_mask import fill_mask
from core.explore.fill_mask.candidates import beginning_with, compare_candidates
from core.explore.fill_mask.masks import with_model_mask
from pages.explore.fill_mask.input import choose_mask, choose_top_k, type_masked
from pages.shared.export import csv_button, csv_table, figure
from pages.shared.models import example
from pages.shared.text import plain, show_error
from pages.shared.tokenize_input import tokenize_input
from pages.shared.url_state import text_line

if TYPE_CHECKING:
    from core.explore.fill_mask.candidates import Candidate
    from core.explore.fill_mask.masks import Hidden, MaskedText
    from core.models.loading import Model

SHOWN_MASKS = 12
MANY = 0.02  # how likely given words must be at least, together, to say much


def show_guesses(model: Model) -> None:
    """Every mask's likeliest words, alone and together."""
    masked = type_masked(model)
    if masked is None:
        return
    left, right = st.columns(2)
    with left:
        top_k = choose_top_k()
    with right:
        prefix = text_line(
            "Only words that begin with", key="prefix", example="", placeholder="Any word; type letters, press Enter"
        )
    tokenize_input(model, masked.text, None)  # says what is cut, and what the model does not know
    predictions = fill_mask.predict_masks(model, masked.text)
    if prefix.strip():
        show_beginning(model, predictions, prefix, top_k)
        return
    answers = fill_mask.top_tokens(model, predictions, top_k=top_k)
    draw_masks(answers, "guesses", [original(predictions, *each) for each in enumerate(masked.hidden)])
    show_table(table_of(answers), "masks")
    if len(answers) > 1:
        show_joint(model, masked, top_k, len(answers))


def draw_masks(answers: list[list[tuple[str, float]]], key: str, notes: list[str]) -> None:
    """A bar chart for each mask, side by side, with a note below."""
    if len(answers) > SHOWN_MASKS:
        st.caption(f"The first {SHOWN_MASKS} of {len(answers)} masks:")
    width = min(len(answers), 2)
    for number, answer in enumerate(answers[:SHOWN_MASKS]):
        if number % width == 0:
            columns = st.columns(width)  # a new row each time, so that a narrow screen keeps the order
        with columns[number % width]:
            names, values = zip(*answer, strict=True)
            title = "In place of the mask" if len(answers) == 1 else f"Mask {number + 1}"
            bars = horizontal_bars(names, values, title=title, percent=True)
            best = ", ".join(f"{name} {value:.1%}" for name, value in answer[:3])
            figure(bars, key=f"{key}-{number}", alt=f"{title}: {best}")
            if number < len(notes) and notes[number]:
                st.caption(notes[number])


def table_of(answers: list[list[tuple[str, float]]]) -> pd.DataFrame:
    """One row an answer."""
    rows = [
        (number + 1, place + 1, token, probability)
        for number, answer in enumerate(answers)
        for place, (token, probability) in enumerate(answer)
    ]
    return pd.DataFrame(rows, columns=["Mask", "Place", "Token", "Probability"])


def show_table(table: pd.DataFrame, name: str) -> None:
    """All numbers, and the CSV."""
    with st.expander("All numbers"):
        csv_table(table, "Table as CSV", name, alt="Every mask's answers with full precision")


def original(predictions: fill_mask.MaskPredictions, number: int, hidden: Hidden | None) -> str:
    """Where the word that was hidden stands among all answers, in words."""
    if hidden is None or number >= len(predictions.positions):
        return ""
    word = plain(hidden.word.text)
    if hidden.token_id is None:
        return f"You hid “{word}”, which is not a single token: one mask cannot bring it back."
    place, probability = fill_mask.rank(predictions, number, hidden.token_id)
    what = f"“{word}”" if len(hidden.word.token_ids) == 1 else f"one token of “{word}”"
    return f"You hid {what}: place {place:,} among {predictions.probabilities.shape[-1]:,} tokens, {probability:.2%}."


def show_beginning(model: Model, predictions: fill_mask.MaskPredictions, prefix: str, top_k: int) -> None:
    """Only what begins with some letters."""
    found = beginning_with(model, predictions, prefix, top_k=top_k)
    begins = plain(prefix.strip())
    notes = [f"Words that begin with “{begins}” have {each.probability:.2%} of the probability here." for each in found]
    draw_masks([list(each.words) for each in found], "beginning", notes)
    show_table(table_of([list(each.words) for each in found]), "masks-beginning")


def show_joint(model: Model, masked: MaskedText, top_k: int, count: int) -> None:
    """Whole sentences: all masks filled together."""
    st.subheader("All masks together", anchor=False)
    if count > fill_mask.MAX_MASKS_JOINTLY:
        st.caption(f"Up to {fill_mask.MAX_MASKS_JOINTLY} masks are filled together; the text has {count}.")
        return
    st.markdown(
        "The charts above guess each mask alone, so their words need not fit each other. Here the masks are filled "
        "from left to right, each guess seeing the words already put in; the most likely whole sentences win."
    )
    found = _filled_jointly(model.fingerprint, model, masked.text, top_k)
    table = pd.DataFrame(
        [(" · ".join(one.fillers), one.text, one.probability) for one in found],
        columns=["Words", "Sentence", "Probability"],
    )
    csv_table(
        table,
        "Sentences as CSV",
        "sentences",
        column_config={"Probability": st.column_config.NumberColumn(format="percent")},
        alt="The likeliest whole sentences",
    )


@st.cache_data(max_entries=16, show_spinner="Filling all masks together …")
def _filled_jointly(version: str, _model: Model, text: str, top_k: int) -> list[fill_mask.Filling]:
    return fill_mask.fill_jointly(_model, text, top_k=top_k)


@st.cache_data(max_entries=32, show_spinner="Comparing the words …")
def _compared(version: str, _model: Model, text: str, words: list[str], mask: int) -> list[Candidate]:
    return compare_candidates(_model, text, words, mask=mask)


def show_candidates(model: Model) -> None:
    """A few given words against each other, in one sentence or in two."""
    masked = type_masked(model, examples.GIVEN)
    if masked is None:
        return
    left, right = st.columns(2)
    with left:
        written = text_line(
            "Words, with | between them",
            key="candidates",
            example=example(model, examples.GIVEN_WORDS, examples.TEACHING_WORDS),
        )
    number = choose_mask(len(masked.hidden))
    with right:
        other = text_line(
            "The same words in another sentence",
            key="other-sentence",
            example=example(model, examples.GIVEN_OTHER.text, examples.TEACHING_OTHER.text),
            placeholder="Nothing to compare with",
        )
    words = written.split("|")
    sentences = [(masked.text, number)]
    if other.strip():
        sentences.append((with_model_mask(model, other), 0))
    tables = []
    for place, (column, (text, mask)) in enumerate(zip(st.columns(len(sentences)), sentences, strict=True)):
        with column:
            st.markdown(f"**{plain(' '.join(text.split()))}**")
            try:
                found = _compared(model.fingerprint, model, text, words, mask)
            except LabError as problem:
                show_error(problem)
                continue
            draw_candidates(found, place)
            tables.append(table_of_candidates(text, found))
    if not tables:
        return
    st.caption(
        ":material/balance: This shows which word such sentences mostly had in the texts that the model learned from. "
        "It is neither what is true nor what ought to be, and one sentence proves little: change the name, the job or "
        "the verb and see what stays."
    )
    if any(len(each.tokens) > 1 for each in found):
        st.caption(
            "A word of several tokens is guessed token by token, and its masks tell its length: compare it with care."
        )
    csv_button("Words as CSV", pd.concat(tables), "given-words")


def draw_candidates(found: list[Candidate], place: int) -> None:
    """The shares of the given words, and how much they have of the whole."""
    names, shares = [each.word for each in found], [each.share for each in found]
    bars = horizontal_bars(names, shares, title="Share among these words", percent=True)
    figure(bars, key=f"candidates-{place}", alt=", ".join(f"{each.word} {each.share:.1%}" for each in found))
    if any(len(each.tokens) > 1 for each in found):  # these answer questions of their own: nothing adds up
        return
    together = sum(each.probability for each in found)
    words = f"Together they have {together:.1%} of the probability; all other words have the rest."
    st.caption(words if together >= MANY else f"{words} So the model expects something else here.")


def table_of_candidates(text: str, found: list[Candidate]) -> pd.DataFrame:
    """One row a word."""
    rows = [(text, each.word, " ".join(each.tokens), each.share, each.probability) for each in found]
    return pd.DataFrame(rows, columns=["Sentence", "Word", "Tokens", "Share", "Probability"])
