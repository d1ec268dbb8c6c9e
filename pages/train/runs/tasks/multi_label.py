"""Any number of labels for each text or pair: what was missed, what was given wrongly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from core.tasks.multi_label import SPEC
from pages.shared.text import plain
from pages.train.runs.class_tables import show_per_class
from pages.train.runs.tasks.task_view import TaskView
from pages.train.runs.try_input import ask_texts, model_of, say_cut, show_probabilities

if TYPE_CHECKING:
    from core.data.column_mapping import ColumnMapping
    from core.reports.report import Report
    from core.reports.scored_rows import LabelsRow
    from core.runs.folder import Run


class MultiLabelView(TaskView):
    spec = SPEC
    mistakes_intro = "{wrong} of {rows} have a wrong or a missing label, those with the most first."

    def show_more_scores(self, run: Run, report: Report) -> None:
        show_per_class(report, "Per label")

    def cells(self, row: LabelsRow) -> dict[str, Any]:
        return {
            "Second text": row.pair,
            "Missed": ", ".join(row.missed),
            "Wrongly given": ", ".join(row.invented),
            "Right": ", ".join(label for label in row.labels if label in row.predicted),
        }

    def try_it(self, run: Run, mapping: ColumnMapping) -> None:
        from core.inference.predict import predict_labels

        if (texts := ask_texts(mapping)) is None:
            return
        model = model_of(run)
        answer = predict_labels(model, *texts)
        said = ", ".join(f"**{plain(label)}**" for label in answer.labels[0]) or "**none of the labels**"
        st.markdown(f"The model says: {said}. A label is given where its probability is above {answer.threshold:.0%}.")
        show_probabilities(list(answer.label_names), answer.probabilities[0].tolist(), "Probability of each label")
        say_cut(model, answer.cut_count)
