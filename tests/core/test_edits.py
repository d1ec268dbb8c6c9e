"""Corrections: a layer over an untouched file that undoes, survives JSON and never lands in another cell; keeping."""

import json
import os
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data import choices, limits
from core.data.columns import Columns
from core.data.dataset import build_dataset
from core.data.edits import Edits
from core.data.mapping import Mapping
from core.data.reading import ReadOptions, read_table
from core.data.recipe import Recipe
from core.data.saved_splits import SavedSplits, save_splits
from core.data.splits import split
from core.data.steps import DropContradictions, DropEmpty, DropRows
from core.errors import LabError

CONTENT = b"text,label\none,x\ntwo,y\ntwo,x\nthree,y\n"


@pytest.fixture
def table():
    return read_table(CONTENT, name="x.csv")


@pytest.fixture
def kept(tmp_path, monkeypatch):
    path = tmp_path / "kept"
    path.mkdir()
    monkeypatch.setenv("BERTLAB_WORKSPACE", str(path))
    return path


def test_a_label_and_a_text_are_corrected_and_the_file_stays(table):
    edits = (
        Edits(table.content_hash).set(table, 2, "label", "y").set(table, 0, "text", "uno").set(table, 0, "text", "ein")
    )
    after = edits.apply(table)
    assert (after["text"], after["label"]) == (["ein", "two", "two", "three"], ["x", "y", "y", "y"])
    assert (table["text"][0], len(edits), after.content_hash) == ("one", 2, table.content_hash)
    assert after.notices[-1] == "2 cells were corrected by hand, in rows 1, 3; the file itself is unchanged."
    assert edits.undo().apply(table)["text"][0] == "uno"
    assert edits.undo().undo().undo().apply(table) is table


def test_giving_a_cell_what_it_shows_changes_nothing_and_the_original_ends_the_correction(table):
    edits = Edits(table.content_hash)
    assert edits.set(table, 0, "text", "one") is edits
    changed = edits.set(table, 0, "text", "a")
    assert changed.set(table, 0, "text", "a") is changed
    assert len(changed.set(table, 0, "text", "one")) == 0
    assert changed.set(table, 0, "text", "one").undo() == changed


def test_edits_come_before_the_recipe(table):
    columns = Columns("text", "label")
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


def test_what_was_chosen_outlives_a_session(table, kept):
    dataset = build_dataset(table, Columns("text", "label"))
    made = (
        Mapping.of("sequence-classification", text="text", label="label").with_labels(["y", "x"], {"y": "yes"}),
        Edits(table.content_hash).set(table, 0, "text", "uno"),
        Recipe((DropEmpty(),)),
        save_splits(dataset, split(dataset), how="shares", shares=(0.8, 0.1, 0.1), seed=42),
    )
    for choice in made:
        assert choices.recall(table.content_hash, type(choice)) is None
        choices.keep(table.content_hash, choice)
        assert choices.recall(table.content_hash, type(choice)) == choice
    choices.forget(table.content_hash, Recipe)
    assert choices.recall(table.content_hash, Recipe) is None
    assert choices.recall(table.content_hash, SavedSplits) is not None
    choices.forget(table.content_hash)
    choices.forget(table.content_hash)
    assert not list(kept.glob("choices/*"))


def test_what_names_rows_is_only_recalled_for_the_reading_it_was_made_for(table, kept):
    bare = read_table(CONTENT, name="x.csv", options=ReadOptions(header=False))
    dataset = build_dataset(table, Columns("text", "label"))
    splits = save_splits(dataset, split(dataset), how="shares")
    rows, everything = Recipe((DropRows((1,)),)), Recipe((DropEmpty(),))
    for choice in (splits, rows):
        choices.keep(table.content_hash, choice)  # as before readings were kept beside it
        assert choices.recall(table.content_hash, type(choice), bare.options) == choice
        choices.keep(table.content_hash, choice, table.options)
        assert choices.recall(table.content_hash, type(choice), table.options) == choice
        assert choices.recall(table.content_hash, type(choice), replace(table.options, encoding="cp1252")) == choice
        with pytest.raises(choices.OtherReading, match="made for another reading"):
            choices.recall(table.content_hash, type(choice), bare.options)
    choices.keep(table.content_hash, everything, table.options)
    assert choices.recall(table.content_hash, Recipe, bare.options) == everything  # whatever the rows are


@pytest.mark.parametrize(
    "name", ["..", "../uploads", "%2e%2e", "a" * 63, "A" * 64, "a\\b", "/etc", "a" * 64 + "\n", "", None]
)
def test_C04_only_a_hash_names_a_folder(kept, name):
    (kept / "uploads").mkdir()
    for use in (
        lambda: choices.keep(name, Recipe()),
        lambda: choices.recall(name, Recipe),
        lambda: choices.forget(name),
    ):
        with pytest.raises(LabError, match="not the hash"):
            use()
    assert list(kept.iterdir()) == [kept / "uploads"]


def test_damaged_or_foreign_choices_are_said_and_nothing_is_lost(table, kept):
    choices.keep(table.content_hash, Recipe())
    path = kept / "choices" / table.content_hash / "recipe.json"
    for content in (b"{", b"\xff", b"[" * 100_000, b"3"):
        path.write_bytes(content)
        with pytest.raises(LabError):
            choices.recall(table.content_hash, Recipe)
    with pytest.raises(LabError, match="another file"):
        choices.keep(table.content_hash, Edits("0" * 64))
    path.unlink()
    secret = kept / "secret.json"
    secret.write_text(json.dumps(Recipe().to_dict()))
    os.symlink(secret, path)
    assert choices.recall(table.content_hash, Recipe) is None
    choices.forget(table.content_hash)
    assert secret.exists()
