"""Recipes: each step by hand, then that they invent nothing, undo, repeat and survive JSON."""

import csv
import html
import io
import json
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.csv_safety import escape_formula
from core.data.dataset.dataset import build_dataset
from core.data.dataset.recipe import KINDS, Recipe
from core.data.dataset.row_selection import select_rows
from core.data.dataset.steps import (
    CapClasses,
    DropContradictions,
    DropDuplicates,
    DropEmpty,
    DropRows,
    DropUnlabelled,
    MergeLabels,
    Step,
    TidyTexts,
    UnescapeHtml,
    spelled_alike,
)
from core.data.decisions.fixed import csv_parts, fixed_table, jsonl_parts
from core.data.quality.card import health_card
from core.data.reading.read_table import ReadOptions, read_table
from core.data.views import Strings
from core.errors import LabError
from tests.columns import classes

COLUMNS = classes("text", "label")
STEPS = (
    DropEmpty(), DropUnlabelled(), DropDuplicates(), DropContradictions(), DropContradictions(keep="majority"),
    CapClasses(rows=2, seed=3), DropRows((0, 4), "by hand"), TidyTexts(), MergeLabels(), UnescapeHtml(),
    DropContradictions(keep="majority", by_meaning=True),
)  # fmt: skip
SAFE = (
    DropContradictions("majority", by_meaning=True), DropDuplicates(), DropUnlabelled(), DropEmpty(), MergeLabels(),
    TidyTexts(), UnescapeHtml(),
)  # fmt: skip


def table_of(*rows, header="text,label"):
    text = "\n".join([header, *rows]) + "\n"
    return read_table(text.encode(), name="x.csv", options=ReadOptions(header=True, delimiter=","))


def selection(*rows, columns=COLUMNS, header="text,label"):
    return select_rows(table_of(*rows, header=header), columns)


def kept(step, *rows):
    after, line = step.apply(selection(*rows))
    return after.row_ids.tolist(), line


def test_B11_rows_without_a_text_are_dropped():
    assert kept(DropEmpty(), "one,x", " ,y", ",x") == ([0], "2 rows without a text were dropped.")
    pairs = selection(
        "a,b,x",
        "c,,y",
        header="first,second,label",
        columns=classes("first", "label", "second"),
    )
    assert DropEmpty().apply(pairs)[0].row_ids.tolist() == [0]


def test_B02_rows_without_a_usable_label_are_dropped():
    rows = ("one,x", "two,", "three,NaN", "four,-inf", "five,NA", "six,y")
    assert kept(DropUnlabelled(), *rows)[0] == [0, 4, 5]
    table = table_of(*rows)
    with pytest.raises(LabError, match="rows 2, 3, 4"):
        build_dataset(table, COLUMNS)
    dataset = build_dataset(table, COLUMNS, recipe=Recipe((DropUnlabelled(),)))
    assert dataset.row_ids == (0, 4, 5)
    assert dataset.label_names == ("NA", "x", "y")
    assert "3 rows without a usable label were dropped." in dataset.notices


def test_B09_duplicates_go_but_other_labels_stay():
    assert kept(DropDuplicates(), "one,x", "two,x", "one,x", "one,y", "two,x")[0] == [0, 1, 3]


def test_B10_contradictions_go_all_or_all_but_the_majority():
    rows = ("one,x", "one,y", "one,x", "two,x", "two,y", "three,y", "three,y")
    assert kept(DropContradictions(), *rows)[0] == [5, 6]
    assert kept(DropContradictions(keep="majority"), *rows)[0] == [0, 2, 5, 6]
    with pytest.raises(LabError, match="majority"):
        DropContradictions(keep="first")


@pytest.mark.parametrize("keep", ["none", "majority"])
def test_B10_a_row_without_a_label_or_a_text_contradicts_nothing(keep):
    rows = ("good film,pos", "good film,", "good film,nan", "two,x", "two,y", " ,x", " ,y", "good film,pos")
    assert kept(DropContradictions(keep), *rows)[0] == [0, 1, 2, 5, 6, 7]


def test_B05_classes_are_capped_by_a_seed():
    rows = [f"text {n},{'x' if n % 4 else 'y'}" for n in range(40)]
    after, line = CapClasses(rows=5, seed=1).apply(selection(*rows))
    labels = Strings(after.labels)
    assert (labels.count("x"), labels.count("y"), line) == (5, 5, "30 rows beyond 5 of one label were dropped.")
    assert (np.diff(after.row_ids) > 0).all()
    assert CapClasses(rows=5, seed=1).apply(selection(*rows))[0].row_ids.tolist() == after.row_ids.tolist()
    assert CapClasses(rows=5, seed=2).apply(selection(*rows))[0].row_ids.tolist() != after.row_ids.tolist()
    for wrong in (0, -1, 1.5, True, "3"):
        with pytest.raises(LabError, match="whole number"):
            CapClasses(rows=wrong)


def test_texts_are_tidied_and_counted():
    after, line = TidyTexts().apply(selection('"  one<br /><BR>two ",x', "a < b,y", "three<br/>,x"))
    assert list(Strings(after.texts)) == ["one two", "a < b", "three"]
    assert line == "White space or line breaks were tidied in 2 rows."


def test_B03_labels_that_differ_in_case_or_space_are_merged_when_told():
    rows = ("a,Good", "b,good", "c, good ", "d,good", "e,01", "f,1")
    after, line = MergeLabels().apply(selection(*rows))
    assert list(Strings(after.labels)) == ["good", "good", "good", "good", "01", "1"]
    assert line == "2 labels were merged: 'Good' → 'good', ' good ' → 'good'."
    assert MergeLabels().apply(after)[1] == "No labels differ only in case or spaces."


def test_chosen_rows_go_by_their_number_in_the_file():
    recipe = Recipe().then(DropEmpty()).then(DropRows((2,), "nearly the same"))
    applied = recipe.apply(selection(",x", "one,x", "two,y", "three,y"))
    assert applied.selection.row_ids.tolist() == [1, 3]
    assert applied.log[1] == "1 row (nearly the same) was dropped."


def test_a_step_that_needs_labels_says_so_and_one_that_leaves_nothing_is_refused():
    with pytest.raises(LabError, match=r"needs a label column.*take this step back"):
        MergeLabels().apply(selection("one,x", columns=classes("text")))
    with pytest.raises(LabError, match="No row is left"):
        Recipe((DropRows((0, 1)),)).apply(selection("one,x", "two,y"))


def test_every_kind_of_step_has_a_name_and_survives_json():
    assert {type(step).kind for step in STEPS} == set(KINDS)
    assert all(isinstance(step, Step) for step in STEPS)
    recipe = Recipe(STEPS)
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    again = Recipe.from_dict(recipe.to_dict())  # as kept before steps had ids: each is given one
    assert again.without(again.ids[0]).steps == STEPS[1:]
    assert Recipe().without("a.1") == Recipe()


def test_a_step_is_taken_back_by_its_id_wherever_it_stands():
    recipe = Recipe().then(DropEmpty(), id="a.1").then(DropDuplicates(), id="b.1").then(DropEmpty(), id="a.2")
    left = Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))).without("a.1")
    assert (left.steps, left.ids) == ((DropDuplicates(), DropEmpty()), ("b.1", "a.2"))
    assert left.without("a.1") is left


@pytest.mark.parametrize(
    "values",
    [
        None, [], {}, {"version": 3, "steps": []}, {"version": 1, "steps": {}}, {"version": 1, "steps": [1]},
        {"version": 1, "steps": [], "more": 1}, {"version": 1, "steps": [{"kind": "rm"}]},
        {"version": 1, "steps": [{"kind": ["drop_empty"]}]}, {"version": 1, "steps": [{"kind": "cap_classes"}]},
        {"version": 1, "steps": [{"kind": "drop_empty", "rows": 1}]},
        {"version": 1, "steps": [{"kind": "cap_classes", "rows": "all"}]},
        {"version": 1, "steps": [{"kind": "drop_rows", "rows": ["a"]}]},
        {"version": 1, "steps": [{"kind": "drop_rows", "rows": 3}]},
        {"version": 1, "steps": [{"kind": "drop_rows", "rows": [2**70]}]},
        {"version": 2, "steps": [{"kind": "drop_contradictions", "by_meaning": "yes"}]},
    ],
)  # fmt: skip
def test_anything_else_is_no_recipe(values):
    with pytest.raises(LabError):
        Recipe.from_dict(values)


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["", " ", "a", "b", " a", "a<br />"]), st.sampled_from(["x", "X", "y", "nan", "", "01", "1"])
    ),
    min_size=1,
    max_size=20,
)


def same(one, two):
    columns = [(one.texts, two.texts), (one.labels, two.labels)]
    return one.row_ids.tolist() == two.row_ids.tolist() and all(a.equals(b) for a, b in columns)


@settings(max_examples=200, deadline=None)
@given(ROWS, st.lists(st.sampled_from(STEPS), max_size=5), st.sampled_from(STEPS))
def test_a_recipe_invents_nothing_and_undoes(rows, steps, last):
    table = table_of(*(f'"{text}",{label}' for text, label in rows))
    start = select_rows(table, COLUMNS)
    recipe = Recipe(tuple(steps))
    try:
        before = recipe.apply(start)
        after = recipe.then(last).apply(start)
    except LabError:  # no row would be left
        return
    assert len(after.log) == len(steps) + 1
    assert same(recipe.then(last, id="a.1").without("a.1").apply(start).selection, before.selection)
    assert same(recipe.then(last).apply(start).selection, after.selection)
    rows_left = after.selection.row_ids
    assert (np.diff(rows_left) > 0).all()
    assert set(rows_left.tolist()) <= set(range(len(rows)))
    spellings = {label for _, label in rows}
    assert set(Strings(after.selection.labels)) <= spellings
    for row, text in zip(rows_left.tolist(), Strings(after.selection.texts), strict=True):
        assert text.split() == rows[row][0].replace("<br />", " ").split() or text == rows[row][0]
    assert table["text"] == [text for text, _ in rows]


TEXTS = st.sampled_from(["", " ", "a", " a", "a &amp; b", "a & b", "a & b<br>", "<br />", "c"])


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(TEXTS, st.sampled_from(["x", "X", " x", "y", "Y", "nan", ""])), min_size=1, max_size=25),
    st.permutations(SAFE),
)
def test_all_safe_fixes_in_whichever_order_leave_no_contradiction_and_lose_no_row_needlessly(rows, fixes):
    """A row goes only because it has no text or label, repeats one that stays, or is outvoted by rows of its text."""
    votes: dict[str, Counter] = {}
    clean = [
        (html.unescape(text).replace("<br />", " ").replace("<br>", " ").strip(), spelled_alike(y)) for text, y in rows
    ]
    for text, label in clean:
        if text and label not in ("", "nan"):
            votes.setdefault(text, Counter())[label] += 1
    expected, seen = [], set()
    for row, (text, label) in enumerate(clean):
        most = votes.get(text, Counter()).most_common(2)
        is_decided = len(most) == 1 or (len(most) == 2 and most[0][1] > most[1][1])
        if is_decided and label == most[0][0] and (text, label) not in seen:
            seen.add((text, label))
            expected.append(row)
    start = select_rows(table_of(*(f'"{text}",{label}' for text, label in rows)), COLUMNS)
    recipe = Recipe()
    for fix in fixes:
        recipe = recipe.then(fix)
    if not expected:
        with pytest.raises(LabError, match="No row is left"):
            recipe.apply(start)
        return
    left = recipe.apply(start).selection
    assert left.row_ids.tolist() == expected
    card = health_card(left)
    told = {each.key for each in card.findings if each.severity != "good"}
    assert not told & {"contradictions", "duplicates", "empty", "unlabelled", "alike_labels", "untidy", "entities"}


def test_repeats_are_votes_for_the_label_that_most_rows_have():
    rows = ("one,x", "one,x", "one,y", "two,y")
    for fixes in ((DropDuplicates(), SAFE[0]), (SAFE[0], DropDuplicates())):
        applied = Recipe(fixes).apply(selection(*rows))
        assert applied.selection.row_ids.tolist() == [0, 3]
        assert applied.log == ("1 row whose text also has another label was dropped.",
                               "1 row that repeats an earlier one was dropped.")  # fmt: skip


def test_a_recipe_of_earlier_days_does_its_steps_as_they_were_chosen():
    """A run carries its recipe, and goes on with the rows it began with."""
    kept = {"version": 1, "steps": [{"kind": "drop_duplicates"}, {"kind": "drop_contradictions", "keep": "majority"}]}
    recipe = Recipe.from_dict(kept)
    rows = ("one,x", "one,x", "one,y", "two,y", "three,Y", "three,y")
    assert recipe.apply(selection(*rows)).selection.row_ids.tolist() == [3]
    assert recipe.to_dict()["version"] == 1
    again = recipe.then(MergeLabels(), id="b")
    assert again.in_order()[0] == DropDuplicates()
    assert again.without("b") == recipe
    assert recipe.without("kept.1").without("kept.0").then(DropEmpty()).to_dict()["version"] == 2


def test_html_entities_are_written_as_characters():
    texts = (
        "AT&amp;T &lt;3 &#39;you&#39; &#x27;",
        "no & entity; here",
        "https://a.b/?x=1&copy=2&amp;y=3",
        "&amp;lt;",
        "&T; &nosuch;",
    )
    after, line = UnescapeHtml().apply(selection(*(f'"{text}",x' for text in texts)))
    assert list(Strings(after.texts)) == [
        "AT&T <3 'you' '", "no & entity; here", "https://a.b/?x=1&copy=2&y=3", "&lt;", "&T; &nosuch;"
    ]  # fmt: skip
    assert line == "HTML entities were written as characters in 3 rows."
    pairs = selection(
        "a &gt; b,c&nbsp;d,x",
        header="first,second,label",
        columns=classes("first", "label", "second"),
    )
    after, _ = UnescapeHtml().apply(pairs)
    assert (list(Strings(after.texts)), list(Strings(after.pairs))) == (["a > b"], ["c\u00a0d"])


@given(st.lists(st.text(st.sampled_from("&#;xltgamp12 D8\U0001f600"), max_size=12), min_size=1, max_size=5))
def test_entities_are_those_of_the_standard_library(texts):
    table = table_of(*(f'"{text}",x' for text in texts))
    after, _ = UnescapeHtml().apply(select_rows(table, COLUMNS))
    parts = [re.split(r"(&#?\w+;)", text) for text in texts]
    assert list(Strings(after.texts)) == [
        "".join(html.unescape(p) if p[-1:] == ";" and p[:1] == "&" else p for p in ps) for ps in parts
    ]


def test_the_fixed_rows_are_a_table_and_a_csv():
    table = table_of("7,=1+1 ,x", '8,"a, ""b""",x', "9,,y", header="id,text,label")
    fixed = fixed_table(table, COLUMNS, recipe=Recipe((DropEmpty(), TidyTexts())))
    assert (fixed["id"], fixed["text"], fixed["label"]) == (["7", "8"], ["=1+1", 'a, "b"'], ["x", "x"])
    assert table["text"][0] == "=1+1 "
    text = "".join(csv_parts(fixed, escape=escape_formula))
    assert text == 'id,text,label\r\n7,\'=1+1,x\r\n8,"a, ""b""",x\r\n'
    again = read_table("".join(csv_parts(fixed)).encode(), name="x.csv")
    assert again.data.equals(fixed.data)


def test_C08_the_fixed_rows_come_back_exactly_from_JSON_lines():
    signs = (
        "@united",
        "=1+1",
        "-1",
        "+",
        'a, "b"',
        "two\nlines",
        " 01 ",
        "NA",
        "a\u00a0\u2028b",
        "👩‍👩‍👧",
        "\t",
        "[1]",
        "{",
    )
    cells = [*signs] * 500
    content = io.StringIO()
    csv.writer(content).writerows([("@id", "text", "label"), *((n, cell, "-1") for n, cell in enumerate(cells))])
    table = read_table(content.getvalue().encode(), name="x.csv")
    fixed = fixed_table(table, COLUMNS, recipe=Recipe((DropRows((0,)),)))
    again = read_table("".join(jsonl_parts(fixed)).encode(), name="fixed.jsonl")
    assert (again.columns, again.options.format) == (("@id", "text", "label"), "jsonl")
    assert again.data.equals(fixed.data)
    assert again["text"] == cells[1:]
