"""Reads question answering in the form of SQuAD 1.1 and 2.0: one row a question, its answers checked at their offsets.

Articles and paragraphs are taken one by one, so that a long file needs little memory. Takes UTF-8 (see `encodings`).
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from core.data.reading.collector import Collector, about_replaced
from core.data.reading.json_walk import Number, Window, broken, decode, elements, members
from core.data.table import Parsed, ReadOptions
from core.errors import LabError

_NAMES = ("id", "title", "context", "question", "answer", "answer_start", "answers", "is_impossible")
_SHOWN = 5


def is_squad(sample: str) -> bool:
    """Whether the beginning of a text is that of a SQuAD file.

    >>> is_squad('{"version": "1.1", "data": [{"title": "A", "paragraphs": ['), is_squad('{"data": [{"a": 1}]}')
    (True, False)
    """
    return re.match(r'\s*\{\s*"[^{]*"data"\s*:\s*\[|\s*\{\s*"data"\s*:\s*\[', sample) is not None and (
        re.search(r'"paragraphs"\s*:\s*\[', sample) is not None
    )


def read_squad(text: memoryview, options: ReadOptions) -> Parsed:
    """The questions of a file, with the columns id, title, context, question, answer and answer_start (of the first
    answer, in characters; both empty where there is none), answers (all, as JSON) and, where the file says so,
    is_impossible. Raises LabError."""
    questions = _Questions()
    window = Window(text)
    if window.peek() != "{":
        raise LabError(
            "A SQuAD file is one JSON object.", 'Write it as {"data": [{"title": …, "paragraphs": […]}, …]}.'
        )
    has_data = False
    for name in members(window):
        if name == "data" and window.peek() == "[":
            has_data = True
            for number in elements(window):
                _expect(window, "{", f"Article {number:,}")
                questions.read_article(window)
        else:
            decode(window, 1)
    if window.peek():
        raise broken(window.line, "something follows the end of the object")
    if not has_data:
        raise LabError("The SQuAD file has no list of articles called 'data'.", "Export the file again.")
    return questions.finish(options)


def _expect(window: Window, sign: str, what: str) -> None:
    if window.peek() != sign:
        kind = {"{": "an object", "[": "a list"}[sign]
        raise LabError(f"{what} (line {window.line:,}) is not {kind}.", "Fix it there, or export the file again.")


class _Questions:
    """Collects the rows. A title that stands behind its paragraphs is put in when it is known."""

    def __init__(self) -> None:
        self._rows = Collector(len(_NAMES))
        self._titles: list[tuple[str, int]] = []  # title, number of questions below it
        self._misplaced: list[int] = []
        self._answers = self._unanswered = self._plausible = 0
        self._has_impossible = False

    def read_article(self, window: Window) -> None:
        """Read one article: its title and its paragraphs."""
        title, before = "", self._rows.rows
        for name in members(window):
            if name == "title":
                title = _text(decode(window, self._rows.rows + 1), "A title", window)
            elif name == "paragraphs":
                _expect(window, "[", "The list of paragraphs")
                for _ in elements(window):
                    self._add_paragraph(decode(window, self._rows.rows + 1), window)
            else:
                decode(window, self._rows.rows + 1)
        self._titles.append((title, self._rows.rows - before))

    def _add_paragraph(self, paragraph: Any, window: Window) -> None:
        where = f"The paragraph that ends in line {window.line:,}, after question {self._rows.rows:,},"
        if not isinstance(paragraph, dict) or not isinstance(paragraph.get("qas"), list):
            raise LabError(f"{where} has no list 'qas'.", 'Write it as {"context": …, "qas": […]}.')
        context = _text(paragraph.get("context"), f"{where} The context", window)
        for question in paragraph["qas"]:
            self._add(question, context, window)

    def _add(self, question: Any, context: str, window: Window) -> None:
        where = f"Question {self._rows.rows + 1:,}"
        if not isinstance(question, dict) or not _is_text(question.get("question")):
            raise LabError(f"{where} (line {window.line:,}) has no text 'question'.", "Add it, or remove the entry.")
        answers = list(self._answers_of(question, context, where, window))
        text, start = answers[0] if answers else ("", "")
        impossible = question.get("is_impossible")
        if isinstance(impossible, bool):
            self._has_impossible = True
        self._plausible += bool(question.get("plausible_answers"))
        self._unanswered += not answers
        listed = [{"text": answer, "answer_start": int(position)} for answer, position in answers]
        identity = question.get("id")
        self._rows.add(
            (
                str.__str__(identity) if isinstance(identity, str) else "",
                "",
                context,
                question["question"],
                text,
                start,
                json.dumps(listed, ensure_ascii=False),
                "" if impossible is None else str(impossible).lower(),
            ),
            f"question {self._rows.rows + 1:,}",
        )

    def _answers_of(self, question: Any, context: str, where: str, window: Window) -> Iterator[tuple[str, str]]:
        """Each answer and its place; notes the row when one does not stand there."""
        answers = question.get("answers") or []
        if not isinstance(answers, list):
            raise LabError(f"{where} (line {window.line:,}): 'answers' is not a list.", "Export the file again.")
        for answer in answers:
            start = answer.get("answer_start") if isinstance(answer, dict) else None
            if not isinstance(start, Number) or not start.isdecimal() or not _is_text(answer.get("text")):
                raise LabError(
                    f"{where} (line {window.line:,}) has an answer without 'text' or whole 'answer_start'.",
                    "Add them, or remove the answer.",
                )
            text, start = answer["text"], str.__str__(start)
            self._answers += 1
            place = int(start[:12])
            if context[place : place + len(text)] != text and self._rows.rows not in self._misplaced[-1:]:
                self._misplaced.append(self._rows.rows)
            yield text, start

    def finish(self, options: ReadOptions) -> Parsed:
        """The table; refused when no answered question has its answers in place."""
        answered = self._rows.rows - self._unanswered
        if answered and len(self._misplaced) == answered:
            raise LabError(
                "No answer stands in its context at its offset 'answer_start'.",
                "Count offsets in characters, from 0, in the context as it is.",
            )
        columns = list(self._rows.columns())
        titles, counts = zip(*self._titles, strict=True) if self._titles else ((), ())
        columns[1] = _repeated(titles, counts)
        names = list(_NAMES)
        if not self._has_impossible:
            del columns[-1], names[-1]
        used = ReadOptions(format="squad", encoding=options.encoding)
        return Parsed(tuple(names), tuple(columns), used, tuple(self._notices()))

    def _notices(self) -> Iterator[str]:
        if self._misplaced:
            shown = ", ".join(f"{row + 1:,}" for row in self._misplaced[:_SHOWN])
            more = f" and {len(self._misplaced) - _SHOWN:,} more" if len(self._misplaced) > _SHOWN else ""
            yield f"An answer does not stand in its context at its offset in row {shown}{more}."
        if self._unanswered:
            yield f"{self._unanswered:,} of {self._rows.rows:,} questions have no answer; their answer is empty."
        if self._plausible:
            yield f"{self._plausible:,} questions come with plausible but wrong answers, which were left out."
        yield from about_replaced(self._rows.replaced)


def _repeated(titles: tuple[str, ...], counts: tuple[int, ...]) -> pa.ChunkedArray:
    """Each title as many times as its article has questions."""
    rows = Collector(1)
    for title, count in zip(titles, counts, strict=True):
        for _ in range(count):
            rows.add((title,))
    return rows.columns()[0]


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Number)


def _text(value: Any, what: str, window: Window) -> str:
    if not _is_text(value):
        raise LabError(f"{what} (line {window.line:,}) is not a text.", "Fix it there, or export the file again.")
    return value
