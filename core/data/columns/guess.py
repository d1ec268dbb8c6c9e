"""Which columns hold the text, its partner and the label: a first guess from names, then from what the cells look like.

Only proposes; a person can choose others. Reads the first rows of a table, never the file.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow.compute as pc

from core.data.table import Table, is_number

_TEXT_NAMES = (
    "text", "sentence", "review", "tweet", "content", "message", "question", "body", "comment", "utterance", "query",
    "prompt", "post", "sms", "review_text", "review_body", "sentence1", "text_a", "document", "passage", "article",
    "headline", "title", "description", "summary", "premise", "hypothesis", "context", "first",
)  # fmt: skip
_LABEL_NAMES = (
    "label", "labels", "class", "category", "sentiment", "target", "intent", "emotion", "gold_label", "label_text",
    "quality", "is_duplicate", "topic", "tag", "rating", "stars", "score", "polarity", "stance", "toxic", "spam", "y",
)  # fmt: skip
_PAIR_NAMES = (
    ("premise", "hypothesis"), ("first", "second"), ("question", "sentence"), ("question", "answer"),
    ("query", "passage"), ("query", "document"), ("context", "response"), ("left", "right"),
    ("sentence1", "sentence2"), ("question1", "question2"), ("text_a", "text_b"),
)  # fmt: skip
_STEMS = "sentence|question|text|string|phrase|sent|document|doc|review|title|utterance|claim|query|tweet|s|q"
_OTHER_USUAL = {
    "id",
    "index",
    "idx",
    "name",
    "date",
    "source",
    "split",
    "language",
    "lang",
    "user",
    "answer",
    "response",
}
_SAMPLE_ROWS = 10_000
_MOST_LABELS = 200


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one task: the text, its label if there is one, and for pairs the second text."""

    text: str
    label: str | None = None
    pair: str | None = None


def is_usual_name(cell: str) -> bool:
    """Whether a cell is one of the names that columns of such data usually have.

    >>> is_usual_name(" Label"), is_usual_name("joy")
    (True, False)
    """
    name = plain_name(cell)
    pairs = {part for pair in _PAIR_NAMES for part in pair}
    return name in {*_TEXT_NAMES, *_LABEL_NAMES, *_OTHER_USUAL, *pairs} or _numbered(name) is not None


def guess_columns(table: Table) -> Columns:
    """The likeliest columns; names decide first, then content: the longest cells are the text, the fewest different
    values without a blank the label (None when no column looks like one)."""
    plain = {name: plain_name(name) for name in table.columns}
    pair = _guess_pair(table, plain)
    text = pair[0] if pair else _guess_text(table, plain)
    second = pair[1] if pair else None
    others = [name for name in table.columns if name not in (text, second)]
    return Columns(text, _guess_label(table, others, plain), second)


def plain_name(name: str) -> str:
    """Lower case, runs of anything but letters and digits as one underscore: "#1 String" is "1_string"."""
    return re.sub(r"[\W_]+", "_", name.casefold()).strip("_")


def _numbered(name: str) -> tuple[str, str] | None:
    """Stem and number of names that come in twos, such as sentence1, text_b or 2_string."""
    match = re.fullmatch(rf"(?P<stem>{_STEMS})_?(?P<n>[12ab])|(?P<n2>[12])_?(?P<stem2>{_STEMS})", name)
    return (match["stem"] or match["stem2"], match["n"] or match["n2"]) if match else None


def _guess_pair(table: Table, plain: dict[str, str]) -> tuple[str, str] | None:
    numbered = {_numbered(name): column for column, name in plain.items() if _numbered(name)}
    for (stem, number), column in numbered.items():
        partner = numbered.get((stem, {"1": "2", "a": "b"}.get(number, "")))
        if partner and _reads_as_text(table, column) and _reads_as_text(table, partner):
            return column, partner
    by_name = {name: column for column, name in plain.items()}
    for one, two in _PAIR_NAMES:
        if one in by_name and two in by_name:
            first, second = by_name[one], by_name[two]
            if _reads_as_text(table, first) and _reads_as_text(table, second):
                return first, second
    return None


def _guess_text(table: Table, plain: dict[str, str]) -> str:
    for named in (_exactly, _in_part):
        found = [name for name in named(table.columns, plain, _TEXT_NAMES) if _reads_as_text(table, name)]
        if found:
            return found[0]
    return max(table.columns, key=lambda name: _mean_length(table, name))


def _guess_label(table: Table, others: Sequence[str], plain: dict[str, str]) -> str | None:
    for named in (_exactly, _in_part):
        found = [name for name in named(others, plain, _LABEL_NAMES) if _distinct(table, name) >= 1]
        if found:
            return found[0]
    rows = min(len(table), _SAMPLE_ROWS)
    few = {}
    for name in others:
        count = _distinct(table, name)
        if 2 <= count <= min(_MOST_LABELS, max(2, rows // 2)) and not _has_blank(table, name):
            few[name] = count
    return min(few, key=few.__getitem__) if few else None


def _exactly(names: Sequence[str], plain: dict[str, str], known: Sequence[str]) -> list[str]:
    return [name for wanted in known for name in names if plain[name] == wanted]


def _in_part(names: Sequence[str], plain: dict[str, str], known: Sequence[str]) -> list[str]:
    """Names that hold a known word among others, such as airline_sentiment, but are no id or count of it."""
    other = {"id", "ids", "count", "date", "confidence", "length", "created", "location", "coord", "url", "gold"}
    return [
        name
        for wanted in known
        for name in names
        if wanted in (words := plain[name].split("_")) and not other & set(words)
    ]


def _head(table: Table, name: str):
    return table.column(name).slice(0, _SAMPLE_ROWS)


def _mean_length(table: Table, name: str) -> float:
    return pc.mean(pc.utf8_length(_head(table, name))).as_py() or 0.0


def _distinct(table: Table, name: str) -> int:
    """How many different cells there are, blank ones set aside."""
    values = pc.unique(_head(table, name)).to_pylist()
    return sum(bool(value.strip()) for value in values)


def _has_blank(table: Table, name: str) -> bool:
    return any(not value.strip() for value in pc.unique(_head(table, name)).to_pylist())


def _reads_as_text(table: Table, name: str) -> bool:
    """Not all numbers, not all blank."""
    values = [value for value in _head(table, name).slice(0, 200).to_pylist() if value.strip()]
    return bool(values) and not all(is_number(value) for value in values)
