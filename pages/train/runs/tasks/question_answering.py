"""Answers in their passages: right and predicted ones, and the best ones to a question of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.inference.spans import Span, answer_spans, around, cut_at
from core.tasks import written
from core.tasks.question_answering import SPEC
from pages.components.marked_text.marked_text import COLOURS, Block, Line, Stretch, marked, stretch
from pages.shared.text import plain
from pages.train.runs.tasks.task_view import MOST_MARKED, TaskView, marked_mistakes
from pages.train.runs.try_input import WAIT, model_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.data.column_mapping import ColumnMapping
    from core.reports.report import Report
    from core.reports.scored_rows import AnswerRow
    from core.runs.folder import Run


MOST_ANSWERS = 5
ROOM = 400  # characters shown on either side of answers in a long passage
ROOM_TO_TRY = 2_000  # the same where there is one passage only
RIGHT, SAID = "right", "model"


class QuestionAnsweringView(TaskView):
    spec = SPEC
    mistakes_intro = "{wrong} of {rows} are not answered as expected, the lowest F1 first, of these the surest."

    def show_more_scores(self, run: Run, report: Report) -> None:
        """All questions, and those with and without an answer apart."""
        parts = {"All": report.metrics, "With an answer": "answerable", "Without an answer": "unanswerable"}
        found = []
        for title, part in parts.items():
            scores = part if isinstance(part, dict) else report.metrics.get(part)
            if isinstance(scores, dict) and scores.get("rows"):
                found.append([title, scores["rows"], scores.get("exact_match"), scores.get("f1")])
        if len(found) > 1:
            table = pd.DataFrame(found, columns=["Questions", "Number", "Exact match", "F1"])
            digits = {
                "Exact match": st.column_config.NumberColumn(format="percent"),
                "F1": st.column_config.NumberColumn(format="%.3f"),
            }
            st.dataframe(table, hide_index=True, column_config=digits, alt="Questions with and without an answer")

    def show_mistakes(self, mistakes: Sequence[AnswerRow]) -> None:
        st.caption("In the passage, the right answer is green; what the model said beside it is orange.")
        marked_mistakes(mistakes, [_mistake(row) for row in mistakes[:MOST_MARKED]])

    def try_it(self, run: Run, mapping: ColumnMapping) -> None:
        """A question and a passage; in it the best answers, and below how likely they are, and that there is none."""
        from core.inference.answer import answer

        question = st.text_input("Question", key="try-question", placeholder="Ask something the passage can answer")
        passage = st.text_area(
            "Passage", key="try", height=160, placeholder="Paste the text in which the answer stands"
        )
        if not question.strip() or not passage.strip():
            st.info(f"Type a question and a passage {WAIT}")
            return
        (found,) = answer(model_of(run), [question], [passage], top_k=MOST_ANSWERS)
        said = f"**{plain(found.best.text)}**" if found.best.text else "**there is no answer** in this passage"
        st.markdown(f"The model says: {said} ({found.best.probability:.1%})")
        spans = [Span(each.start, each.end, str(place)) for place, each in enumerate(found.found, 1)]
        near, moved = around(passage, spans, ROOM_TO_TRY)
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
        st.dataframe(
            table, hide_index=True, column_config=percent, alt="The best answers, and how likely there is none"
        )
        if not found.is_declined and found.no_answer.logit > found.best.logit:
            st.caption("This model has learned from questions that all have an answer, and always gives one.")


def _mistake(row: AnswerRow) -> Block:
    """The question, and the passage with both answers in it."""
    spans = answer_spans(row.pair or "", row.answers, row.predicted, row.start, right=RIGHT, said=SAID)
    passage, moved = around(row.pair or "", spans, ROOM)
    right = " / ".join(f"“{answer}”" for answer in dict.fromkeys(row.answers)) or "no answer"
    said = f"“{row.predicted}”" if row.predicted else "no answer"
    stretches = [_answer_stretch(part.text, part.names) for part in cut_at(passage, moved)]
    return Block(
        title=f"Row {row.row + 1:,}: {row.text}",
        lines=[
            Line(title="Right", stretches=[stretch(right)]),
            Line(title="Model", stretches=[stretch(f"{said}, F1 {written('f1', row.f1)}, {row.probability:.1%} sure")]),
            Line(title="Passage", stretches=stretches),
        ],
    )


def _answer_stretch(text: str, names: Sequence[str]) -> Stretch:
    if not names:
        return stretch(text)
    return stretch(text, "green" if RIGHT in names else "orange", is_wrong=RIGHT not in names)
