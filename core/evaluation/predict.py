"""Predicting with a classifier: texts in, labels and probabilities out. Reads no file and keeps nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import LabError
from core.models.loading import SEQUENCE_CLASSIFICATION, Model
from core.training.encoding import Batcher, encode
from core.training.scores.classification import softmax
from core.training.scoring import logits_of


@dataclass(frozen=True, slots=True)
class Predictions:
    """One entry per text, in the order given. `labels` are names; `probabilities` is (row, label), rows sum to 1."""

    labels: tuple[str, ...]
    probabilities: np.ndarray
    label_names: tuple[str, ...]
    cut_count: int  # texts longer than the model reads, cut to fit

    @property
    def confidences(self) -> np.ndarray:
        """The probability of each predicted label: (row,)."""
        return self.probabilities.max(axis=1) if len(self.labels) else np.zeros(0)


def predict(
    model: Model,
    texts: Sequence[str],
    pairs: Sequence[str] | None = None,
    *,
    batch_size: int = 64,
    on_progress: Callable[[int], None] | None = None,
) -> Predictions:
    """Label every text, or every pair of texts. Texts of similar length share a batch; the order is restored.

    `on_progress` hears how many texts are done. Raises `LabError` when the model is no classifier, or when texts and
    pairs differ in number.

    >>> predict(open_model(run.id), ["A fine film."]).labels
    ('positive',)
    """
    if model.task != SEQUENCE_CLASSIFICATION:
        raise LabError(
            f"The model “{model.title}” has no classes to choose from.", "Fine-tune it on your labels first."
        )
    if pairs is not None and len(pairs) != len(texts):
        raise LabError(f"There are {len(texts)} texts but {len(pairs)} second texts.", "Give one second text per text.")
    encoded = encode(model.encode, texts, pairs, max_length=model.max_length)
    batcher = Batcher(encoded, None, model.tokenizer.pad_token_id)
    probabilities = softmax(logits_of(model.network, batcher, batch_size=batch_size, on_batch=on_progress))
    labels = tuple(model.labels[i] for i in probabilities.argmax(axis=1)) if len(texts) else ()
    return Predictions(labels, probabilities, model.labels, encoded.cut_count)
