"""The lines of a run's `predictions.csv`, as each task writes them: what was right, what the model said, how wrong.

Reads lines only; ordering and files are the report's business. `row` is the 0-based row of the data file throughout.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.data.cells import items_of
from core.tasks import FIRST
from core.training.scores.tagging import stretches_of

Cells = Mapping[str, str]
Metrics = Mapping[str, Any]  # of the run


@dataclass(frozen=True, slots=True)
class ScoredRow(ABC):
    """One scored row; `pair` is the second text, the passage or the question, where the task has one."""

    row: int
    text: str
    pair: str | None

    @property
    @abstractmethod
    def is_wrong(self) -> bool:
        """Whether it belongs to the mistakes."""

    @property
    @abstractmethod
    def order(self) -> tuple[float, ...]:
        """What mistakes are sorted by, the worst having the lowest."""


@dataclass(frozen=True, slots=True)
class LabelRow(ScoredRow):
    """One of several labels; `probability` is that of the predicted one."""

    label: str
    predicted: str
    probability: float

    @property
    def is_wrong(self) -> bool:
        """Whether another label was predicted."""
        return self.label != self.predicted

    @property
    def order(self) -> tuple[float, ...]:
        """The surest mistakes first."""
        return (-self.probability,)


@dataclass(frozen=True, slots=True)
class LabelsRow(ScoredRow):
    """Any number of labels."""

    labels: tuple[str, ...]
    predicted: tuple[str, ...]

    @property
    def missed(self) -> tuple[str, ...]:
        """The labels that the model did not give."""
        return tuple(label for label in self.labels if label not in self.predicted)

    @property
    def invented(self) -> tuple[str, ...]:
        """The labels that the model gave wrongly."""
        return tuple(label for label in self.predicted if label not in self.labels)

    @property
    def is_wrong(self) -> bool:
        """Whether a label was missed or invented."""
        return self.labels != self.predicted

    @property
    def order(self) -> tuple[float, ...]:
        """Most labels missed or invented first."""
        return (-len(self.missed) - len(self.invented),)


@dataclass(frozen=True, slots=True)
class ScoreRow(ScoredRow):
    """A number; every row is off by something."""

    score: float
    predicted: float

    @property
    def distance(self) -> float:
        """How far the model is from the true number, in its unit."""
        return abs(self.predicted - self.score)

    @property
    def is_wrong(self) -> bool:
        """Whether it is off at all."""
        return self.distance > 0

    @property
    def order(self) -> tuple[float, ...]:
        """The largest distance first."""
        return (-self.distance,)


@dataclass(frozen=True, slots=True)
class TagsRow(ScoredRow):
    """A tag for each word; `unit` is what is counted, "entity" or "token"."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    predicted: tuple[str, ...]
    unit: str

    @property
    def wrong_count(self) -> int:
        """Entities (or tags) that were missed, and those that are not there: one in the wrong place counts as both."""
        return len(set(stretches_of(self.tags, self.unit)) ^ set(stretches_of(self.predicted, self.unit)))

    @property
    def is_wrong(self) -> bool:
        """Whether an entity (or a tag) was missed or is not there."""
        return self.wrong_count > 0

    @property
    def order(self) -> tuple[float, ...]:
        """Most mistakes first."""
        return (-self.wrong_count,)


@dataclass(frozen=True, slots=True)
class AnswerRow(ScoredRow):
    """An answer cut from the passage `pair`; no `answers` where there is none, `predicted` "" where none was given.

    start: the first character of the predicted answer in the passage; None without one.
    """

    answers: tuple[str, ...]
    predicted: str
    start: int | None
    probability: float
    f1: float

    @property
    def is_wrong(self) -> bool:
        """Whether the prediction is less than one of the answers."""
        return self.f1 < 1

    @property
    def order(self) -> tuple[float, ...]:
        """The lowest F1 first; of equals, the surest."""
        return (self.f1, -self.probability)


@dataclass(frozen=True, slots=True)
class ChoiceRow(LabelRow):
    """One of several texts; `label` and `predicted` name the right and the chosen one as the data file does."""

    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LanguageRow(ScoredRow):
    """Tokens hidden in a text and found again; `loss` is the mean of −log p(token), None where none was hidden."""

    hidden: int
    found: int
    loss: float | None

    @property
    def is_wrong(self) -> bool:
        """Whether a hidden token was not found."""
        return self.found < self.hidden

    @property
    def order(self) -> tuple[float, ...]:
        """The highest loss first."""
        return (-(self.loss or 0.0),)


def reader_of(task: str, metrics: Metrics) -> Callable[[Cells], ScoredRow]:
    """What makes a row of one line; it raises KeyError, TypeError or ValueError for one that is torn.

    A task that is not known is read as the first one that the lab had, single labels.
    """
    read = READERS.get(task, READERS[FIRST])
    return lambda cells: read(cells, metrics)


def _label(cells: Cells, _: Metrics) -> LabelRow:
    return LabelRow(*_texts(cells), cells["label"], cells["predicted"], float(cells["probability"]))


def _labels(cells: Cells, _: Metrics) -> LabelsRow:
    return LabelsRow(*_texts(cells), _list(cells["labels"]), _list(cells["predicted"]))


def _score(cells: Cells, _: Metrics) -> ScoreRow:
    return ScoreRow(*_texts(cells), float(cells["score"]), float(cells["predicted"]))


def _tags(cells: Cells, metrics: Metrics) -> TagsRow:
    words, tags, predicted = (tuple(items_of(cells[name])) for name in ("text", "tags", "predicted"))
    if not len(words) == len(tags) == len(predicted):
        raise ValueError("words and tags differ in number")
    return TagsRow(*_texts(cells), words, tags, predicted, str(metrics.get("unit", "token")))


def _answer(cells: Cells, _: Metrics) -> AnswerRow:
    start = int(cells["start"]) if cells["start"] else None
    return AnswerRow(
        *_texts(cells), _list(cells["answers"]), cells["predicted"], start, float(cells["score"]), float(cells["f1"])
    )


def _choice(cells: Cells, _: Metrics) -> ChoiceRow:
    return ChoiceRow(
        *_texts(cells), cells["right"], cells["predicted"], float(cells["probability"]), _list(cells["choices"])
    )


def _language(cells: Cells, _: Metrics) -> LanguageRow:
    loss = float(cells["loss"]) if cells["loss"] else None
    return LanguageRow(*_texts(cells), int(cells["hidden"]), int(cells["found"]), loss)


READERS: dict[str, Callable[[Cells, Metrics], ScoredRow]] = {
    "sequence-classification": _label,
    "multi-label": _labels,
    "regression": _score,
    "token-classification": _tags,
    "question-answering": _answer,
    "multiple-choice": _choice,
    "masked-language": _language,
}


def _texts(cells: Cells) -> tuple[int, str, str | None]:
    return int(cells["row"]), cells["text"], cells.get("pair")


def _list(cell: str) -> tuple[str, ...]:
    """The texts of a JSON list."""
    return tuple(map(str, json.loads(cell)))
