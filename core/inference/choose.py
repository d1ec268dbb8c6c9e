"""Predicting with a multiple-choice model: beginnings and choices in, the probability of each choice out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import LabError
from core.models.loading import MULTIPLE_CHOICE, Model, pad_id
from core.training.batches.examples import Rows
from core.training.run.scoring import logits_of
from core.training.scores.classification import softmax
from core.training.tasks.multiple_choice import choice_batches


@dataclass(frozen=True, slots=True)
class Chosen:
    """One entry for each beginning, in the order given. `numbers` are positions of the likeliest choices, from 0.

    `probabilities` is (row, choice); rows sum to 1.
    """

    numbers: tuple[int, ...]
    probabilities: np.ndarray
    cut_count: int  # rows longer than the model reads, cut to fit


def choose(
    model: Model,
    beginnings: Sequence[str],
    choices: Sequence[Sequence[str]],
    questions: Sequence[str] | None = None,
    *,
    batch_size: int = 16,
    on_progress: Callable[[int], None] | None = None,
) -> Chosen:
    """Choose among the `choices` of every beginning, or of every beginning and question.

    `on_progress` hears how many rows are done. Raises `LabError` when the model has no multiple-choice head, when the
    lists differ in length, and when the rows do not all have the same number of choices, at least two.

    >>> choose(open_model(run.id), ["The dog"], [["barked.", "was a prime number."]]).numbers  # doctest: +SKIP
    (0,)
    """
    if model.task != MULTIPLE_CHOICE:
        raise LabError(
            f"The model “{model.title}” has not learned to choose.", "Fine-tune it on the task multiple choice first."
        )
    if not len(beginnings) == len(choices) == len(beginnings if questions is None else questions):
        raise LabError("Beginnings, questions and lists of choices differ in number.", "Give one of each for a row.")
    counts = {len(each) for each in choices}
    if len(counts) > 1 or counts & {0, 1}:
        raise LabError(
            "The rows do not all have the same number of choices, two or more.", "Give each row as many choices."
        )
    rows = Rows(range(len(beginnings)), beginnings, (), questions, [tuple(each) for each in choices])
    if not len(rows):
        return Chosen((), np.zeros((0, 0), np.float32), 0)
    batches = choice_batches(model.encode, rows, max_length=model.inference.max_length, pad_id=pad_id(model.tokenizer))
    probabilities = softmax(logits_of(model.network, batches, batch_size=batch_size, on_batch=on_progress))
    return Chosen(tuple(probabilities.argmax(axis=1).tolist()), probabilities, batches.cut_count)
