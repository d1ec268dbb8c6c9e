"""What the three tasks with one answer for a text (or a pair) share: their batches and the logits of a pass."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from core.models.loading import SEQUENCE_CLASSIFICATION
from core.training.batches.encoding import Batcher, encode
from core.training.batches.examples import Prepared, Rows
from core.training.plan.plan import Plan
from core.training.tasks.task import Task
from core.workspace import write_atomically


class TextTask(Task):
    """One answer for each text or pair, from one vector of logits."""

    label_type: type = np.int64

    def head(self, plan: Plan) -> str:
        return SEQUENCE_CLASSIFICATION

    def encode(self, tokenizer: PreTrainedTokenizerFast, rows: Rows, plan: Plan, *, multiple: int = 1) -> Batcher:
        encoded = encode(tokenizer, rows.texts, rows.pairs, max_length=plan.max_length, truncation=plan.truncation)
        return Batcher(encoded, np.asarray(rows.labels, self.label_type), tokenizer.pad_token_id, multiple)

    def inference_options(self, plan: Plan, prepared: Prepared) -> dict[str, Any]:
        return {"truncation": plan.truncation}

    def outputs(self, output: Any, batch: dict[str, torch.Tensor]) -> list[np.ndarray]:
        return list(output.logits.float().cpu().numpy())


def write_predictions(
    folder: Path, rows: Rows, columns: dict[str, Sequence[Any]], *, texts: Sequence[str] | None = None
) -> None:
    """Write `predictions.csv`: the 0-based row of the file, its text or texts, then `columns` by name.

    Floats are written with six digits. `texts` stands in for `rows.texts` where these are no plain texts.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")  # with "\n" alone a "\r" in a text would not be quoted
    fixed = {"row": rows.row_ids, "text": rows.texts if texts is None else texts}
    if rows.pairs is not None:
        fixed["pair"] = rows.pairs
    table = fixed | columns
    writer.writerow(table)
    for cells in zip(*table.values(), strict=True):
        writer.writerow([f"{cell:.6f}" if isinstance(cell, float) else cell for cell in cells])
    write_atomically(folder / "predictions.csv", buffer.getvalue())
