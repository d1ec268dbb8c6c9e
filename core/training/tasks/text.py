"""What the three tasks with one answer for a text (or a pair) share: their batches and the logits of a pass."""

import csv
import io
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from core.models.inference_settings import InferenceSettings
from core.models.loading import SEQUENCE_CLASSIFICATION, pad_id
from core.training.batches.encoding import Batcher, encode
from core.training.batches.examples import Prepared, Rows
from core.training.plan.plan import Plan
from core.training.tasks.task import RandomText, Task
from core.workspace import write_atomically

_STRATEGIES = {"longest": "True", "first": '"only_first"', "second": '"only_second"'}
_HOW_TO_USE = """\
```python
from transformers import pipeline

model = pipeline("text-classification", model="."{options})
model({example})
```

Pass `truncation`: no setting in this folder can turn it on, and without it the pipeline reads a longer text whole. Its
answer may then be another than the scored one, or it fails at the network's own limit. {reading}
"""


class TextTask(Task):
    """One answer for each text or pair, from one vector of logits. With pairs, `SPEC.settings` names "truncation"."""

    label_type: type = np.int64
    pipeline_options: str = ""
    reading: str  # what the pipeline's answer means; may contain {threshold}

    def head(self, plan: Plan) -> str:
        return SEQUENCE_CLASSIFICATION

    def encode(self, tokenizer: PreTrainedTokenizerFast, rows: Rows, plan: Plan, *, multiple: int = 1) -> Batcher:
        encoded = encode(tokenizer, rows.texts, rows.pairs, max_length=plan.max_length, truncation=plan.truncation)
        return Batcher(encoded, np.asarray(rows.labels, self.label_type), pad_id(tokenizer), multiple)

    def inference_options(self, plan: Plan, prepared: Prepared) -> dict[str, Any]:
        return {"truncation": plan.truncation}

    def outputs(self, output: Any, batch: dict[str, torch.Tensor]) -> list[np.ndarray]:
        return list(output.logits.float().cpu().numpy())

    def head_options(self, label_names: Sequence[str]) -> dict[str, Any]:
        return {**super().head_options(label_names), "problem_type": self.spec.problem_type}

    @abstractmethod
    def random_label(self, position: int) -> Any:
        """A label for a row of random words."""

    def random_rows(self, counts: Sequence[int], text: RandomText, *, has_pairs: bool, sequences: int) -> Rows:
        ids = range(len(counts))
        labels = list(map(self.random_label, ids))
        if not has_pairs:
            return Rows(ids, [" ".join(text(count - 2)) for count in counts], labels)
        halves = [(count - 3) // 2 for count in counts]
        first, second = ([" ".join(text(half)) for half in halves] for _ in range(2))
        return Rows(ids, first, labels, second)

    def how_to_use(self, settings: InferenceSettings, *, has_pairs: bool, mask: str) -> str:
        options = f", truncation={_STRATEGIES[settings.truncation] if has_pairs else 'True'}"
        return _HOW_TO_USE.format(
            options=options + self.pipeline_options,
            example='{"text": "The first text", "text_pair": "The second text"}' if has_pairs else '"A text"',
            reading=self.reading.format(threshold=settings.threshold),
        )


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
