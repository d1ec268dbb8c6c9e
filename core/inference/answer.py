"""Answering with a question-answering model: questions and contexts in, the best answers with their places out."""

from collections.abc import Callable, Sequence

from core.errors import LabError
from core.models.loading import QUESTION_ANSWERING, Model, pad_id
from core.training.batches.spans import Answers, answers_in, window_logits
from core.training.batches.windows import WindowBatcher, cut_windows
from core.training.run.scoring import outputs_of


def answer(
    model: Model,
    questions: Sequence[str],
    contexts: Sequence[str],
    *,
    top_k: int = 1,
    can_decline: bool | None = None,
    row_ids: Sequence[int] | None = None,
    batch_size: int = 32,
    on_progress: Callable[[int], None] | None = None,
) -> list[Answers]:
    """The `top_k` best answers to each question that do not overlap, each a stretch of its context of any length.

    Windows and the longest answer are those of the run's scores (`Model.inference`). “No answer” is given only if
    `can_decline`, by default where the model has learned from questions without one. `on_progress` hears how many
    windows are done. Raises `LabError` when the model answers no questions, when questions and contexts differ in
    number, or when a question alone is as long as what is read at once; it names the rows `row_ids`, 0-based.

    >>> answer(open_model(run.id), ["Who wrote it?"], ["It was written by Ada."])[0].best.text  # doctest: +SKIP
    'Ada'
    """
    if model.task != QUESTION_ANSWERING:
        raise LabError(
            f"The model “{model.title}” does not look for answers.", "Fine-tune it on questions with answers first."
        )
    if len(questions) != len(contexts):
        raise LabError(
            f"There are {len(questions)} questions but {len(contexts)} contexts.", "Give one context per question."
        )
    own = model.inference
    windows = cut_windows(
        model.encode,
        questions,
        contexts,
        max_length=own.max_length,
        overlap=own.window_overlap,
        row_ids=row_ids,
    )
    batches = WindowBatcher(windows, None, pad_id(model.tokenizer))
    logits = outputs_of(model.network, batches, window_logits, batch_size=batch_size, on_batch=on_progress)
    if can_decline is None:
        can_decline = own.can_decline
    return answers_in(logits, windows, contexts, can_decline=can_decline, count=top_k, longest=own.longest_answer)
