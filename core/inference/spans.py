"""Where something stands in a text: answers in a passage, and a text cut into such stretches."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Span:
    """`text[start:end]` is called `name`."""

    start: int
    end: int
    name: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a text with the names of all marks that cover it; none where it is not marked."""

    text: str
    names: tuple[str, ...] = ()


def cut_at(text: str, spans: Sequence[Span]) -> list[Stretch]:
    """The whole text as stretches between the ends of the marks, which may overlap; empty stretches are left out.

    >>> cut_at("in Rome", [Span(3, 7, "LOC")])
    [Stretch(text='in ', names=()), Stretch(text='Rome', names=('LOC',))]
    """
    ends = sorted({0, len(text), *(place for span in spans for place in (span.start, span.end))})
    return [
        Stretch(text[start:end], tuple(span.name for span in spans if span.start <= start and end <= span.end))
        for start, end in pairwise(ends)
    ]


def around(text: str, spans: Sequence[Span], room: int) -> tuple[str, list[Span]]:
    """The text from `room` characters before the first mark to as many behind the last; without a mark, its beginning.

    “…” stands where something is left out, and the marks are moved.
    """
    first = min((span.start for span in spans), default=0)
    last = max((span.end for span in spans), default=0)
    start, end = max(0, first - room), min(len(text), last + room)
    before, behind = "… " * (start > 0), " …" * (end < len(text))
    moved = [Span(span.start - start + len(before), span.end - start + len(before), span.name) for span in spans]
    return f"{before}{text[start:end]}{behind}", moved


def answer_spans(
    passage: str, answers: Sequence[str], predicted: str, start: int | None, *, right: str, said: str
) -> list[Span]:
    """Where right answers and the predicted one stand. A right answer is marked at its place nearest to the predicted.

    `right` and `said` are the names of the marks. Answers that do not stand in the passage are left out.
    """
    spans = []
    for answer in dict.fromkeys(answers):
        places = _places(passage, answer)
        if places:
            place = min(places, key=lambda each: abs(each - (start or 0)))
            spans.append(Span(place, place + len(answer), right))
    if start is not None and predicted and passage.startswith(predicted, start):
        spans.append(Span(start, start + len(predicted), said))
    return spans


def _places(passage: str, answer: str) -> list[int]:
    places = []
    place = passage.find(answer) if answer else -1
    while place >= 0:
        places.append(place)
        place = passage.find(answer, place + 1)
    return places
