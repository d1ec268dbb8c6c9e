"""A number for each text or pair: predicted against true ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from core.charts.confusion import true_against_predicted
from core.tasks.regression import SPEC
from pages.shared.export import figure
from pages.shared.text import plain
from pages.train.runs.tasks.task_view import TaskView
from pages.train.runs.try_input import ask_texts, model_of, say_cut

if TYPE_CHECKING:
    from core.data.column_mapping import ColumnMapping
    from core.reports.report import Report
    from core.reports.scored_rows import ScoreRow
    from core.runs.folder import Run


class RegressionView(TaskView):
    spec = SPEC
    mistakes_intro = "The largest distance between true and predicted first."
    number_columns = ("True", "Predicted", "Distance")

    def show_more_scores(self, run: Run, report: Report) -> None:
        unit = next(iter(run.data().get("label_names", ())), "score")
        rows = report.predictions
        if rows:
            points = true_against_predicted(
                [row.score for row in rows], [row.predicted for row in rows], [row.text for row in rows], unit=str(unit)
            )
            figure(points, key="scatter", alt="Predicted against true numbers, one point a row")

    def cells(self, row: ScoreRow) -> dict[str, Any]:
        return {"Second text": row.pair, "True": row.score, "Predicted": row.predicted, "Distance": row.distance}

    def try_it(self, run: Run, mapping: ColumnMapping) -> None:
        from core.inference.predict import predict_scores

        if (texts := ask_texts(mapping)) is None:
            return
        model = model_of(run)
        answer = predict_scores(model, *texts)
        st.metric(
            plain(mapping["score"]), f"{answer.values[0]:.4g}", help="In the unit of this column of the training data."
        )
        say_cut(model, answer.cut_count)
