"""Where something stands in a text: answers in a passage, and a text cut into such stretches."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Mark:
    """`text[start:end]` is called `name`."""

    start: int
    end: int
    name: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a text with the names of all marks that cover it; none where it is not marked."""

    text: str
    names: tuple[str, ...] = ()


def cut_at(text: str, marks: Sequence[Mark]) -> list[Stretch]:
    """The whole text as stretches between the ends of the marks, which may overlap; empty stretches are left out.

    >>> cut_at("in Rome", [Mark(3, 7, "LOC")])
    [Stretch(text='in ', names=()), Stretch(text='Rome', names=('LOC',))]
    """
    ends = sorted({0, len(text), *(place for mark in marks for place in (mark.start, mark.end))})
    return [
        Stretch(text[start:end], tuple(mark.name for mark in marks if mark.start <= start and end <= mark.end))
        for start, end in pairwise(ends)
    ]


def around(text: str, marks: Sequence[Mark], room: int) -> tuple[str, list[Mark]]:
    """The text from `room` characters before the first mark to as many behind the last; without a mark, its beginning.

    “…” stands where something is left out, and the marks are moved.
    """
    first = min((mark.start for mark in marks), default=0)
    last = max((mark.end for mark in marks), default=0)
    start, end = max(0, first - room), min(len(text), last + room)
    before, behind = "… " * (start > 0), " …" * (end < len(text))
    moved = [Mark(mark.start - start + len(before), mark.end - start + len(before), mark.name) for mark in marks]
    return f"{before}{text[start:end]}{behind}", moved


def answer_marks(
    passage: str, answers: Sequence[str], predicted: str, start: int | None, *, right: str, said: str
) -> list[Mark]:
    """Where right answers and the predicted one stand. A right answer is marked at its place nearest to the predicted.

    `right` and `said` are the names of the marks. Answers that do not stand in the passage are left out.
    """
    marks = []
    for answer in dict.fromkeys(answers):
        places = _places(passage, answer)
        if places:
            place = min(places, key=lambda each: abs(each - (start or 0)))
            marks.append(Mark(place, place + len(answer), right))
    if start is not None and predicted and passage.startswith(predicted, start):
        marks.append(Mark(start, start + len(predicted), said))
    return marks


def _places(passage: str, answer: str) -> list[int]:
    places = []
    place = passage.find(answer) if answer else -1
    while place >= 0:
        places.append(place)
        place = passage.find(answer, place + 1)
    return places
