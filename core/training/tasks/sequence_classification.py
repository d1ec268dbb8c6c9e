"""Sequence classification: one of several labels for each text or pair."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.data.column_mapping import ColumnMapping
from core.data.decisions.preparation import Preparation
from core.data.table import Table
from core.runs.status import write_json
from core.tasks.sequence_classification import SPEC
from core.training.batches.examples import Examples, Prepared, Rows
from core.training.plan.plan import Plan
from core.training.scores import classification
from core.training.tasks.task import Batches, Loss, weighted_cross_entropy
from core.training.tasks.text import TextTask, write_predictions


class SequenceClassification(TextTask):
    """A softmax over the labels (Devlin et al. 2019, § 4.1); trained on cross-entropy."""

    spec = SPEC
    reading = "The label with the highest score is the answer."

    def read(self, table: Table, plan: Plan, label_names: Sequence[str] | None = None) -> Examples:
        mapping = ColumnMapping.of(plan.task, text=plan.text_column, pair=plan.pair_column, label=plan.label_column)
        preparation = Preparation.from_json(plan.preparation)
        if label_names is None:
            dataset = preparation.dataset(table, mapping)
        else:
            dataset = preparation.dataset_of_other(table, mapping, label_names)
        rows = Rows(dataset.row_ids, dataset.texts, dataset.labels, dataset.pairs)
        return Examples(dataset, rows, tuple(dataset.label_names))

    def random_label(self, position: int) -> int:
        return position % len(self.probe_labels)

    def loss(self, plan: Plan, train: Rows, label_count: int) -> Loss | None:
        return weighted_cross_entropy(plan, np.bincount(np.asarray(train.labels, np.int64), minlength=label_count))

    def quick_scores(self, outputs: Sequence[np.ndarray], batches: Batches, rows: Rows, names: Sequence[str]) -> dict:
        return classification.quick(np.stack(outputs), np.asarray(rows.labels))

    def evaluate(
        self, folder: Path, prepared: Prepared, outputs: Sequence[np.ndarray], batches: Batches
    ) -> dict[str, Any]:
        rows, names = prepared.test, prepared.label_names
        logits, labels = np.stack(outputs), np.asarray(rows.labels, np.int64)
        majority = Counter(prepared.train.labels).most_common(1)[0][0]
        counts = classification.confusion_counts(logits, labels, len(names))
        write_json(folder / "confusion.json", {"labels": list(names), "counts": counts, "split": prepared.scored_split})
        chances = classification.softmax(logits)
        best = chances.argmax(axis=1)
        write_predictions(
            folder,
            rows,
            {
                "label": [names[label] for label in labels],
                "predicted": [names[label] for label in best],
                "probability": chances.max(axis=1).tolist(),
                **{f"p_{name}": column.tolist() for name, column in zip(names, chances.T, strict=True)},
            },
        )
        return classification.full(logits, labels, names, majority_label=majority)
