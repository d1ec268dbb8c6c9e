"""One label for each text or pair: the classes, confused ones, and the probability of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from core.tasks.sequence_classification import SPEC
from pages.shared.text import plain
from pages.train.runs.class_tables import show_confusion, show_per_class
from pages.train.runs.tasks.task_view import TaskView
from pages.train.runs.try_input import ask_texts, model_of, say_cut, show_probabilities

if TYPE_CHECKING:
    from core.data.column_mapping import ColumnMapping
    from core.reports.report import Report
    from core.reports.scored_rows import LabelRow
    from core.runs.folder import Run


class SequenceClassificationView(TaskView):
    spec = SPEC
    mistakes_intro = "{wrong} of {rows} are wrong, the surest mistakes first."

    def show_more_scores(self, run: Run, report: Report) -> None:
        """Each class on its own, and which are taken for which."""
        left, right = st.columns(2)
        with left:
            show_confusion(report)
        with right:
            show_per_class(report, "Per class")

    def cells(self, row: LabelRow) -> dict[str, Any]:
        return {
            "Second text": row.pair,
            "Label": row.label,
            "Predicted": row.predicted,
            "Probability": row.probability,
        }

    def try_it(self, run: Run, mapping: ColumnMapping) -> None:
        from core.inference.predict import predict

        if (texts := ask_texts(mapping)) is None:
            return
        model = model_of(run)
        answer = predict(model, *texts)
        shares = answer.probabilities[0].tolist()
        st.markdown(f"The model says: **{plain(answer.labels[0])}** ({max(shares):.1%})")
        show_probabilities(list(model.labels), shares, "Probability of each class")
        say_cut(model, answer.cut_count)
