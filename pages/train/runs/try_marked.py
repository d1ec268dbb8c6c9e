"""Trying a model that points at words: the tags of a text, and the best answers to a question in their passage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.inference.spans import Span, around, cut_at
from pages.components.marked_text.marked_text import COLOURS, Block, Line, colours_of, marked, stretch
from pages.shared.text import plain
from pages.train.runs.try_input import WAIT, model_of, say_cut

if TYPE_CHECKING:
    from core.data.column_mapping import ColumnMapping
    from core.inference.tag import Tag, Tagged
    from core.runs.folder import Run

MOST_ANSWERS = 5
MOST_WORDS = 1_000  # drawn with their tags
ROOM = 2_000  # characters shown before the first answer and behind the last
OUTSIDE = "O"


def try_tags(run: Run, mapping: ColumnMapping) -> None:
    """A text with the tags of its words, and its entities as a table."""
    from core.data.cells import items_of
    from core.inference.tag import tag_texts, tag_words

    text = st.text_area("A text of your own", key="try", height=80, placeholder="Type what the model should tag")
    is_apart = st.toggle(
        "Punctuation apart",
        key="try-punctuation",
        help="Words end at blanks, as in the training data and in “Predict a file”. For a text as it is usually "
        "written, turn this on: a word and the punctuation that touches it are then tagged each on its own.",
    )
    if not text.strip():
        st.info(f"Type a text {WAIT}")
        return
    model = model_of(run)
    found = tag_texts(model, [text]) if is_apart else tag_words(model, [items_of(text)])
    (text,) = found.texts
    tags = found.tags[0][:MOST_WORDS]
    if not tags:
        st.info("The model sees no word in this text.")
        return
    marked([_tagged(text, found, tags)], key="try-tagged", label="The text with the tags of its words")
    entities = [each for each in found.entities()[0] if each.end <= tags[-1].end]
    if entities:
        table = pd.DataFrame(
            [(each.text, each.kind, each.probability) for each in entities], columns=["Entity", "Kind", "Probability"]
        )
        percent = {"Probability": st.column_config.NumberColumn(format="percent")}
        st.dataframe(table, hide_index=True, column_config=percent, alt="The entities that were found")
    elif all(tag.tag == OUTSIDE for tag in tags):
        st.caption("The model finds nothing in this text.")
    if len(found.tags[0]) > MOST_WORDS:
        st.caption(f"The first {MOST_WORDS:,} of {len(found.tags[0]):,} words.")
    say_cut(model, found.cut_count)


def _tagged(text: str, found: Tagged, tags: tuple[Tag, ...]) -> Block:
    """The text with its entities marked; where tags are no entities, with the tag of every word."""
    shown = [Span(each.start, each.end, each.kind) for each in found.entities()[0] if each.end <= tags[-1].end]
    is_by_word = not shown and any(tag.tag != OUTSIDE for tag in tags)
    if is_by_word:
        shown = [Span(tag.start, tag.end, tag.tag) for tag in tags if tag.tag != OUTSIDE]
    colours = colours_of(sorted({span.name for span in shown}))
    end = len(text) if len(tags) == len(found.tags[0]) else tags[-1].end
    parts = [
        stretch(part.text, colours[part.names[0]], part.names[0]) if part.names else stretch(part.text)
        for part in cut_at(text[:end], shown)
    ]
    return Block(title="", lines=[Line(title="", stretches=parts)])


def try_answer(run: Run, mapping: ColumnMapping) -> None:
    """A question and a passage; in it the best answers, and below how likely they are, and that there is none."""
    from core.inference.answer import answer

    question = st.text_input("Question", key="try-question", placeholder="Ask something the passage can answer")
    passage = st.text_area("Passage", key="try", height=160, placeholder="Paste the text in which the answer stands")
    if not question.strip() or not passage.strip():
        st.info(f"Type a question and a passage {WAIT}")
        return
    (found,) = answer(model_of(run), [question], [passage], top_k=MOST_ANSWERS)
    said = f"**{plain(found.best.text)}**" if found.best.text else "**there is no answer** in this passage"
    st.markdown(f"The model says: {said} ({found.best.probability:.1%})")
    spans = [Span(each.start, each.end, str(place)) for place, each in enumerate(found.found, 1)]
    near, moved = around(passage, spans, ROOM)
    parts = [
        stretch(part.text, COLOURS[(int(part.names[0]) - 1) % len(COLOURS)], part.names[0])
        if part.names
        else stretch(part.text)
        for part in cut_at(near, moved)
    ]
    block = Block(title="", lines=[Line(title="", stretches=parts)])
    marked([block], key="try-answers", label="The passage with the best answers")
    rows = [(str(place), each.text, each.probability) for place, each in enumerate(found.found, 1)]
    rows.append(("–", "(no answer)", found.no_answer.probability))
    table = pd.DataFrame(rows, columns=["Place", "Answer", "Probability"])
    percent = {"Probability": st.column_config.NumberColumn(format="percent")}
    st.dataframe(table, hide_index=True, column_config=percent, alt="The best answers, and how likely there is none")
    if not found.is_declined and found.no_answer.logit > found.best.logit:
        st.caption("This model has learned from questions that all have an answer, and always gives one.")
