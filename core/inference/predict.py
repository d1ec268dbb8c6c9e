"""Predicting for texts or pairs: a label each, any number of labels, or a score. Reads no file and keeps nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import LabError
from core.models.loading import Model, pad_id
from core.tasks import SPECS, TaskSpec, multi_label, regression, sequence_classification
from core.training.batches.encoding import Batcher, encode
from core.training.run.scoring import logits_of
from core.training.scores.classification import softmax
from core.training.scores.multi_label import sigmoid


@dataclass(frozen=True, slots=True)
class Predictions:
    """One entry per text, in the order given. `labels` are names; `probabilities` is (row, label), rows sum to 1."""

    labels: tuple[str, ...]
    probabilities: np.ndarray
    label_names: tuple[str, ...]
    cut_count: int  # texts longer than what is read (`Model.inference`), cut to fit

    @property
    def confidences(self) -> np.ndarray:
        """The probability of each predicted label: (row,)."""
        return self.probabilities.max(axis=1) if len(self.labels) else np.zeros(0)


@dataclass(frozen=True, slots=True)
class LabelSets:
    """One entry per text, in the order given: the labels above `threshold`. `probabilities` is (row, label)."""

    labels: tuple[tuple[str, ...], ...]
    probabilities: np.ndarray
    label_names: tuple[str, ...]
    cut_count: int
    threshold: float


@dataclass(frozen=True, slots=True)
class PredictedScores:
    """One number per text, in the order given and in the unit of the training data: `values` is (row,)."""

    values: np.ndarray
    cut_count: int


def task_of_model(model: Model) -> str | None:
    """What a model has learned, as `core.tasks` calls it; None when it predicts nothing.

    A run has written it beside the weights. Elsewhere, and in older runs, the head tells; where several tasks share
    one, transformers tells them apart by `problem_type` and the number of labels.
    """
    tasks = [spec for spec in SPECS.values() if spec.head == model.task]
    if model.inference.task in [spec.name for spec in tasks]:
        return model.inference.task
    if len(tasks) > 1:
        kind = model.config.problem_type or (regression.SPEC.problem_type if model.config.num_labels == 1 else "")
        tasks = [spec for spec in tasks if spec.problem_type == kind] or tasks
    return tasks[0].name if tasks else None


def predict(
    model: Model,
    texts: Sequence[str],
    pairs: Sequence[str] | None = None,
    *,
    batch_size: int = 64,
    on_progress: Callable[[int], None] | None = None,
) -> Predictions:
    """Label every text, or every pair of texts. Texts of similar length share a batch; the order is restored.

    `on_progress` hears how many texts are done. Raises `LabError` when the model gives no single label, or when texts
    and pairs differ in number.

    >>> predict(open_model(run.id), ["A fine film."]).labels  # doctest: +SKIP
    ('positive',)
    """
    _check(model, sequence_classification.SPEC, "has no classes to choose from", "Fine-tune it on your labels first.")
    logits, cut_count = _logits(model, texts, pairs, batch_size, on_progress)
    probabilities = softmax(logits)
    labels = tuple(model.labels[i] for i in probabilities.argmax(axis=1)) if len(texts) else ()
    return Predictions(labels, probabilities, model.labels, cut_count)


def predict_labels(
    model: Model,
    texts: Sequence[str],
    pairs: Sequence[str] | None = None,
    *,
    batch_size: int = 64,
    on_progress: Callable[[int], None] | None = None,
) -> LabelSets:
    """Every label that applies to every text, or pair of texts, none of them included. Arguments as for `predict`.

    Raises `LabError` when the model does not give several labels, or when texts and pairs differ in number.
    """
    _check(model, multi_label.SPEC, "does not give several labels", "Fine-tune it on the task “multi-label” first.")
    logits, cut_count = _logits(model, texts, pairs, batch_size, on_progress)
    probabilities, threshold = sigmoid(logits), model.inference.threshold
    labels = tuple(
        tuple(name for name, chance in zip(model.labels, row, strict=True) if chance > threshold)
        for row in probabilities
    )
    return LabelSets(labels, probabilities, model.labels, cut_count, threshold)


def predict_scores(
    model: Model,
    texts: Sequence[str],
    pairs: Sequence[str] | None = None,
    *,
    batch_size: int = 64,
    on_progress: Callable[[int], None] | None = None,
) -> PredictedScores:
    """A number for every text, or pair of texts. Arguments as for `predict`.

    Raises `LabError` when the model guesses no number, or when texts and pairs differ in number.
    """
    _check(model, regression.SPEC, "guesses no number", "Fine-tune it on the task “regression” first.")
    logits, cut_count = _logits(model, texts, pairs, batch_size, on_progress)
    return PredictedScores(logits[:, 0].astype(np.float64), cut_count)


def _check(model: Model, task: TaskSpec, problem: str, remedy: str) -> None:
    """Refuse a model whose logits mean something else than those of `task`."""
    learned = task_of_model(model)
    if learned is None or SPECS[learned].logits_kind != task.logits_kind:
        raise LabError(f"The model “{model.title}” {problem}.", remedy)


def _logits(
    model: Model,
    texts: Sequence[str],
    pairs: Sequence[str] | None,
    batch_size: int,
    on_progress: Callable[[int], None] | None,
) -> tuple[np.ndarray, int]:
    """Logits (row, label) in the order of the texts, and how many of these were cut."""
    if pairs is not None and len(pairs) != len(texts):
        raise LabError(f"There are {len(texts)} texts but {len(pairs)} second texts.", "Give one second text per text.")
    own = model.inference
    encoded = encode(model.encode, texts, pairs, max_length=own.max_length, truncation=own.truncation, is_lenient=True)
    batcher = Batcher(encoded, None, pad_id(model.tokenizer))
    return logits_of(model.network, batcher, batch_size=batch_size, on_batch=on_progress), encoded.cut_count
