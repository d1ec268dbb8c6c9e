"""Question answering in the form of SQuAD: one row a question, its answers looked up where they are said to be."""

import gzip
import json

import pytest

from core.data import limits
from core.data.reading.read_table import ReadOptions, read_table
from core.errors import LabError

CONTEXT = "Ann met Bob in Rome. 🙂 It rained."


def question(text, *answers, identity="q", **more):
    listed = [{"text": answer, "answer_start": start} for answer, start in answers]
    return {"id": identity, "question": text, "answers": listed, **more}


def squad(*questions, context=CONTEXT, **more):
    return {"data": [{"title": "A trip", "paragraphs": [{"context": context, "qas": list(questions)}]}], **more}


def read(value, **kwargs):
    return read_table(json.dumps(value).encode(), name="x.json", **kwargs)


def rows(table):
    return list(zip(*(table[name] for name in table.columns), strict=True))


def test_one_row_a_question():
    table = read(squad(question("Who?", ("Ann", 0), ("Bob", 8), identity="1"), question("What?", ("It rained", 23))))
    assert table.columns == ("id", "title", "context", "question", "answer", "answer_start", "answers")
    assert rows(table)[0] == (
        *("1", "A trip", CONTEXT, "Who?", "Ann", "0"),
        '[{"text": "Ann", "answer_start": 0}, {"text": "Bob", "answer_start": 8}]',
    )
    assert table["answer_start"] == ["0", "23"]
    assert table.options == ReadOptions(format="squad", encoding="utf-8")
    assert table.notices == ()


def test_version_2_says_what_cannot_be_answered():
    one = question("Why?", is_impossible=True, plausible_answers=[{"text": "Ann", "answer_start": 0}])
    table = read(squad(question("Who?", ("Ann", 0), is_impossible=False), one, version="v2.0"))
    assert table["is_impossible"] == ["false", "true"]
    assert (table["answer"][1], table["answer_start"][1], table["answers"][1]) == ("", "", "[]")
    assert table.notices == (
        "1 of 2 questions have no answer; their answer is empty.",
        "1 questions come with plausible but wrong answers, which were left out.",
    )


def test_questions_without_answers_and_a_title_behind_its_paragraphs():
    article = {"paragraphs": [{"context": "c", "qas": [{"id": "1", "question": "q"}]}], "title": "late", "x": [1]}
    table = read({"version": 1.1, "data": [article, {"paragraphs": article["paragraphs"] * 2}]})
    assert table["title"] == ["late", "", ""]
    assert any("3 of 3 questions have no answer" in notice for notice in table.notices)


def test_gzip_one_line_or_many_and_the_same_with_the_options_used():
    value = squad(question("Who?", ("Ann", 0)))
    for text in (json.dumps(value), json.dumps(value, indent=1), json.dumps(value, ensure_ascii=False)):
        table = read_table(gzip.compress(text.encode()), name="x.json.gz")
        assert table.options.format == "squad"
        assert rows(table) == rows(read(value))
        assert read_table(text.encode(), name="x", options=table.options).data.equals(table.data)


def test_articles_larger_than_the_window_are_read():
    paragraph = {"context": "x" * 300_000, "qas": [question("q", ("x", 5))]}
    table = read({"data": [{"title": "t", "paragraphs": [paragraph] * 30}] * 2})
    assert len(table) == 60
    assert set(table["title"]) == {"t"}


def test_a_misplaced_answer_is_named_with_its_row():
    table = read(squad(question("Who?", ("Ann", 0)), question("Who?", ("Bob", 9)), question("Who?", ("Ann", 0))))
    assert table.notices == ("An answer does not stand in its context at its offset in row 2.",)
    assert table["answer"][1] == "Bob"
    with pytest.raises(LabError, match="No answer stands in its context"):
        read(squad(question("Who?", ("Bob", 9)), question("Who?", ("Ann", 10**30))))


def test_A18_half_characters_are_replaced_in_place():
    table = read(squad(question("Who?", ("Bob", 2)), context="\ud800 Bob"))
    assert table["context"] == ["\ufffd Bob"]
    assert table.notices == ("1 half characters (lone surrogates) were replaced by the sign \ufffd.",)


@pytest.mark.parametrize(
    ("paragraph", "match"),
    [
        ({"context": "c"}, "after question 0, has no list 'qas'"),
        ({"context": 7, "qas": []}, "The context .*is not a text"),
        ({"qas": []}, "The context .*is not a text"),
        ({"context": "c", "qas": [{"id": "1"}]}, r"Question 1 \(line 1\) has no text 'question'"),
        ({"context": "c", "qas": ["q"]}, r"Question 1 \(line 1\) has no text"),
        ({"context": "c", "qas": [question("q", ("c", "0"))]}, "Question 1 .*whole 'answer_start'"),
        ({"context": "c", "qas": [question("q", ("c", -1))]}, "Question 1 .*whole 'answer_start'"),
        ({"context": "c", "qas": [question("q", ("c", 0.5))]}, "Question 1 .*whole 'answer_start'"),
        ({"context": "c", "qas": [question("q", (None, 0))]}, "Question 1 .*'text'"),
        ({"context": "c", "qas": [{"question": "q", "answers": {"text": ["c"]}}]}, "'answers' is not a list"),
    ],
)
def test_what_is_missing_is_refused_with_the_question(paragraph, match):
    with pytest.raises(LabError, match=match):
        read({"data": [{"title": "t", "paragraphs": [paragraph]}]})


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('{"data": [{"paragraphs": [\n{"context": "c", "qas": []', "broken in line 2"),
        ('{"data": [{"paragraphs": []}\n]', "broken in line 2: the file ends inside the object"),
        ('{"data": [{"paragraphs": []}]}\n{}', "broken in line 2: something follows"),
        ('{"data": [{"paragraphs": [],}]}', "a comma stands before the end of the object"),
        ('{"data": [{"paragraphs": [] "title": ""}]}', "a comma is missing between two fields"),
        ('{"data": [{"paragraphs" []}]}', "broken"),
        ('{"data": [{"paragraphs": [], "title": "a", "title": "b"}]}', "'title' more than once"),
        ('{"data": [{"paragraphs": [], 7: 8}]}', "the name of a field is missing"),
        ('{"data": [{"paragraphs": [], "title": 7}]}', "A title .*is not a text"),
        ('{"data": [{"paragraphs": []}, 7]}', "Article 2 .*is not an object"),
        ('{"data": [{"paragraphs": []}]}', "no rows"),
        ('{"data": [{"paragraphs": [' + "[" * 100_000 + "]" * 100_000 + "]}]}", "nested too deeply"),
    ],
)
def test_A17_broken_files_are_refused_with_the_line(text, match):
    with pytest.raises(LabError, match=match):
        read_table(text.encode(), name="x.json", options=ReadOptions(format="squad"))


def test_A14_one_context_for_many_questions_is_capped(monkeypatch):
    monkeypatch.setattr(limits, "MAX_CONTENT_BYTES", 20_000_000)
    with pytest.raises(LabError, match="limit of 20 MB"):
        read(squad(*[question("q", ("x", 0))] * 100, context="x" * 300_000))
