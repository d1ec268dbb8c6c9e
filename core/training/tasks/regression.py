"""Regression: a number for each text or pair, such as how alike two sentences are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from core.data.cells import LARGEST_SCORE, is_score
from core.data.dataset.row_selection import rows_in_words
from core.data.table import Table
from core.errors import LabError
from core.models.families import FAMILIES
from core.tasks.regression import SPEC
from core.training.batches.examples import Examples, Prepared, Rows
from core.training.plan.plan import Plan
from core.training.scores import regression
from core.training.tasks.task import Batches, cells_at, rows_without_label
from core.training.tasks.text import TextTask, write_predictions


class Regression(TextTask):
    """One output without activation, trained on the squared error (transformers, `problem_type="regression"`)."""

    spec = SPEC
    label_type = np.float32
    probe_labels = ("a",)
    reading = "The score is the number itself, in the unit of the training data."

    def read(self, table: Table, plan: Plan, label_names: Sequence[str] | None = None) -> Examples:
        dataset, corrected = rows_without_label(
            table, plan, plan.text_column, plan.pair_column, is_other_file=label_names is not None
        )
        column = plan.mapping().column_of("score")
        cells = cells_at(corrected, column, dataset)
        wrong = [row for row, cell in zip(dataset.row_ids, cells, strict=True) if not is_score(cell)]
        if wrong:
            raise LabError(
                f"Column {column!r} holds no number in {rows_in_words(wrong)}.",
                f"Write each score as a number up to {LARGEST_SCORE:,.0f}, or drop these rows.",
            )
        scores = tuple(map(float, cells))
        if label_names is None and len(set(scores)) == 1:
            raise LabError(f"All scores are {cells[0]}: there is nothing to learn.", "Choose another column.")
        rows = Rows(dataset.row_ids, dataset.texts, scores, dataset.pairs)
        return Examples(dataset, rows, (column,))

    def random_label(self, position: int) -> float:
        return 0.5

    def begin(self, network: PreTrainedModel, train: Rows) -> None:
        """Let a new head answer the mean score: from zero, scores around 70 would take most of the steps to reach."""
        bias = network.get_parameter(f"{FAMILIES[network.config.model_type].classifier.output}.bias")
        if not bias.any():  # one that was trained before keeps what it knows
            with torch.no_grad():
                bias.fill_(float(np.mean(train.labels)))

    def quick_scores(self, outputs: Sequence[np.ndarray], batches: Batches, rows: Rows, names: Sequence[str]) -> dict:
        return regression.quick(np.concatenate(outputs), np.asarray(rows.labels))

    def evaluate(
        self, folder: Path, prepared: Prepared, outputs: Sequence[np.ndarray], batches: Batches
    ) -> dict[str, Any]:
        values = np.concatenate(outputs)
        write_predictions(folder, prepared.test, {"score": prepared.test.labels, "predicted": values.tolist()})
        mean = float(np.mean(prepared.train.labels))
        return regression.full(values, np.asarray(prepared.test.labels), training_mean=mean)
