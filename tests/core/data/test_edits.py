"""Corrections: a layer over an untouched file that undoes, survives JSON and never lands in another cell; keeping."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data import limits
from core.data.dataset.dataset import build_dataset
from core.data.dataset.edits import Edits
from core.data.dataset.recipe import Recipe
from core.data.dataset.steps import DropContradictions, DropEmpty
from core.data.reading.read_table import ReadOptions, read_table
from core.errors import LabError
from tests.columns import classes

CONTENT = b"text,label\none,x\ntwo,y\ntwo,x\nthree,y\n"


@pytest.fixture
def table():
    return read_table(CONTENT, name="x.csv")


def test_a_label_and_a_text_are_corrected_and_the_file_stays(table):
    edits = Edits(table.content_hash).set(table, 2, "label", "y", id="a.1")
    edits = edits.set(table, 0, "text", "uno", id="a.2").set(table, 0, "text", "ein", id="b.1")
    after = edits.apply(table)
    assert (after["text"], after["label"]) == (["ein", "two", "two", "three"], ["x", "y", "y", "y"])
    assert (table["text"][0], len(edits), after.content_hash) == ("one", 2, table.content_hash)
    assert after.notices[-1] == "2 cells were corrected by hand, in rows 1, 3; the file itself is unchanged."
    assert edits.without("b.1").apply(table)["text"][0] == "uno"
    assert edits.without("b.1").without("a.2").without("a.1").apply(table) is table


def test_taking_back_one_correction_leaves_a_later_one_of_the_same_cell(table):
    edits = Edits(table.content_hash).set(table, 0, "text", "uno", id="a.1").set(table, 0, "text", "ein", id="b.1")
    assert edits.without("a.1").apply(table)["text"][0] == "ein"
    assert edits.without("a.1").without("b.1").apply(table) is table
    assert edits.without("c.1") is edits


def test_what_is_shown_is_the_same_whatever_led_to_it(table):
    one = Edits(table.content_hash).set(table, 0, "text", "a", id="a.1").set(table, 3, "label", "z", id="a.2")
    two = Edits(table.content_hash).set(table, 3, "label", "z", id="b.1").set(table, 1, "text", "c", id="b.2")
    two = two.set(table, 1, "text", "two", id="b.3").set(table, 0, "text", "b", id="b.4").set(table, 0, "text", "a")
    assert one.settled() == two.settled()
    assert one.digest == two.digest
    assert one.digest != one.without("a.2").digest


def test_corrections_kept_before_they_had_ids_can_be_taken_back(table):
    kept = Edits(table.content_hash).set(table, 0, "text", "a").set(table, 1, "text", "b").to_dict()
    assert kept["cells"] == [[0, "text", "one", "a"], [1, "text", "two", "b"]]
    edits = Edits.from_dict(kept)
    assert [edit.id for edit in edits.cells] == ["kept.0", "kept.1"]
    again = Edits.from_dict(edits.without("kept.0").to_dict())
    assert [edit.id for edit in again.cells] == ["kept.1"]


def test_giving_a_cell_what_it_shows_changes_nothing_and_the_original_ends_the_correction(table):
    edits = Edits(table.content_hash)
    assert edits.set(table, 0, "text", "one") is edits
    changed = edits.set(table, 0, "text", "a")
    assert changed.set(table, 0, "text", "a") is changed
    assert len(changed.set(table, 0, "text", "one")) == 0
    assert changed.set(table, 0, "text", "one", id="a.1").without("a.1") == changed


def test_edits_come_before_the_recipe(table):
    columns = classes("text", "label")
    recipe = Recipe((DropContradictions(),))
    assert build_dataset(table, columns, recipe=recipe).row_ids == (0, 3)
    edits = Edits(table.content_hash).set(table, 2, "label", "y").set(table, 3, "text", "")
    dataset = build_dataset(table, columns, edits=edits, recipe=recipe.then(DropEmpty()))
    assert dataset.row_ids == (0, 1, 2)
    assert dataset.labels == (0, 1, 1)


@pytest.mark.parametrize("row", [-1, 4, True, "1", 1.0])
def test_rows_that_are_not_there_are_refused(table, row):
    with pytest.raises(LabError, match="rows 1 to 4"):
        Edits(table.content_hash).set(table, row, "text", "a")


def test_other_cells_and_files_are_refused(table, monkeypatch):
    monkeypatch.setattr(limits, "MAX_CELL_CHARACTERS", 1_000)
    edits = Edits(table.content_hash)
    with pytest.raises(LabError, match="no column 'body'"):
        edits.set(table, 0, "body", "a")
    with pytest.raises(LabError, match="NUL"):
        edits.set(table, 0, "text", "a\0")
    with pytest.raises(LabError, match="half a character"):
        edits.set(table, 0, "text", "\ud800")
    with pytest.raises(LabError, match="limit"):
        edits.set(table, 0, "text", "a" * 1_001)
    other = read_table(CONTENT + b"four,x\n", name="x.csv")
    for use in (lambda: edits.set(other, 0, "text", "a"), lambda: edits.apply(other)):
        with pytest.raises(LabError, match="another file"):
            use()


def test_a_correction_never_lands_in_another_cell_when_the_file_is_read_differently(table):
    edits = Edits(table.content_hash).set(table, 1, "text", "zwei")
    shifted = read_table(CONTENT, name="x.csv", options=ReadOptions(header=False))
    with pytest.raises(LabError, match="no column 'text'"):
        edits.apply(shifted)
    data = table.data.slice(2)
    with pytest.raises(LabError, match="do not fit"):
        edits.apply(type(table)(table.name, table.columns, table.options, (), table.content_hash, data))
    last = Edits(table.content_hash).set(table, 3, "text", "drei")
    with pytest.raises(LabError, match="do not fit"):
        last.apply(type(table)(table.name, table.columns, table.options, (), table.content_hash, data))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["text", "label"]), st.text(max_size=5)), max_size=12))
def test_the_last_correction_of_each_cell_counts(changes):
    table = read_table(CONTENT, name="x.csv")
    expected = {name: table[name] for name in table.columns}
    edits = Edits(table.content_hash)
    for row, column, value in changes:
        try:
            edits = edits.set(table, row, column, value)
        except LabError:
            continue  # NUL
        expected[column][row] = value
    again = Edits.from_dict(json.loads(json.dumps(edits.to_dict())))
    assert again == edits
    after = again.apply(table)
    assert {name: after[name] for name in table.columns} == expected


@pytest.mark.parametrize(
    "values", [None, [], {}, {"version": 1, "content_hash": "a", "cells": [[0, "a", "b"]]},
               {"version": 1, "content_hash": "a", "cells": [[-1, "a", "b", "c"]]},
               {"version": 1, "content_hash": "a", "cells": [["0", "a", "b", "c"]]},
               {"version": 1, "content_hash": 3, "cells": []}, {"version": 9, "content_hash": "a", "cells": []}],
)  # fmt: skip
def test_anything_else_is_no_edits(values):
    with pytest.raises(LabError, match="not understood"):
        Edits.from_dict(values)
