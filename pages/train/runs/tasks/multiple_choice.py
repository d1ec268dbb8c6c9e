"""Which of several texts is right: the probability of each choice. The accuracy says it all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from core.tasks.multiple_choice import SPEC
from pages.shared.text import plain
from pages.train.runs.tasks.task_view import TaskView
from pages.train.runs.try_input import WAIT, model_of, say_cut, show_probabilities

if TYPE_CHECKING:
    from core.data.column_mapping import ColumnMapping
    from core.reports.scored_rows import ChoiceRow
    from core.runs.folder import Run


class MultipleChoiceView(TaskView):
    spec = SPEC
    mistakes_intro = "{wrong} of {rows} are wrong, the surest mistakes first."

    def cells(self, row: ChoiceRow) -> dict[str, Any]:
        return {
            "Question": row.pair,
            "Right": row.label,
            "Predicted": row.predicted,
            "Probability": row.probability,
            **{f"Choice {number}": text for number, text in enumerate(row.choices, 1)},
        }

    def try_it(self, run: Run, mapping: ColumnMapping) -> None:
        from core.inference.choose import choose

        has_question = mapping["question"] is not None
        beginning = st.text_area("Beginning", key="try", height=80, placeholder="What all choices continue or answer")
        question = st.text_input("Question", key="try-question") if has_question else ""
        lines = st.text_area("Choices, one a line", key="try-choices", height=120, placeholder="Two lines or more")
        choices = [line.strip() for line in lines.splitlines() if line.strip()]
        if not beginning.strip() or len(choices) < 2 or (has_question and not question.strip()):
            st.info(f"Type a beginning{', a question' * has_question} and two choices or more {WAIT}")
            return
        model = model_of(run)
        answer = choose(model, [beginning], [choices], [question] if has_question else None)
        shares = answer.probabilities[0].tolist()
        best = answer.numbers[0]
        st.markdown(f"The model chooses: **{plain(choices[best])}** ({shares[best]:.1%})")
        show_probabilities(choices, shares, "Probability of each choice")
        say_cut(model, answer.cut_count)
