"""Question answering: the stretch of a context that answers a question, or that there is none."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from core.data.cells import Answer, answers_of
from core.data.dataset.repeats import together
from core.data.dataset.row_selection import rows_in_words
from core.data.table import Table
from core.errors import LabError
from core.models.inference_settings import InferenceSettings
from core.models.loading import QUESTION_ANSWERING, pad_id
from core.tasks.question_answering import SPEC
from core.training.batches.examples import Examples, Prepared, Rows
from core.training.batches.spans import Answers, answers_in, mean_loss, window_logits
from core.training.batches.windows import WindowBatcher, cut_windows, token_places
from core.training.plan.plan import Plan
from core.training.scores import answers as scores
from core.training.tasks.task import RandomText, Task, cells_at, rows_without_label
from core.training.tasks.text import write_predictions

_HOW_TO_USE = """\
```python
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(".")
network = AutoModelForQuestionAnswering.from_pretrained(".")
windows = tokenizer(
    question, passage, truncation="only_second", stride={overlap},
    return_overflowing_tokens=True, return_offsets_mapping=True, padding=True, return_tensors="pt",
)
```

A long passage is read in windows that share {overlap} tokens, or half of the room that the question leaves where that
is less. The answer is the span of at most {longest} tokens of the passage, in any window, with the highest sum of start
and end logit.{decline}
"""
_DECLINE = """ There is no answer where the sum of both logits of the first token, in the window where it is lowest, is
higher than that."""


class QuestionAnswering(Task):
    """Two softmaxes over the tokens of a window, of the first and of the last token of the answer (Devlin et al. 2019,
    § 4.2 and 4.3). Of several answers the first is learned; a prediction may match any.

    Where every question has an answer (as in SQuAD 1.1), one is always given; else “no answer” is one of them.
    """

    spec = SPEC

    def read(self, table: Table, plan: Plan, label_names: Sequence[str] | None = None) -> Examples:
        mapping = plan.mapping()
        dataset, corrected = rows_without_label(
            table,
            plan,
            mapping.column_of("question"),
            mapping.column_of("context"),
            is_other_file=label_names is not None,
        )
        assert dataset.pairs is not None  # the contexts
        columns = [
            cells_at(corrected, column, dataset) for part in ("answer", "answer_start") if (column := mapping[part])
        ]
        answers = [
            _placed(context, answers_of(*cells)) for context, *cells in zip(dataset.pairs, *columns, strict=True)
        ]
        if absent := [row for row, each in zip(dataset.row_ids, answers, strict=True) if each is None]:
            raise LabError(
                f"The answer does not stand in the context in {rows_in_words(absent)}.",
                "Copy the answer from the context word for word, or drop these rows.",
            )
        rows = Rows(dataset.row_ids, dataset.texts, tuple(answers), dataset.pairs)
        # Questions about one context stay in one part of a split, unless that is the only context.
        return Examples(dataset, rows, (), groups=together(dataset.pairs))

    def encode(self, tokenizer: PreTrainedTokenizerFast, rows: Rows, plan: Plan, *, multiple: int = 1) -> WindowBatcher:
        windows = cut_windows(
            tokenizer,
            rows.texts,
            rows.contexts,
            max_length=plan.max_length,
            overlap=plan.window_overlap,
            row_ids=rows.row_ids,
        )
        learned = [answers[0] if answers else None for answers in rows.labels]
        return WindowBatcher(windows, token_places(windows, learned), pad_id(tokenizer), multiple)

    def head(self, plan: Plan) -> str:
        return QUESTION_ANSWERING

    def head_options(self, label_names: Sequence[str]) -> dict[str, Any]:
        return {"labels": ("start", "end")}  # else a model that was trained on labels would bring their number along

    def inference_options(self, plan: Plan, prepared: Prepared) -> dict[str, Any]:
        return {
            "window_overlap": plan.window_overlap,
            "longest_answer": scores.LONGEST_ANSWER,
            "can_decline": _has_unanswerable(prepared.train),
        }

    def outputs(self, output: Any, batch: dict[str, torch.Tensor]) -> list[np.ndarray]:
        """Logits (2, pos) of first and last token, for each window."""
        return window_logits(output, batch)

    def quick_scores(
        self, outputs: Sequence[np.ndarray], batches: WindowBatcher, rows: Rows, names: Sequence[str]
    ) -> dict:
        """Mean loss of the windows, exact match, F1; “no answer” may be given where it is right for one of `rows`."""
        found = answers_in(outputs, batches.windows, rows.contexts, can_decline=_has_unanswerable(rows))
        return scores.quick(_texts(found), _gold(rows), _loss(outputs, batches))

    def evaluate(
        self, folder: Path, prepared: Prepared, outputs: Sequence[np.ndarray], batches: WindowBatcher
    ) -> dict[str, Any]:
        rows = prepared.test
        found = answers_in(outputs, batches.windows, rows.contexts, can_decline=_has_unanswerable(prepared.train))
        predicted, gold = _texts(found), _gold(rows)
        write_predictions(
            folder,
            rows,
            {
                "answers": [json.dumps(each, ensure_ascii=False) for each in gold],
                "predicted": predicted,
                "start": ["" if each.best.start is None else each.best.start for each in found],
                "score": [each.best.probability for each in found],
                "exact_match": [scores.exact_match(*each) for each in zip(predicted, gold, strict=True)],
                "f1": [scores.f1(*each) for each in zip(predicted, gold, strict=True)],
            },
        )
        return {**scores.full(predicted, gold, _loss(outputs, batches)), "windows": len(outputs)}

    def random_rows(self, counts: Sequence[int], text: RandomText, *, has_pairs: bool, sequences: int) -> Rows:
        questions = [" ".join(text(count // 4)) for count in counts]
        contexts = [text(count - count // 4 - 3) for count in counts]
        answers = [(Answer(each[0], 0),) for each in contexts]
        return Rows(range(len(counts)), questions, answers, list(map(" ".join, contexts)))

    def how_to_use(self, settings: InferenceSettings, *, has_pairs: bool, mask: str) -> str:
        return _HOW_TO_USE.format(
            overlap=settings.window_overlap,
            longest=settings.longest_answer,
            decline=_DECLINE if settings.can_decline else "",
        )


def _placed(context: str, answers: Sequence[Answer]) -> tuple[Answer, ...] | None:
    """The answers without white space at their ends, each with the place where it stands; None when one does not.

    Where an answer does not stand at its start (a fix may have moved the context), the nearest place is taken; without
    a start, the first.
    """
    found = []
    for answer in answers:
        text = answer.text.strip()
        before = len(answer.text) - len(answer.text.lstrip())
        if text:
            place = _nearest(context, text, None if answer.start is None else answer.start + before)
            if place is None:
                return None
            found.append(Answer(text, place))
    return tuple(found)


def _nearest(context: str, text: str, start: int | None) -> int | None:
    """Where the text stands in the context, nearest to `start`; None where it does not."""
    if start is None or not context.startswith(text, max(start, 0)):
        places = []
        place = context.find(text)
        while place >= 0:
            places.append(place)
            place = context.find(text, place + 1)
        return min(places, key=lambda each: abs(each - (start or 0)), default=None)
    return max(start, 0)


def _has_unanswerable(rows: Rows) -> bool:
    return not all(rows.labels)


def _loss(outputs: Sequence[np.ndarray], batches: WindowBatcher) -> float:
    assert batches.answers is not None  # as in all batches that `encode` gives
    return mean_loss(outputs, batches.answers)


def _texts(found: Sequence[Answers]) -> list[str]:
    return [each.best.text for each in found]


def _gold(rows: Rows) -> list[list[str]]:
    return [[answer.text for answer in answers] for answers in rows.labels]
