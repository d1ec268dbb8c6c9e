"""Lists and answers as they stand in one cell: parted by spaces or another sign, or written as JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.data.table import is_number

LARGEST_SCORE = 1e15


@dataclass(frozen=True, slots=True)
class Answer:
    """A stretch of a context; `start` is where it says it begins, in characters, or None where it does not say."""

    text: str
    start: int | None


def items_of(cell: str, separator: str | None = None) -> list[str]:
    """The items of a cell: of a JSON list, else what `separator` parts (None: any white space), blank ones left out.

    >>> items_of('["New York", "is"]'), items_of("O B-LOC  O"), items_of("a; b;", ";")
    (['New York', 'is'], ['O', 'B-LOC', 'O'], ['a', 'b'])
    """
    found = _json(cell) if cell.lstrip().startswith("[") else None
    if isinstance(found, list) and not any(isinstance(item, (list, dict)) for item in found):
        return [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in found]
    parts = cell.split(separator)
    return [part.strip() for part in parts if part.strip()]


def cell_of(items: Sequence[str]) -> str:
    """Items in one cell, from which `items_of` takes them again: parted by spaces, else as a JSON list.

    >>> cell_of(["B-LOC", "O"]), cell_of(["New York", "is"]), cell_of(["[", "1", "]"])
    ('B-LOC O', '["New York", "is"]', '["[", "1", "]"]')
    """
    plain = " ".join(items)
    return plain if items_of(plain) == list(items) else json.dumps(list(items), ensure_ascii=False)


def switch_of(cell: str) -> bool | None:
    """Whether a cell says yes or no to a label: 1, 1.0 or true, 0, 0.0 or false; None for anything else."""
    return {"1": True, "true": True, "1.0": True, "0": False, "false": False, "0.0": False}.get(cell.strip().lower())


def is_score(cell: str) -> bool:
    """Whether a cell is a number to be learned: one whose square, which the loss takes, does not leave float32.

    >>> is_score("-3.5"), is_score("nan"), is_score("1e30")
    (True, False, False)
    """
    return is_number(cell) and abs(float(cell)) <= LARGEST_SCORE


def answers_of(cell: str, start: str | None = None) -> list[Answer]:
    """The answers in a cell: one plain text, or those of a JSON list or object as SQuAD and `datasets` write them.

    >>> answers_of('{"text": ["Rome"], "answer_start": [7]}'), answers_of("Rome", "7")
    ([Answer(text='Rome', start=7)], [Answer(text='Rome', start=7)])
    """
    if cell.lstrip().startswith(("[", "{")) and (found := _json(cell)) is not None:
        if isinstance(found, dict) and isinstance(found.get("text"), list):
            starts = found.get("answer_start", [None] * len(found["text"]))
            found = [{"text": text, "answer_start": place} for text, place in zip(found["text"], starts, strict=False)]
        entries: list[Any] = found if isinstance(found, list) else [found]
        if all(isinstance(entry, dict) and isinstance(entry.get("text"), str) for entry in entries):
            return [Answer(entry["text"], _whole(entry.get("answer_start"))) for entry in entries]
        if all(isinstance(entry, str) for entry in entries):
            return [Answer(entry, None) for entry in entries]
    return [Answer(cell, _whole(start))] if cell.strip() else []


def _json(cell: str) -> Any:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return None


def _whole(value: Any) -> int | None:
    try:
        return None if value is None or isinstance(value, bool) else int(str(value).strip())
    except ValueError:
        return None
