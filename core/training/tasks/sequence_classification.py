"""Sequence classification: one label for each text or pair. Scores logits and writes the evaluation folder."""

import csv
import io
from pathlib import Path

import numpy as np

from core.runs.status import write_json
from core.training.metrics import confusion_counts, full_scores, softmax
from core.training.prepare import Prepared
from core.workspace import write_atomically


def write_evaluation(folder: Path, prepared: Prepared, logits: np.ndarray) -> dict:
    """Write `metrics.json`, `confusion.json` and `predictions.csv` for the scored rows; the metrics.

    `logits` (row, label) belong to `prepared.test`, in its order. Predictions carry the 0-based row of the file.
    """
    folder.mkdir(exist_ok=True)
    rows, names = prepared.test, prepared.label_names
    labels = np.asarray(rows.labels, dtype=np.int64)
    metrics = full_scores(logits, labels, names, majority_label=prepared.majority_label)
    metrics["split"] = prepared.scored_split
    counts = confusion_counts(logits, labels, len(names))
    write_atomically(folder / "predictions.csv", _predictions_csv(prepared, softmax(logits)))
    write_json(folder / "confusion.json", {"labels": list(names), "counts": counts, "split": prepared.scored_split})
    write_json(folder / "metrics.json", metrics)  # last: where it is, the rest is too
    return metrics


def _predictions_csv(prepared: Prepared, probabilities: np.ndarray) -> str:
    rows, names = prepared.test, prepared.label_names
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    pair_header = [] if rows.pairs is None else ["pair"]
    writer.writerow(
        ["row", "text", *pair_header, "label", "predicted", "probability", *(f"p_{name}" for name in names)]
    )
    for i, (row, text, label, chances) in enumerate(
        zip(rows.row_ids, rows.texts, rows.labels, probabilities, strict=True)
    ):
        best = int(chances.argmax())
        pair = [] if rows.pairs is None else [rows.pairs[i]]
        numbers = [f"{chance:.6f}" for chance in (chances[best], *chances)]
        writer.writerow([row, text, *pair, names[label], names[best], *numbers])
    return buffer.getvalue()
