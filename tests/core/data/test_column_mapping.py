"""Columns for every task: guessed from names and contents, checked live with row numbers, labels named and ordered."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from core.data.cells import answers_of, items_of
from core.data.column_mapping import ColumnMapping
from core.data.columns.check import check_mapping
from core.data.columns.guess import guess_mapping
from core.data.columns.labels import choice_numbers, labels_of
from core.data.dataset.dataset import build_dataset
from core.data.sources.sample_sets import samples
from core.data.table import ReadOptions, Table
from core.errors import LabError
from core.tasks import SPECS, TASKS


def table_of(**columns):
    data = pa.table({name: pa.chunked_array([pa.array(cells, pa.string())]) for name, cells in columns.items()})
    return Table("x", tuple(columns), ReadOptions(), (), "0" * 64, data)


def found(table, mapping):
    """Key and rows of each finding that is not good."""
    return {(f.key, tuple(f.rows)) for f in check_mapping(table, mapping) if f.severity != "good"}


TAGGED = table_of(
    id=["1", "2"],
    tokens=["EU rejects German lamb", '["Peter", "B"]'],
    ner_tags=["B-ORG O B-MISC O", '["B-PER", "I-PER"]'],
)
QUESTIONS = table_of(
    title=["t", "t", "t"],
    context=["It is in Rome, in Italy.", "It is in Rome, in Italy.", "Nothing is said."],
    question=["Where?", "Which country?", "When?"],
    answer=["Rome", '[{"text": "Italy", "answer_start": 18}]', ""],
    answer_start=["9", "", ""],
)
CHOICES = table_of(
    column_1=["o", "o"], column_2=["I am", "He"], column_3=["tired", "is"], column_4=["a tree", "runs"],
    column_5=["green", "sat"], column_6=["blue", "ran"], column_7=["3", "0"],
)  # fmt: skip


@pytest.mark.parametrize(
    ("task", "table", "columns"),
    [
        ("multi-label", table_of(text=["a b", "c d"], toxic=["0", "1"], rude=["1", "0"]),
         {"text": "text", "labels": ("toxic", "rude")}),
        ("multi-label", table_of(comment=["a b", "c d", "e"], genres=["war;love", "love", "war;love"]),
         {"text": "comment", "labels": "genres"}),
        ("regression", table_of(sentence1=["a", "b"], sentence2=["c", "d"], score=["1.5", "5"], n=["1", "2"]),
         {"text": "sentence1", "pair": "sentence2", "score": "score"}),
        ("regression", table_of(text=["a thing", "b"], year=["9", "9"], how_much=["1.5", "5"]),
         {"text": "text", "score": "how_much"}),
        ("token-classification", TAGGED, {"tokens": "tokens", "tags": "ner_tags"}),
        ("token-classification", table_of(a=["EU rejects it", "go on"], b=["B O O", "O O"]),
         {"tokens": "a", "tags": "b"}),
        ("question-answering", QUESTIONS,
         {"question": "question", "context": "context", "answer": "answer", "answer_start": "answer_start"}),
        ("question-answering", table_of(id=["1"], question=["q"], context=["a c"],
                                        answers=['{"text": ["c"], "answer_start": [2]}']),
         {"question": "question", "context": "context", "answer": "answers"}),
        ("multiple-choice", CHOICES,
         {"context": "column_2", "choices": ("column_3", "column_4", "column_5", "column_6"), "label": "column_7"}),
        ("multiple-choice", table_of(sent1=["a"], ending0=["b"], ending1=["c"], label=["1"]),
         {"context": "sent1", "choices": ("ending0", "ending1"), "label": "label"}),
        ("multiple-choice", table_of(article=["a b"], question=["q"], A=["b"], B=["c"], answer=["A"]),
         {"context": "article", "question": "question", "choices": ("A", "B"), "label": "answer"}),
        ("masked-language", table_of(text=["a b"]), {"text": "text"}),
    ],
)  # fmt: skip
def test_columns_are_guessed_for_every_task(task, table, columns):
    mapping = guess_mapping(table, task)
    assert dict(mapping.columns) == {part: (c,) if isinstance(c, str) else c for part, c in columns.items()}
    assert found(table, mapping) <= {("no_answer", (2,)), ("one_label", ())}


def test_the_guess_for_classification_is_that_of_the_columns():
    for sample in samples():
        from core.data.sources.references import open_table

        table = open_table(sample.reference)
        mapping = guess_mapping(table, TASKS[0])
        assert mapping == sample.mapping
        assert [f.severity for f in check_mapping(table, mapping)] == ["good"]


def test_the_sign_between_labels_is_found():
    assert (
        guess_mapping(table_of(text=["a", "b", "c"], labels=["x, y", "y", "x, z, y"]), "multi-label").separator == ","
    )
    assert guess_mapping(table_of(text=["a", "b", "c"], labels=["x|y", "y", "x|z"]), "multi-label").separator == "|"
    assert guess_mapping(table_of(text=["a", "b"], labels=['["x", "y"]', '["z"]']), "multi-label").separator in (
        None,
        ",",
    )


def test_a_table_that_fits_nothing_is_said_and_not_crashed_on():
    table = table_of(a=["x y"], b=["z"])
    for task in TASKS:
        mapping = guess_mapping(table, task)
        assert all(finding.what and finding.severity for finding in check_mapping(table, mapping))
    keys = {finding.key for finding in check_mapping(table, ColumnMapping("question-answering"))}
    assert keys == {"missing"}
    assert [role.name for role in ColumnMapping("question-answering").missing()] == ["question", "context", "answer"]


def test_columns_that_are_absent_or_chosen_twice():
    table = table_of(text=["a", "b"], label=["x", "y"])
    assert found(table, ColumnMapping.of(TASKS[0], text="body", label="label")) == {("absent", ())}
    assert found(table, ColumnMapping.of(TASKS[0], text="text", label="text")) == {("twice", ())}


def test_B02_B04_labels_and_empty_texts_with_their_rows():
    table = table_of(text=["a", "b", " ", "d"], label=["x", "", "y", "nan"])
    mapping = ColumnMapping.of(TASKS[0], text="text", label="label")
    assert found(table, mapping) == {("unlabelled", (1, 3)), ("empty", (2,))}
    first = check_mapping(table, mapping)[0]
    assert (first.severity, first.fix) == ("fix", "drop_unlabelled")
    assert "rows 2, 4" in first.what
    same = table_of(text=["a", "b"], label=["x", "x"])
    assert found(same, mapping) == {("one_label", ())}


def test_no_row_has_any_label():
    table = table_of(text=["a", "b"], labels=["", "[]"])
    (finding,) = check_mapping(table, ColumnMapping.of("multi-label", text="text", labels="labels"))
    assert (finding.severity, finding.what) == ("fix", "No row has a label.")


def test_a_score_that_is_no_number():
    table = table_of(text=["a", "b", "c", "d"], score=["1", "high", "2.5", ""])
    mapping = ColumnMapping.of("regression", text="text", score="score")
    (finding,) = check_mapping(table, mapping)
    assert (finding.key, finding.rows, finding.fix) == ("score", (1, 3), "drop_rows")
    assert finding.what == "Column 'score' holds no number in rows 2, 4."
    assert found(table_of(text=["a", "b"], score=["1", "1.0"]), mapping) == {("one_score", ())}
    too_large = table_of(text=["a", "b", "c"], score=["1", "1e39", "1e400"])  # their squares are infinite in float32
    assert found(too_large, mapping) == {("score", (1, 2))}


def test_tags_that_are_not_as_many_as_words():
    table = table_of(tokens=["a b", "c d e", "f"], tags=["O B", "O", "O"])
    (finding,) = check_mapping(table, ColumnMapping.of("token-classification", tokens="tokens", tags="tags"))
    assert (finding.key, finding.rows) == ("tags", (1,))
    assert "row 2 has 3 words and 1 tag" in finding.what


def test_answers_that_do_not_stand_in_the_context():
    table = table_of(
        question=["q"] * 5,
        context=["It is Rome."] * 5,
        answer=["Rome", "Paris", "Rome", "", '{"text": ["Rome", "Milan"], "answer_start": [6, 6]}'],
        answer_start=["6", "6", "5", "", ""],
    )
    mapping = ColumnMapping.of(
        "question-answering", question="question", context="context", answer="answer", answer_start="answer_start"
    )
    assert found(table, mapping) == {("answer", (1, 4)), ("answer_start", (2,)), ("no_answer", (3,))}


def test_multi_label_switches_and_lists():
    table = table_of(text=["a", "b", "c"], x=["1", "0", "2"], y=["true", "False", "1"])
    mapping = ColumnMapping.of("multi-label", text="text", labels=["x", "y"])
    assert found(table, mapping) == {("switch", (2,)), ("no_labels", (1,))}
    assert labels_of(table, mapping) == ("x", "y")
    lists = table_of(text=["a", "b", "c"], labels=["war; love", "", "love"])
    one = ColumnMapping("multi-label", (("text", ("text",)), ("labels", ("labels",))), ";")
    assert found(lists, one) == {("no_labels", (1,))}
    assert labels_of(lists, one) == ("love", "war")


def test_the_right_choice():
    four = ("c0", "c1", "c2", "c3")
    assert choice_numbers(["0", "3"], four) == [0, 3]
    assert choice_numbers(["1", "4"], four) == [0, 3]
    assert choice_numbers(["B", "a"], ("x", "y")) == [1, 0]
    assert choice_numbers(["y", "x"], ("x", "y")) == [1, 0]
    for cells in (["0", "4"], ["-1"], ["²"], ["E"], [""]):
        with pytest.raises(LabError, match="right choice"):
            choice_numbers(cells, four)
    table = table_of(context=["a", "b"], c0=["d", "e"], c1=["f", "g"], label=["0", "9"])
    mapping = ColumnMapping.of("multiple-choice", context="context", choices=["c0", "c1"], label="label")
    assert found(table, mapping) == {("right", (1,))}
    assert ("choices", ()) in found(
        table, ColumnMapping.of("multiple-choice", context="context", choices="c0", label="label")
    )


def test_rows_that_fixes_left_out_are_not_named_and_the_others_keep_their_numbers():
    cells = {"text": ["a", "", "c", "d"], "score": ["1", "x", "2", "y"], "tags": ["O", "O", "O", "O O"]}
    table, left = table_of(**cells), np.array([0, 2, 3])
    rest = replace(table, data=table.data.take(left))
    mapping = ColumnMapping.of("regression", text="text", score="score")
    wrong, *_ = check_mapping(table, mapping)
    assert (wrong.what, wrong.rows) == ("Column 'score' holds no number in rows 2, 4.", (1, 3))
    (wrong,) = check_mapping(rest, mapping, left)
    assert (wrong.what, wrong.rows) == ("Column 'score' holds no number in row 4.", (3,))
    assert wrong.step.rows == (3,)
    tagged = ColumnMapping.of("token-classification", tokens="text", tags="tags")
    wrong = next(each for each in check_mapping(rest, tagged, left) if each.key == "tags")
    assert (wrong.rows, "row 4 has 1 word and 2 tags" in wrong.what) == ((3,), True)


def test_labels_are_ordered_and_named_and_the_names_stay():
    table = table_of(text=["a", "b", "c"], label=["0", "1", "2"])
    mapping = ColumnMapping.of(TASKS[0], text="text", label="label")
    assert mapping.id2label(labels_of(table, mapping)) == {0: "0", 1: "1", 2: "2"}
    named = mapping.with_labels(["2", "0", "1"], {"0": "sad", "2": "glad"})
    assert named.id2label() == {0: "glad", 1: "sad", 2: "1"}
    assert named.with_labels(["0", "1", "2"]).id2label() == {0: "sad", 1: "1", 2: "glad"}
    assert labels_of(table, named) == ("2", "0", "1")
    dataset = build_dataset(table, named, label_names=named.label_order)
    assert (dataset.labels, dataset.label_names) == ((1, 2, 0), ("2", "0", "1"))
    assert named.with_columns("pair", "other").label_titles == named.label_titles
    assert named.with_columns("label", "other").label_order == ()
    assert found(table, mapping.with_labels(["0", "1"])) == {("order", (2,))}
    (lacking,) = check_mapping(table, mapping.with_labels(["0", "1"]))
    assert lacking.severity == "warn"  # `named_labels` puts them behind
    assert found(table, mapping.with_labels(["0", "1", "2", "3"])) == {("order", ())}
    with pytest.raises(LabError, match="same name"):
        mapping.with_labels(["0", "1"], {"0": "1"})
    with pytest.raises(LabError, match="twice"):
        mapping.with_labels(["0", "0"])
    with pytest.raises(LabError, match="no label names"):
        ColumnMapping.of("regression", text="text", score="s").with_labels(["0"])


def test_a_mapping_survives_json():
    for task in TASKS:
        columns = {role.name: [f"{role.name} {n}" for n in range(1 + role.is_list)] for role in SPECS[task].roles}
        mapping = ColumnMapping.of(task, **columns)
        assert ColumnMapping.from_dict(json.loads(json.dumps(mapping.to_dict()))) == mapping
        assert not mapping.missing()
        assert mapping.text_column in {name for each in columns.values() for name in each}


@pytest.mark.parametrize("change", [
    {"version": 2}, {"task": "x"}, {"task": 3}, {"columns": []}, {"columns": {"text": "a"}}, {"columns": {"x": ["a"]}},
    {"columns": {"text": [1]}}, {"columns": {"text": ["a", "b"]}}, {"separator": 3}, {"separator": "ab"},
    {"label_order": ["a", "a"]}, {"label_titles": ["a"]}, {"label_order": None},
])  # fmt: skip
def test_anything_else_is_no_mapping(change):
    values = ColumnMapping.of(TASKS[0], text="text", label="label").to_dict()
    for wrong in (values | change, None, [], "x"):
        with pytest.raises(LabError):
            ColumnMapping.from_dict(wrong)


def test_cells_with_lists_and_answers():
    assert items_of('[1, "a", null]') == ["1", "a", "null"]
    assert items_of("[broken list") == ["[broken", "list"]
    assert items_of('[["a"]]') == ['[["a"]]']
    assert items_of("") == []
    assert answers_of("[not json", "x")[0].start is None
    assert answers_of('["a", "b"]')[1].text == "b"
    assert answers_of("[" * 100_000)
    assert answers_of("  ") == []
