"""Columns are guessed, labels are checked (section B of the fault catalogue), and nothing is changed on the way."""

import pytest

from core.data.column_names import is_usual_name
from core.data.columns.guess import guess_mapping
from core.data.dataset.dataset import build_dataset, natural_order, shared_examples
from core.data.reading.read_table import ReadOptions, read_table
from core.data.sources.references import open_table
from core.data.sources.sample_sets import samples
from core.errors import LabError
from tests.columns import classes


def table_of(*rows, header="text,label"):
    text = "\n".join([header, *rows]) + "\n"
    return read_table(text.encode(), name="x.csv", options=ReadOptions(header=True, delimiter=","))


def build(*rows, **named):
    return build_dataset(table_of(*rows), classes("text", "label"), **named)


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        ("id,Review Text,stars", "7,a fine film,5", classes("Review Text", "stars")),
        ("text_a,text_b,label", "one thing,another,1", classes("text_a", "label", "text_b")),
        ("premise,hypothesis,gold_label", "it rains,it pours,neutral", classes("premise", "gold_label", "hypothesis")),
        (
            "id,qid1,qid2,question1,question2,is_duplicate",
            "0,1,2,why,how,0",
            classes("question1", "is_duplicate", "question2"),
        ),
        (
            "Quality,#1 ID,#2 ID,#1 String,#2 String",
            "1,22,33,he said,she said",
            classes("#1 String", "Quality", "#2 String"),
        ),
        ("tweet_id,airline_sentiment,name,text", "5,neutral,bob,hello there", classes("text", "airline_sentiment")),
        ("a,b", "some longer words here,x", classes("a")),
        ("2,1", "7,12", classes("1")),
    ],
)
def test_columns_are_guessed(header, row, expected):
    assert guess_mapping(table_of(row, header=header), "sequence-classification") == expected


def test_without_names_the_longest_cells_are_the_text_and_the_fewest_values_the_label():
    rows = [f"s{n % 5},{n % 2},{'*' if n % 2 else ''},sentence number {n} of them" for n in range(30)]
    assert guess_mapping(table_of(*rows, header="a,b,c,d"), "sequence-classification") == classes("d", "b")


def test_usual_names():
    assert all(map(is_usual_name, ("text", " Label", "Sentence 1", "#2 String", "premise", "ID")))
    assert not any(map(is_usual_name, ("joy", "", "positive", "1", "a")))


def test_the_samples_open_and_their_columns_are_there():
    for sample in samples():
        table = open_table(sample.reference)
        assert guess_mapping(table, "sequence-classification") == sample.mapping
        dataset = build_dataset(table, sample.mapping)
        assert len(dataset) >= 400
        assert (dataset.pairs is not None) == (sample.mapping.pair_column is not None)


def test_values_and_order():
    dataset = build("one,b", "two,a", "three,b")
    assert dataset.texts == ("one", "two", "three")
    assert dataset.label_names == ("a", "b")
    assert dataset.labels == (1, 0, 1)
    assert dataset.row_ids == (0, 1, 2)
    assert dataset.pairs is None
    assert dataset.content_hash == table_of("one,b", "two,a", "three,b").content_hash


def test_natural_order():
    assert natural_order(["10", "9", "-1", "1.5"]) == ("-1", "1.5", "9", "10")
    assert natural_order(["b", "A", "a", "10"]) == ("10", "A", "a", "b")
    assert natural_order(["x" + "9" * 5000, "x1"]) == ("x1", "x" + "9" * 5000)
    assert natural_order(["q10", "q9", "q"]) == ("q", "q9", "q10")


def test_without_a_label_column_there_are_no_labels():
    dataset = build_dataset(table_of("one,b", "two,a"), classes("text"))
    assert dataset.labels == ()
    assert dataset.label_names == ()
    assert len(dataset) == 2


def test_columns_must_exist_and_differ():
    with pytest.raises(LabError, match="no column 'body'"):
        build_dataset(table_of("one,b"), classes("body", "label"))
    with pytest.raises(LabError, match="twice"):
        build_dataset(table_of("one,b"), classes("text", "text"))


def test_B01_words_that_mean_nothing_elsewhere_stay_text():
    assert build("NA,x", "null,y", "None,x", "nan,y").texts == ("NA", "null", "None", "nan")


@pytest.mark.parametrize("label", ["", '" "', "NaN", "nan", "inf", "-Infinity"])
def test_B02_missing_labels_are_refused_with_rows(label):
    with pytest.raises(LabError, match="row 2\\."):
        build("one,x", f"two,{label}", "three,y")


def test_B03_labels_that_look_alike_stay_different_strings():
    dataset = build("one,01", "two,1", "three,1.0", "four,1")
    assert dataset.label_names == ("01", "1", "1.0")
    assert any("look alike" in notice for notice in dataset.notices)
    with pytest.raises(LabError, match="row 2\\."):
        build("one,1", "two,", "three,0")


def test_B04_one_label_only_is_refused():
    with pytest.raises(LabError, match="one label only: 'x'"):
        build("one,x", "two,x")
    assert build("one,x", "two,x", label_names=("x", "y")).labels == (0, 0)


def test_B05_many_labels_warn_and_have_a_limit():
    dataset = build(*(f"text {n},label {n % 2500}" for n in range(5000)))
    assert any("2,500 different labels" in notice for notice in dataset.notices)
    with pytest.raises(LabError, match="limit is 5,000"):
        build(*(f"text {n},label {n}" for n in range(5001)))


def test_B06_a_label_with_one_row_is_named():
    dataset = build("one,x", "two,x", "three,rare")
    assert any("'rare'" in notice for notice in dataset.notices)


def test_B07_labels_unknown_to_the_training_are_refused_or_dropped():
    rows = ("one,y", "two,new", "three,x")
    with pytest.raises(LabError, match=r"'new'.*row 2"):
        build(*rows, label_names=("x", "y"))
    dataset = build(*rows, label_names=("x", "y"), unknown_labels="drop")
    assert dataset.texts == ("one", "three")
    assert dataset.row_ids == (0, 2)
    assert dataset.labels == (1, 0)
    assert any("1 row was dropped" in notice for notice in dataset.notices)
    with pytest.raises(LabError, match="No row"):
        build("one,new", label_names=("x", "y"), unknown_labels="drop")


def test_B08_texts_in_two_sets_are_counted():
    first, second = build("one,x", "two,y"), build("three,x", "two,y", "two,x")
    assert shared_examples(first, second) == (1, 2)


def test_B09_all_rows_the_same_are_refused():
    with pytest.raises(LabError, match="same text"):
        build("one,x", "one,y")
    pairs = table_of("same,a,x", "same,b,y", header="first,second,label")
    assert len(build_dataset(pairs, classes("first", "label", "second"))) == 2


def test_B10_one_text_with_different_labels_is_named_with_rows():
    dataset = build("one,x", "two,y", "one,y", "two,y")
    assert any("1 text occurs with different labels" in n and "rows 1, 3" in n for n in dataset.notices)
    assert any("1 row repeats an earlier one" in notice for notice in dataset.notices)  # the other contradicts one
    assert not any("different labels" in notice for notice in build("one,x", "two,y", "one,X").notices)


def test_B11_numeric_and_empty_texts_warn():
    assert any("numbers rather than text" in notice for notice in build("1,x", "2,y", "003,x").notices)
    dataset = build("one,x", ",y", "two,y")
    assert any("no text in row 2" in notice for notice in dataset.notices)
    assert all(isinstance(text, str) for text in dataset.texts)


def test_notices_of_the_table_are_kept():
    table = read_table(b"i am well;joy\ni am not;sadness\nwhat a day;joy\n", name="x.txt")
    dataset = build_dataset(table, guess_mapping(table, "sequence-classification"))
    assert dataset.notices[: len(table.notices)] == table.notices
