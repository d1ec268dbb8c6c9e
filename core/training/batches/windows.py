"""Questions with contexts of any length to windows that fit into a model, and batches of these with their answers.

Each window holds the whole question and a part of the context (Devlin et al. 2019, § 4.2, and transformers' example of
question answering, run_qa). Finds no answers: see `spans`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Encoding
from transformers import BatchEncoding

from core.data.cells import Answer
from core.data.dataset.row_selection import rows_in_words
from core.errors import LabError
from core.training.batches.encoding import CHUNK, Encoded, encodings_of, joined, pad


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows in the order of their rows, and where each of their tokens stands in the context, in characters."""

    encoded: Encoded  # a text is a window
    rows: np.ndarray  # int64 (window,), rising: the position of its question
    offsets: np.ndarray  # int32 (token, 2): first character and the one behind the last; −1 outside the context

    def __len__(self) -> int:
        return len(self.rows)

    def of_row(self, row: int) -> range:
        """The windows of a question, at least one."""
        return range(*np.searchsorted(self.rows, [row, row + 1]).tolist())

    def offsets_of(self, window: int) -> np.ndarray:
        """Its `offsets`: (pos, 2)."""
        return self.offsets[self.encoded.starts[window] : self.encoded.starts[window + 1]]


def cut_windows(
    tokenize: Callable[..., BatchEncoding],
    questions: Sequence[str],
    contexts: Sequence[str],
    *,
    max_length: int,
    overlap: int,
    row_ids: Sequence[int] | None = None,
) -> Windows:
    """Windows of at most `max_length` tokens with special tokens; of one context, neighbours share `overlap` tokens.

    They share less where that is more than half of the room that a question leaves for the context. `tokenize` is a
    fast tokenizer or `Model.encode`. Raises `LabError` when a question leaves no room; `row_ids` are its row numbers.
    """
    empty = tokenize([""], [""])
    room = max_length - len(empty["input_ids"][0]) - _lengths(tokenize, questions)  # (question,)
    if lacking := np.flatnonzero(room < 1).tolist():
        raise LabError(
            f"The question alone fills the {max_length} tokens that are read in "
            f"{rows_in_words(lacking if row_ids is None else [row_ids[row] for row in lacking])}.",
            "Choose a larger maximum length, or shorten the question.",
        )
    shared = np.minimum(overlap, room // 2)
    rows: list[int] = []
    offsets: list[np.ndarray] = []

    def encodings() -> Iterator[Encoding]:
        for start in range(0, len(questions), CHUNK):
            part = slice(start, start + CHUNK)
            found = _windows(tokenize, questions[part], contexts[part], shared[part], max_length)
            for row, windows in enumerate(found, start):
                for window in windows:
                    rows.append(row)
                    offsets.append(_context_offsets(window))
                    yield window

    encoded = joined(encodings(), has_segments="token_type_ids" in empty)
    return Windows(
        encoded,
        np.array(rows, np.int64),
        np.concatenate(offsets) if offsets else np.zeros((0, 2), np.int32),
    )


def _lengths(tokenize: Callable[..., BatchEncoding], texts: Sequence[str]) -> np.ndarray:
    """Tokens of each text, without special tokens: (text,)."""
    parts = (list(texts[start : start + CHUNK]) for start in range(0, len(texts), CHUNK))
    return np.array([len(ids) for part in parts for ids in tokenize(part, add_special_tokens=False)["input_ids"]], int)


def _windows(
    tokenize: Callable[..., BatchEncoding],
    questions: Sequence[str],
    contexts: Sequence[str],
    shared: np.ndarray,
    max_length: int,
) -> list[list[Encoding]]:
    """The windows of each question; `shared` tokens (question,) with the next. One call for each different overlap."""
    found: list[list[Encoding]] = [[] for _ in questions]
    for overlap in np.unique(shared):
        own = np.flatnonzero(shared == overlap).tolist()
        batch = tokenize(
            [questions[row] for row in own],
            [contexts[row] for row in own],
            truncation="only_second",
            max_length=max_length,
            stride=int(overlap),
            return_overflowing_tokens=True,
        )
        for row, encoding in zip(batch["overflow_to_sample_mapping"], encodings_of(batch), strict=True):
            found[own[row]].append(encoding)
    return found


def _context_offsets(window: Encoding) -> np.ndarray:
    """First character and the one behind the last of each token of the context, −1 for others: int32 (pos, 2)."""
    is_context = np.array([sequence == 1 for sequence in window.sequence_ids], bool)
    return np.where(is_context[:, np.newaxis], np.array(window.offsets, np.int32), np.int32(-1))


def token_places(windows: Windows, answers: Sequence[Answer | None]) -> np.ndarray:
    """The first and last token of each question's answer, in each of its windows: int64 (window, 2).

    An answer, with its `start`, is as `Rows` have it; None stands for no answer. Where there is none, and in windows
    that do not hold all of it, both are 0: the special token at the beginning, as in SQuAD 2.0.
    """
    found = np.zeros((len(windows), 2), np.int64)
    for window, row in enumerate(windows.rows.tolist()):
        answer = answers[row]
        offsets = windows.offsets_of(window)
        places = np.flatnonzero(offsets[:, 0] >= 0)
        if answer is None or not len(places):
            continue
        start, end = answer.start, answer.start + len(answer.text)
        starts, ends = offsets[places].T
        if starts[0] <= start and ends[-1] >= end:
            found[window] = (
                places[np.searchsorted(starts, start, side="right") - 1],
                places[np.searchsorted(ends, end, side="left")],
            )
    return found


@dataclass(frozen=True, slots=True)
class WindowBatcher:
    """Batches of windows, with the first and last token of their answers; without to predict with."""

    windows: Windows
    answers: np.ndarray | None  # int64 (window, 2)
    pad_id: int
    multiple: int = 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens per window: (window,)."""
        return self.windows.encoded.lengths

    @property
    def cut_count(self) -> int:
        """Nothing is lost: what one window does not hold, another does."""
        return 0

    def __len__(self) -> int:
        return len(self.windows)

    def __call__(self, positions: Sequence[int]) -> dict[str, torch.Tensor]:
        """What `pad` gives, and `start_positions` and `end_positions` (batch,)."""
        batch = pad(self.windows.encoded, positions, self.pad_id, multiple=self.multiple)
        if self.answers is not None:
            own = torch.from_numpy(self.answers[list(positions)])
            batch |= {"start_positions": own[:, 0], "end_positions": own[:, 1]}
        return batch

    def set_epoch(self, epoch: int) -> None:
        """The same windows in every epoch."""
