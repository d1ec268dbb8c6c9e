"""What the views of Fill the [MASK] share: the text, the words hidden in it by clicking, and the choice of a mask."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import streamlit as st

from core.explore import examples
from core.explore.fill_mask import masks
from core.explore.fill_mask.cloze import check_masked_lm
from pages.components.token_strip.token_strip import Span, span, token_strip
from pages.shared.models import example
from pages.shared.text import digest
from pages.shared.url_state import choose_listed, keep, seed, text_area

if TYPE_CHECKING:
    from core.explore.examples import Example
    from core.explore.fill_mask.masks import MaskedText, Word
    from core.models.loading import Model

SHOWN_WORDS = 500
# Keys of the session's state; all but the last two stand in the address, too
SENTENCE, HIDDEN, HIDDEN_OF, STRIP = "sentence", "hidden", "hidden-of", "words"


def type_text(model: Model, usual: Example = examples.HIDDEN, teaching: Example = examples.TEACHING) -> str:
    """The field for the text, with an example, also for the teaching model; its masks as the model writes them."""
    text = text_area(
        "Text",
        key=SENTENCE,
        example=example(model, usual.text, teaching.text),
        height=80,
        placeholder="Type a sentence; write [MASK] where a word is missing",
    )
    return masks.with_model_mask(model, text)


def type_masked(model: Model, usual: Example = examples.HIDDEN) -> MaskedText | None:
    """The field, and below it every word as a button that hides it; None, and a word why, while nothing is hidden."""
    check_masked_lm(model)
    text = type_text(model, usual)
    words = masks.words(model, text)
    mark = digest(st.session_state[SENTENCE], [(word.start, word.end) for word in words])
    hidden = hidden_words(mark) & set(range(len(words)))
    token_strip(
        word_spans(text, words, hidden),
        key=STRIP,
        label="Click words to hide them",
        hint="Click a word to hide it, click again to show it.",
        on_click=toggle_clicked_word,
    )
    keep(HIDDEN, st.session_state[HIDDEN])
    if not text.strip():
        st.info("Type a sentence, then write [MASK] or click a word to hide it.")
        return None
    if not hidden and not any(word.is_mask for word in words):
        st.info("Nothing is hidden yet: click a word above, or write [MASK] into the text.")
        return None
    each_token = False
    if any(len(words[number].token_ids) > 1 for number in hidden):
        each_token = st.toggle(
            "One mask for each token of a word",
            key="each-piece",
            bind="query-params",
            help="A word that the model reads in several tokens needs as many masks to be brought back.",
        )
    return masks.hide(model, text, hidden, each_token=each_token)


def choose_mask(count: int) -> int:
    """The number of one of several masks, from 0."""
    if count < 2:
        return 0
    numbers = {str(number): str(number) for number in range(1, count + 1)}
    return int(choose_listed("Mask", numbers, key="mask", width=120)) - 1


def choose_top_k(*, width: int | Literal["stretch"] = "stretch") -> int:
    """How many answers each mask gets."""
    return st.slider("Answers per mask", 1, 20, 5, key="top-k", bind="query-params", width=width)


def hidden_words(mark: str) -> set[int]:
    """The numbers of the words hidden by clicking; forgotten when `mark`, of the text and its words, changes.

    Models cut a text into words in different ways: the third word of one is not the third of another.
    """
    if st.session_state.setdefault(HIDDEN_OF, mark) != mark:
        st.session_state[HIDDEN_OF], st.session_state[HIDDEN] = mark, ""
    seed(HIDDEN, "")
    return {int(number) for number in re.findall(r"\b[0-9]{1,6}\b", st.session_state[HIDDEN])}


def toggle_clicked_word() -> None:
    """A word was clicked: hide it, or show it again."""
    hidden = hidden_words(st.session_state[HIDDEN_OF]) ^ {st.session_state[STRIP].clicked}
    st.session_state[HIDDEN] = ",".join(map(str, sorted(hidden)))


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
                span("[MASK]" if masked else word.text, "mask" if masked else "token", note=note, index=number)
            )
        end = word.end
    drawn.append(span(text[end:] if len(words) <= SHOWN_WORDS else " … (the rest is not drawn)", "gap"))
    return drawn
