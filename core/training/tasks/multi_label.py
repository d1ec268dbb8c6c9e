"""Multi-label classification: any number of labels for each text or pair, none of them included."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.data.cells import items_of, switch_of
from core.data.columns.labels import labels_of
from core.data.dataset.notices import shown
from core.data.dataset.row_selection import rows_in_words
from core.data.decisions.preparation import named_labels
from core.data.table import Table
from core.errors import LabError
from core.tasks.multi_label import SPEC
from core.training.batches.examples import Examples, Prepared, Rows
from core.training.plan.plan import Plan
from core.training.scores import multi_label
from core.training.tasks.task import Batches, cells_at, rows_without_label
from core.training.tasks.text import TextTask, write_predictions


class MultiLabel(TextTask):
    """A sigmoid for each label, trained on binary cross-entropy (transformers, `multi_label_classification`)."""

    spec = SPEC
    label_type = np.float32
    pipeline_options = ", top_k=None"
    reading = "The answer is every label with a score above {threshold:g}, which may be none."

    def read(self, table: Table, plan: Plan, label_names: Sequence[str] | None = None) -> Examples:
        dataset, corrected = rows_without_label(
            table, plan, plan.text_column, plan.pair_column, is_other_file=label_names is not None
        )
        mapping = plan.mapping()
        columns = [cells_at(corrected, column, dataset) for column in mapping.all("labels")]
        if len(columns) > 1:
            given = _by_columns(mapping.all("labels"), columns, dataset.row_ids)
        else:
            given = [items_of(cell, mapping.separator) for cell in columns[0]]
        named = dict(named_labels(mapping, labels_of(corrected, mapping, dataset.row_ids.array)))
        names = tuple(named.values()) if label_names is None else tuple(label_names)
        place = {name: number for number, name in enumerate(names)}
        labels, strange = np.zeros((len(given), len(names)), np.int8), []
        for row, items in enumerate(given):
            for item in items:
                if (number := place.get(named.get(item, item))) is None:
                    strange.append((int(dataset.row_ids[row]), item))
                else:
                    labels[row, number] = 1
        if strange:
            raise LabError(
                f"The training data does not know the label {shown(sorted({item for _, item in strange}))}: "
                f"{rows_in_words(sorted({row for row, _ in strange}))}.",
                "Use only labels of the training data, or remove these rows.",
            )
        if not names:
            raise LabError("No row has a label.", "Choose the columns that hold labels.")
        if len(names) < 2:
            raise LabError(f"There is only one label: {shown(names)}.", "Choose columns with at least two labels.")
        rows = Rows(dataset.row_ids, dataset.texts, tuple(map(tuple, labels.tolist())), dataset.pairs)
        return Examples(dataset, rows, names)

    def random_label(self, position: int) -> tuple[int, ...]:
        return (1, 0)

    def inference_options(self, plan: Plan, prepared: Prepared) -> dict[str, Any]:
        return {**super().inference_options(plan, prepared), "threshold": multi_label.THRESHOLD}

    def quick_scores(self, outputs: Sequence[np.ndarray], batches: Batches, rows: Rows, names: Sequence[str]) -> dict:
        return multi_label.quick(np.stack(outputs), np.asarray(rows.labels))

    def evaluate(
        self, folder: Path, prepared: Prepared, outputs: Sequence[np.ndarray], batches: Batches
    ) -> dict[str, Any]:
        names, logits, labels = prepared.label_names, np.stack(outputs), np.asarray(prepared.test.labels)
        chances = multi_label.sigmoid(logits)
        write_predictions(
            folder,
            prepared.test,
            {
                "labels": [_names(names, row) for row in labels],
                "predicted": [_names(names, row > multi_label.THRESHOLD) for row in chances],
                **{f"p_{name}": column.tolist() for name, column in zip(names, chances.T, strict=True)},
            },
        )
        majority = Counter(prepared.train.labels).most_common(1)[0][0]
        return multi_label.full(logits, labels, names, majority_labels=majority)


def _by_columns(names: Sequence[str], columns: Sequence[Sequence[str]], row_ids: Sequence[int]) -> list[list[str]]:
    """The labels of each row where every label is a column of 0 and 1."""
    switches = [[switch_of(cell) for cell in column] for column in columns]
    wrong = [row for row, cells in zip(row_ids, zip(*switches, strict=True), strict=True) if None in cells]
    if wrong:
        raise LabError(
            f"A label column holds something else than 0 or 1 in {rows_in_words(wrong)}.",
            "Write 0 or 1, or true or false.",
        )
    return [[name for name, on in zip(names, row, strict=True) if on] for row in zip(*switches, strict=True)]


def _names(names: Sequence[str], row: np.ndarray) -> str:
    """The labels that are on, as a JSON list: a name may hold any sign."""
    return json.dumps([name for name, on in zip(names, row, strict=True) if on], ensure_ascii=False)
