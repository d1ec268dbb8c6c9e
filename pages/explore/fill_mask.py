"""Fill the [MASK]: hide words, and see what the model expects in their place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.charts.bars import horizontal_bars
from core.explore import fill_mask
from pages.shared.export import csv_button, figure
from pages.shared.models import chosen_model, example
from pages.shared.text import plain, problems_shown
from pages.shared.token_strip import Span, span, token_strip
from pages.shared.url_state import keep, seed, text_area

if TYPE_CHECKING:
    from core.explore.fill_mask import Word
    from core.models.loading import Model

EXAMPLE = "Paris is the capital of [MASK]."
SHOWN_WORDS = 500
SHOWN_MASKS = 12


def hidden_words(text: str) -> set[int]:
    """The numbers of the words hidden by clicking; forgotten when the text changes."""
    if st.session_state.setdefault("hidden-of", text) != text:
        st.session_state["hidden-of"], st.session_state["hidden"] = text, ""
    seed("hidden", "")
    return {int(number) for number in re.findall(r"\b[0-9]{1,6}\b", st.session_state["hidden"])}


def toggle_clicked_word() -> None:
    """A word was clicked: hide it, or show it again."""
    hidden = hidden_words(st.session_state["hidden-of"]) ^ {st.session_state["words"].clicked}
    st.session_state["hidden"] = ",".join(map(str, sorted(hidden)))


def word_spans(text: str, words: list[Word], hidden: set[int]) -> list[Span]:
    """The strip's view of the text: each word a button, hidden ones drawn as masks."""
    drawn, end = [], 0
    for number, word in enumerate(words[:SHOWN_WORDS]):
        drawn.append(span(text[end : word.start], "gap"))
        masked = number in hidden or word.is_mask
        note = f"“{word.text}” is hidden: click to show it" if number in hidden else f"Click to hide “{word.text}”"
        if word.is_mask:
            drawn.append(span("[MASK]", "mask", note="A mask typed in the text"))
        else:
            drawn.append(
                span("[MASK]" if masked else word.text, "mask" if masked else "piece", note=note, index=number)
            )
        end = word.end
    drawn.append(span(text[end:] if len(words) <= SHOWN_WORDS else " … (the rest is not drawn)", "gap"))
    return drawn


def show_masks(model: Model, masked: str, originals: list[Word | None], top_k: int) -> None:
    """One chart for each mask, and how likely the hidden word was."""
    predictions = fill_mask.predict_masks(model, masked)
    answers = fill_mask.top_tokens(model, predictions, top_k=top_k)
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
            figure(bars, key=f"mask-{number}", alt=f"{title}: {best}")
            original = originals[number] if number < len(originals) else None
            if original is not None:
                show_original(predictions, number, original)
    rows = [
        (number + 1, place + 1, token, probability)
        for number, answer in enumerate(answers)
        for place, (token, probability) in enumerate(answer)
    ]
    table = pd.DataFrame(rows, columns=["Mask", "Place", "Token", "Probability"])
    with st.expander("All numbers"):
        st.dataframe(table, hide_index=True, alt="Every mask's answers with full precision")
        csv_button("Table as CSV", table, "masks")


def show_original(predictions: fill_mask.MaskPredictions, number: int, original: Word) -> None:
    """Where the word that was hidden stands among all answers."""
    if original.piece is None:
        st.caption(f"You hid “{plain(original.text)}”, which is not one piece: one mask cannot bring it back.")
    else:
        place, probability = fill_mask.rank(predictions, number, original.piece)
        pieces = predictions.probabilities.shape[-1]
        st.caption(f"You hid “{plain(original.text)}”: place {place:,} among {pieces:,} pieces, {probability:.2%}.")


def show_joint(model: Model, masked: str, top_k: int) -> None:
    """Whole sentences: all masks filled together."""
    st.subheader("All masks together", anchor=False)
    st.markdown(
        "The charts above guess each mask alone, so their words need not fit each other. Here the masks are filled "
        "from left to right, each guess seeing the words already put in; the most likely whole sentences win."
    )
    found = fill_mask.fill_jointly(model, masked, top_k=top_k)
    table = pd.DataFrame(
        [(" · ".join(one.fillers), one.text, one.probability) for one in found],
        columns=["Words", "Sentence", "Probability"],
    )
    st.dataframe(
        table,
        hide_index=True,
        column_config={"Probability": st.column_config.NumberColumn(format="percent")},
        alt="The likeliest whole sentences",
    )
    csv_button("Sentences as CSV", table, "sentences")


st.title("Fill the [MASK]", anchor=False)
st.markdown("BERT learned language by guessing hidden words. Hide some, and see what it expects in their place.")
model = chosen_model()
text = text_area(
    "Text",
    key="sentence",
    example=example(model, EXAMPLE),
    height=80,
    placeholder="Type a sentence; write [MASK] where a word is missing",
)
with problems_shown():
    text = fill_mask.with_model_mask(model, text)
    words = fill_mask.words(model, text)
    hidden = hidden_words(text) & set(range(len(words)))
    token_strip(
        word_spans(text, words, hidden),
        key="words",
        label="Click words to hide them",
        hint="Click a word to hide it, click again to show it. Each word becomes one mask.",
        on_click=toggle_clicked_word,
    )
    keep("hidden", st.session_state["hidden"])
    top_k = st.slider("Answers per mask", 1, 20, 5, key="top-k", bind="query-params", width=320)
    if not text.strip():
        st.info("Type a sentence, then write [MASK] or click a word to hide it.")
    elif not hidden and not any(word.is_mask for word in words):
        st.info("Nothing is hidden yet: click a word above, or write [MASK] into the text.")
    else:
        masked = fill_mask.mask_words(model, text, hidden)
        originals = [
            word if number in hidden else None for number, word in enumerate(words) if number in hidden or word.is_mask
        ]
        show_masks(model, masked, originals, top_k)
        if 1 < len(originals) <= fill_mask.MAX_MASKS_JOINTLY:
            show_joint(model, masked, top_k)
