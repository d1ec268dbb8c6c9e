"""What a task must say of itself: how it reads rows, makes batches, which head it trains, how its answers are scored.

Everything else (splits, steps, checkpoints, stopping) is the same for all tasks and knows none of them. A task with one
answer for a text or a pair begins with `core.training.tasks.text.TextTask`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from core.data.column_mapping import CLASSIFICATION, ColumnMapping
from core.data.dataset.dataset import Dataset
from core.data.decisions.preparation import Preparation
from core.data.table import Table
from core.data.views import take
from core.models.inference_settings import InferenceSettings
from core.tasks import TaskSpec
from core.training.batches.examples import Examples, Prepared, Rows
from core.training.plan.plan import Plan

RandomText = Callable[[int], list[str]]  # so many random words, one at least
Loss = Callable[[Any, torch.Tensor], torch.Tensor]  # (the network's output, labels) -> a scalar


class Batches(Protocol):
    """Encoded examples by their positions. A position is a row, or a window of one where contexts are long."""

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each position, special tokens included: (position,)."""
        ...

    @property
    def cut_count(self) -> int:
        """How many texts were longer than the limit and lost something."""
        ...

    def __len__(self) -> int: ...

    def __call__(self, positions: Sequence[int]) -> dict[str, torch.Tensor]:
        """The padded tensors that the network takes, with its labels."""
        ...

    def set_epoch(self, epoch: int) -> None:
        """Called before each pass over the training rows; for batches that are drawn again each time."""
        ...


class Task(ABC):
    """One way to learn. Stateless: every method is given what it needs."""

    spec: ClassVar[TaskSpec]
    probe_labels: ClassVar[tuple[str, ...]] = ("a", "b")  # of random rows: how many there are hardly changes a step
    compares_with_start: ClassVar[bool] = False  # whether the starting model can do the task, and is scored as well

    @property
    def best(self) -> str:
        """The score that chooses the best moment; higher is better."""
        return self.spec.curves[0]

    @abstractmethod
    def read(self, table: Table, plan: Plan, label_names: Sequence[str] | None = None) -> Examples:
        """The rows of a table, after the plan's corrections and fixes, in the form of the task.

        `label_names` are those of the training file when this is another one. Raises `LabError` with the rows.
        """

    @abstractmethod
    def encode(self, tokenizer: PreTrainedTokenizerFast, rows: Rows, plan: Plan, *, multiple: int = 1) -> Batches:
        """The rows as batches; lengths are rounded up to a multiple of `multiple`."""

    @abstractmethod
    def head(self, plan: Plan) -> str:
        """The head to train, as `core.models.loading` calls it."""

    def head_options(self, label_names: Sequence[str]) -> dict[str, Any]:
        """What `load_for_training` is given about the head: its labels and the kind of problem."""
        return {"labels": label_names}

    def loss(self, plan: Plan, train: Rows, label_count: int) -> Loss | None:
        """A loss of the task's own; None for the one that the network computes itself."""
        return None

    def begin(self, network: PreTrainedModel, train: Rows) -> None:  # noqa: B027 - most tasks have nothing to do
        """Called before the first step of a run: what can be set in a new head without learning."""

    def inference_options(self, plan: Plan, prepared: Prepared) -> dict[str, Any]:
        """What predicting goes by beside the maximum length, as fields of `InferenceSettings`."""
        return {}

    @abstractmethod
    def outputs(self, output: Any, batch: dict[str, torch.Tensor]) -> list[np.ndarray]:
        """What is kept of a forward pass, an array in float32 for each position of the batch."""

    @abstractmethod
    def quick_scores(self, outputs: Sequence[np.ndarray], batches: Batches, rows: Rows, names: Sequence[str]) -> dict:
        """The loss and the scores that are drawn as curves during a training, as floats by name."""

    @abstractmethod
    def evaluate(
        self, folder: Path, prepared: Prepared, outputs: Sequence[np.ndarray], batches: Batches
    ) -> dict[str, Any]:
        """Write `predictions.csv` and what else the task shows into `folder`; the scores of `prepared.test`.

        The columns of the file (`core.training.tasks.text.write_predictions`) are those that `READERS` reads of this
        task (`core.reports.scored_rows`), and those that `PREDICTORS` gives (`core.inference.predictors`) have the same
        names. Among the scores are the baselines that its `SPEC` names.
        """

    @abstractmethod
    def random_rows(self, counts: Sequence[int], text: RandomText, *, has_pairs: bool, sequences: int) -> Rows:
        """A row of about so many tokens for each of `counts`, to measure how long a step takes.

        `sequences` are those that the network reads for a row.
        """

    @abstractmethod
    def how_to_use(self, settings: InferenceSettings, *, has_pairs: bool, mask: str) -> str:
        """How plain transformers give the answers that were scored, in Markdown, for the card of a trained model.

        `has_pairs`: the texts come in pairs. `mask`: the tokenizer's token for a hidden one.
        """


def rows_without_label(
    table: Table, plan: Plan, text: str, pair: str | None = None, *, is_other_file: bool
) -> tuple[Dataset, Table]:
    """The rows that corrections and fixes leave, with the columns of text; and the table after corrections.

    Those of the plan belong to the file that is trained on: in another one, every row stays as it is. Cells of other
    columns are those of the second, at the data set's `row_ids`. Raises `LabError` as `build_dataset`.
    """
    preparation = Preparation() if is_other_file else Preparation.from_json(plan.preparation)
    corrected = table if preparation.edits is None else preparation.edits.apply(table)
    columns = ColumnMapping.of(CLASSIFICATION, text=text, pair=pair)
    return preparation.dataset(table, columns), corrected


def cells_at(table: Table, column: str, dataset: Dataset) -> list[str]:
    """The cells of a column in the rows of a data set."""
    return take(table.column(column), dataset.row_ids.array).to_pylist()


def weighted_cross_entropy(plan: Plan, counts: np.ndarray) -> Loss | None:
    """Cross-entropy over labels that occur `counts` times in training, weighted and smoothed as the plan says.

    “balanced” weighs a label by rows / (labels × its rows), as scikit-learn's `class_weight`; labels of no row count
    as none. Smoothing as in `torch.nn.functional.cross_entropy`; labels of −100 are left out. None when the plan asks
    for neither: the network's own loss is then the same.
    """
    if plan.class_weights == "none" and not plan.label_smoothing:
        return None
    weights = None
    if plan.class_weights == "balanced":
        present = counts > 0
        weights = torch.tensor(np.where(present, counts.sum() / (present.sum() * np.maximum(counts, 1)), 0.0))

    def loss(output: Any, labels: torch.Tensor) -> torch.Tensor:
        logits = output.logits.float()
        return torch.nn.functional.cross_entropy(
            logits.reshape(-1, logits.shape[-1]),
            labels.reshape(-1),
            weight=None if weights is None else weights.to(logits),
            label_smoothing=plan.label_smoothing,
        )

    return loss
