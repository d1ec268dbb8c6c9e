"""A first guess at the columns of any task, from their names, then from what the cells look like.

Only proposes; a person can choose others. Reads the first rows of a table, never the file.
"""

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from core.data.cells import answers_of, items_of
from core.data.column_mapping import SEPARATORS, ColumnMapping
from core.data.column_names import LABEL_NAMES, PAIR_NAMES, TEXT_NAMES, plain_name, stem_and_number
from core.data.table import Table, is_number
from core.tasks import spec_of

_SAMPLE_ROWS = 10_000  # for text and label
_MOST_LABELS = 200
_SAMPLE = 500  # rows, for what other tasks need
_SCORES = ("score", "similarity", "rating", "stars", "relatedness", "label", "value", "target", "grade")
_LABELS = ("labels", "tags", "genres", "categories", "topics", "classes", "emotions", "label", "label_list")
_TOKENS = ("tokens", "words", "token", "sentence", "text")
_TAGS = ("ner_tags", "tags", "ner", "pos_tags", "pos", "labels", "chunk_tags", "upos", "tag")
_QUESTIONS = ("question", "query", "q")
_CONTEXTS = ("context", "passage", "paragraph", "document", "article", "text")
_ANSWERS = ("answer", "answer_text", "answers", "response")
_STARTS = ("answer_start", "start", "start_position", "answer_begin")
_BEGINNINGS = ("context", "ctx", "startphrase", "sent1", "premise", "prompt", "story", "sentence", "text", "article")
_RIGHT = ("label", "answer", "gold", "correct", "answer_key", "target", "gold_label")
_CHOICES = ("ending", "choice", "option", "answer", "sol", "hypothesis")


def guess_mapping(table: Table, task: str) -> ColumnMapping:
    """The likeliest columns for a task; a part that nothing fits stays open. Raises LabError for an unknown task.

    Text and label: names decide first, then content: the longest cells are the text, the fewest different values
    without a blank the label.
    """
    return GUESSES[spec_of(task).name](table)


def _classes(table: Table) -> ColumnMapping:
    plain = {name: plain_name(name) for name in table.columns}
    text, pair = _guess_pair(table, plain) or (_guess_text(table, plain), None)
    others = [name for name in table.columns if name not in (text, pair)]
    return ColumnMapping.of("sequence-classification", text=text, pair=pair, label=_guess_label(table, others, plain))


def _guess_pair(table: Table, plain: dict[str, str]) -> tuple[str, str] | None:
    numbered = {both: column for column, name in plain.items() if (both := stem_and_number(name)) is not None}
    for (stem, number), column in numbered.items():
        partner = numbered.get((stem, {"1": "2", "a": "b"}.get(number, "")))
        if partner and _reads_as_text(table, column) and _reads_as_text(table, partner):
            return column, partner
    by_name = {name: column for column, name in plain.items()}
    for one, two in PAIR_NAMES:
        if one in by_name and two in by_name:
            first, second = by_name[one], by_name[two]
            if _reads_as_text(table, first) and _reads_as_text(table, second):
                return first, second
    return None


def _guess_text(table: Table, plain: dict[str, str]) -> str:
    for named in (_exactly, _in_part):
        found = [name for name in named(table.columns, plain, TEXT_NAMES) if _reads_as_text(table, name)]
        if found:
            return found[0]
    return max(table.columns, key=lambda name: _mean_length(table, name))


def _guess_label(table: Table, others: Sequence[str], plain: dict[str, str]) -> str | None:
    for named in (_exactly, _in_part):
        found = [name for name in named(others, plain, LABEL_NAMES) if _distinct(table, name) >= 1]
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


def _head(table: Table, name: str) -> pa.ChunkedArray:
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


def _multi_label(table: Table) -> ColumnMapping:
    known = _classes(table)
    text, pair = known["text"], known["pair"]
    others = [name for name in table.columns if name not in (text, pair)]
    switches = [name for name in others if _values(table, name) <= {"0", "1", "true", "false", "0.0", "1.0"}]
    named = _named(others, _LABELS)
    if len(switches) > 1:
        return ColumnMapping.of("multi-label", text=text, pair=pair, labels=switches)
    for name in [*named, *[other for other in others if other not in named]]:
        separator = _separator(_cells(table, name))
        if separator is not None or name in named:
            found = ColumnMapping.of("multi-label", text=text, pair=pair, labels=name)
            return ColumnMapping(found.task, found.columns, separator)
    return ColumnMapping.of("multi-label", text=text, pair=pair, labels=known["label"])


def _separator(cells: Sequence[str]) -> str | None:
    """The sign that parts the labels: those on both sides of it come back in other rows."""
    best, most = None, 0.0
    for separator in SEPARATORS:
        parts = [items_of(cell, separator) for cell in cells if separator in cell]
        counts = Counter(item for items in parts for item in items)
        again = sum(count for count in counts.values() if count > 1)
        share = again / max(1, counts.total()) * len(parts) / max(1, len(cells))
        if share > max(most, 0.05):
            best, most = separator, share
    return best


def _regression(table: Table) -> ColumnMapping:
    known = _classes(table)
    text, pair = known["text"], known["pair"]
    others = [name for name in table.columns if name not in (text, pair)]
    numeric = [name for name in others if all(map(is_number, filter(str.strip, _cells(table, name))))]
    named = _named(numeric, _SCORES)
    most = max(numeric, key=lambda name: len(_values(table, name)), default=None)
    return ColumnMapping.of("regression", text=text, pair=pair, score=named[0] if named else most)


def _tokens(table: Table) -> ColumnMapping:
    tags = _named(table.columns, _TAGS)
    words = [name for name in _named(table.columns, _TOKENS) if name not in tags[:1]]
    pairs = [(one, two) for one in words for two in tags if one != two] or [
        (one, two) for one in table.columns for two in table.columns if one != two
    ]
    for one, two in pairs:
        rows = list(zip(_cells(table, one), _cells(table, two), strict=True))
        fitting = sum(len(items_of(words)) == len(items_of(tags)) > 1 for words, tags in rows)
        if fitting > 0.5 * len(rows) and len(_items(table, two)) < len(_items(table, one)):
            return ColumnMapping.of("token-classification", tokens=one, tags=two)
    return ColumnMapping.of("token-classification", tokens=words[0] if words else None, tags=tags[0] if tags else None)


def _question(table: Table) -> ColumnMapping:
    questions = _named(table.columns, _QUESTIONS)
    contexts = _named(table.columns, _CONTEXTS)
    starts = _named(table.columns, _STARTS)
    answers = _named(table.columns, _ANSWERS)
    chosen = {"question": next(iter(questions), None), "context": next(iter(contexts), None)}
    if chosen["context"] is None and len(table.columns) > 1:
        chosen["context"] = max(table.columns, key=lambda name: sum(map(len, _cells(table, name))))
    if answers and any(answer.start is not None for answer in answers_of(_cells(table, answers[0])[0])):
        starts = []  # the cell says so itself
    return ColumnMapping.of(
        "question-answering", **chosen, answer=next(iter(answers), None), answer_start=next(iter(starts), None)
    )


def _choice(table: Table) -> ColumnMapping:
    plain = {name: plain_name(name) for name in table.columns}
    choices: list[str] = []
    for stem in _CHOICES:
        found = [n for n, name in plain.items() if name.startswith(stem) and _tail(name.removeprefix(stem))]
        if len(found) > len(choices) and len(found) > 1:
            choices = found
    letters = [name for name, short in plain.items() if short in ("a", "b", "c", "d", "e")]
    choices = choices or (letters if len(letters) > 1 else [])
    rest = [name for name in table.columns if name not in choices]
    label = next(iter(_named(rest, _RIGHT)), None)
    if not choices:  # without names: a number that says which of the columns just before it is right
        label, choices = _choices_before(table)
        rest = [name for name in table.columns if name not in choices and name != label]
    named = [name for name in _named(rest, _BEGINNINGS) if name != label]
    questions = [name for name in _named(rest, _QUESTIONS) if name != label]
    texts = [name for name in rest if name != label]
    longest = max(texts, key=lambda name: sum(map(len, _cells(table, name))), default=None)
    context = named[0] if named else (questions.pop(0) if questions else longest)
    question = questions[0] if questions and questions[0] != context else None
    return ColumnMapping.of("multiple-choice", context=context, question=question, choices=choices or None, label=label)


def _choices_before(table: Table) -> tuple[str | None, list[str]]:
    for name in reversed(table.columns):
        values = _values(table, name)
        if values and values <= set("0123456789") and 2 <= len(values) <= 6:
            place, count = table.columns.index(name), max(map(int, values)) + ("0" in values)
            if place > count:
                return name, list(table.columns[place - count : place])
    return None, []


def _tail(rest: str) -> bool:
    """What follows the stem of a numbered name: "0", "_1", "_a"; or nothing."""
    rest = rest.lstrip("_")
    return rest.isdecimal() or rest in ("a", "b", "c", "d", "e")


def _named(names: Sequence[str], known: Sequence[str]) -> list[str]:
    """Names among the usual ones, the most usual first."""
    return [name for wanted in known for name in names if plain_name(name) == wanted]


def _cells(table: Table, name: str) -> list[str]:
    return table.column(name).slice(0, _SAMPLE).to_pylist()


def _values(table: Table, name: str) -> set[str]:
    """Different cells among the first, in lower case, blank ones left out."""
    return {cell.strip().lower() for cell in _cells(table, name) if cell.strip()}


def _items(table: Table, name: str) -> set[str]:
    return {item for cell in _cells(table, name) for item in items_of(cell)}


def _language(table: Table) -> ColumnMapping:
    return ColumnMapping.of("masked-language", text=_classes(table)["text"])


GUESSES = {
    "sequence-classification": _classes,
    "multi-label": _multi_label,
    "regression": _regression,
    "token-classification": _tokens,
    "question-answering": _question,
    "multiple-choice": _choice,
    "masked-language": _language,
}
