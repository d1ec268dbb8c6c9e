"""A tag for each word: sentences with their tags marked where they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.errors import counted
from core.inference.spans import Span, cut_at
from core.tasks.token_classification import SPEC
from core.training.scores.tagging import stretches_of
from pages.components.marked_text.marked_text import Block, Line, Stretch, colours_of, marked, stretch
from pages.train.runs.class_tables import show_confusion, show_per_class
from pages.train.runs.tasks.task_view import MOST_MARKED, TaskView, marked_mistakes
from pages.train.runs.try_input import WAIT, model_of, say_cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.data.column_mapping import ColumnMapping
    from core.inference.tag import Tag, Tagged
    from core.reports.report import Report
    from core.reports.scored_rows import TagsRow
    from core.runs.folder import Run


MOST_WORDS = 1_000  # drawn with their tags
OUTSIDE = "O"
PER_UNIT = {"token": "Per tag", "entity": "Per kind of entity"}


class TokenClassificationView(TaskView):
    spec = SPEC
    mistakes_intro = "{wrong} of {rows} have a wrong tag, those with the most wrong {unit} first."

    def show_more_scores(self, run: Run, report: Report) -> None:
        scores = report.metrics
        unit = "entity" if scores.get("unit") == "entity" else "token"
        words = f"{counted(scores.get('tokens', 0), 'word')}. "
        words += (
            "Precision, recall and F1 count whole entities: kind, first and last word must be right."
            if unit == "entity"
            else "Precision, recall and F1 are those of the tags, averaged."
        )
        if cut := scores.get("cut_words"):
            words += f" {counted(cut, 'word')} did not fit into the length that is read, and count as answered with O."
        st.caption(words)
        left, right = st.columns(2)
        with left:
            show_confusion(report, unit="words")
        with right:
            show_per_class(report, PER_UNIT[unit])

    def show_mistakes(self, mistakes: Sequence[TagsRow]) -> None:
        colours = _kinds(mistakes)
        marked_mistakes(mistakes, [_mistake(row, colours) for row in mistakes[:MOST_MARKED]])

    def try_it(self, run: Run, mapping: ColumnMapping) -> None:
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
        marked([_with_tags(text, found, tags)], key="try-tagged", label="The text with the tags of its words")
        entities = [each for each in found.entities()[0] if each.end <= tags[-1].end]
        if entities:
            table = pd.DataFrame(
                [(each.text, each.kind, each.probability) for each in entities],
                columns=["Entity", "Kind", "Probability"],
            )
            percent = {"Probability": st.column_config.NumberColumn(format="percent")}
            st.dataframe(table, hide_index=True, column_config=percent, alt="The entities that were found")
        elif all(tag.tag == OUTSIDE for tag in tags):
            st.caption("The model finds nothing in this text.")
        if len(found.tags[0]) > MOST_WORDS:
            st.caption(f"The first {MOST_WORDS:,} of {len(found.tags[0]):,} words.")
        say_cut(model, found.cut_count)


def _kinds(rows: Sequence[TagsRow]) -> dict[str, str]:
    """A colour for each kind of entity, or tag."""
    every = [stretches_of(tags, row.unit) for row in rows for tags in (row.tags, row.predicted)]
    return colours_of(sorted({kind for found in every for kind, *_ in found}))


def _mistake(row: TagsRow, colours: dict[str, str]) -> Block:
    """The sentence twice: as it should be, and as the model has it, with what differs underlined."""
    true, predicted = (stretches_of(tags, row.unit) for tags in (row.tags, row.predicted))
    noun = "wrong or missing" if row.unit == "entity" else "wrong"
    count = row.wrong_count if row.unit == "entity" else row.wrong_count // 2
    return Block(
        title=f"Row {row.row + 1:,}: {count} {noun}",
        lines=[
            Line(title="True", stretches=_tagged(row, true, set(predicted), colours)),
            Line(title="Predicted", stretches=_tagged(row, predicted, set(true), colours)),
        ],
    )


def _tagged(row: TagsRow, found: Sequence[tuple], others: set[tuple], colours: dict[str, str]) -> list[Stretch]:
    """Entities are all marked; of single tags, so many that colour would say nothing, only those that differ."""
    drawn, next_word = [], 0
    for kind, first, last in found:
        is_wrong = (kind, first, last) not in others
        if row.unit == "token" and not is_wrong:
            continue
        drawn.append(stretch(" ".join([*row.words[next_word:first], ""])))
        drawn.append(stretch(" ".join(row.words[first : last + 1]), colours[kind], kind, is_wrong=is_wrong))
        drawn.append(stretch(" "))
        next_word = last + 1
    return [*drawn, stretch(" ".join(row.words[next_word:]))]


def _with_tags(text: str, found: Tagged, tags: tuple[Tag, ...]) -> Block:
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
