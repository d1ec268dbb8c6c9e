"""What was decided about a file: one value, in a plan and back, applied in one order, and trained on."""

from dataclasses import replace

import numpy as np
import pytest

from core.data import decisions
from core.data.column_mapping import ColumnMapping
from core.data.dataset.edits import Edits
from core.data.dataset.recipe import Recipe
from core.data.dataset.splits import Splits, split
from core.data.dataset.steps import DropDuplicates
from core.data.decisions.preparation import Preparation, named_labels
from core.data.decisions.saved_splits import save_splits
from core.data.reading.read_table import read_table
from core.errors import LabError
from core.training.estimate.token_lengths import lengths_of
from core.training.plan.plan import Plan
from core.training.run.prepare import prepare
from core.training.tasks import task_of
from tests.columns import classes

COLUMNS = classes("text", "label")
NAMED = classes("text", "label").with_labels(("b", "a"), {"a": "Apple"})


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text,label\n" + "".join(f"row {n // 2 if n < 4 else n},{'ab'[n % 2]}\n" for n in range(40)))
    return path


@pytest.fixture
def decided(file) -> Preparation:
    """A correction that makes rows 0 and 1 equal, a fix that drops one of them, names of labels, and splits."""
    table = read_table(file)
    edits = Edits(table.content_hash).set(table, 1, "label", "a")
    some = Preparation(mapping=NAMED, edits=edits, recipe=Recipe().then(DropDuplicates()))
    dataset = some.dataset(table, COLUMNS)
    shares = (0.6, 0.2, 0.2)
    splits = save_splits(dataset, split(dataset, shares=shares, seed=3), how="shares", shares=shares, seed=3)
    return Preparation(mapping=NAMED, edits=edits, recipe=some.recipe, splits=splits)


def test_it_is_what_is_kept_in_the_workspace(file, decided):
    content_hash = read_table(file).content_hash
    assert Preparation.of(content_hash) == Preparation()
    for choice in (decided.mapping, decided.edits, decided.recipe, decided.splits):
        decisions.save(content_hash, choice)
    assert Preparation.of(content_hash) == decided


def test_json_and_back(decided):
    assert Preparation.from_json(decided.to_json()) == decided
    assert Preparation().to_json() == ""
    assert Preparation.from_json("") == Preparation()


@pytest.mark.parametrize("text", ["{", "[]", "1", '{"other": {}}', '{"recipe": []}', '{"edits": {"version": 9}}'])
def test_anything_else_is_refused(text: str):
    with pytest.raises(LabError, match="not understood"):
        Preparation.from_json(text)


def test_a_plan_carries_it_and_training_uses_it(file, decided):
    plan = Plan(data=str(file), text_column="text", label_column="label", preparation=decided.to_json())
    assert Plan.from_yaml(plan.to_yaml()) == plan
    prepared = prepare(plan, task_of(plan.task))
    assert prepared.label_names == ("b", "Apple")
    assert sum(map(len, (prepared.train, prepared.validation, prepared.test))) == 39
    parts = (decided.splits.train, decided.splits.validation, decided.splits.test)
    assert [tuple(part.rows) for part in parts] == [
        rows.row_ids for rows in (prepared.train, prepared.validation, prepared.test)
    ]
    table = read_table(file)
    for rows in (prepared.train, prepared.validation, prepared.test):
        for row, text, label in zip(rows.row_ids, rows.texts, rows.labels, strict=True):
            assert text == table["text"][row]
            expected = "a" if row == 1 else table["label"][row]
            assert prepared.label_names[label] == {"a": "Apple", "b": "b"}[expected]


def test_B08_kept_splits_that_share_texts_are_told_when_a_training_begins(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text,label\n" + "".join(f"text {n % 30},{'ab'[n % 2]}\n" for n in range(40)))
    dataset = Preparation().dataset(read_table(path), COLUMNS)
    parts = Splits(tuple(range(20)), tuple(range(20, 30)), tuple(range(30, 40)))
    splits = save_splits(dataset, parts, how="column", column="split")
    plan = Plan(data=str(path), text_column="text", label_column="label")
    kept = replace(plan, preparation=Preparation(splits=splits).to_json())
    told = "10 of the rows to be scored also stand in the training data."
    assert told in prepare(kept, task_of(kept.task)).notices
    notices = prepare(plan, task_of(plan.task)).notices  # divided by shares
    assert not any("also stand in" in notice for notice in notices)
    assert "10 rows repeat an earlier one; a split by shares keeps repeats together." in notices


def test_D08_other_decisions_are_another_plan(file, decided):
    plan = Plan(data=str(file), text_column="text", label_column="label")
    other = Plan(data=str(file), text_column="text", label_column="label", preparation=decided.to_json())
    assert plan.differences(other) == ["preparation: other corrections, fixes, splits or names of labels"]
    with pytest.raises(LabError, match="not understood"):
        Plan(data=str(file), text_column="text", label_column="label", preparation="{")


def test_a_new_label_that_is_called_like_anothers_name_is_refused(file):
    table = read_table(file)
    some = Preparation(mapping=NAMED, edits=Edits(table.content_hash).set(table, 5, "label", "Apple"))
    with pytest.raises(LabError, match="Two labels are called 'Apple'"):
        some.dataset(table, COLUMNS)


def test_B05_a_hundred_thousand_labels_are_named_at_once():
    labels = [f"id {n}" for n in range(100_000)]
    assert named_labels(NAMED, labels) == [(label, label) for label in labels]
    assert named_labels(NAMED, ["a", "b", *labels])[:2] == [("b", "b"), ("a", "Apple")]
    with pytest.raises(LabError, match="Two labels are called 'Apple'"):
        named_labels(NAMED, ["a", "b", "Apple", *labels])


@pytest.mark.parametrize("cells", [("a", "b"), ("Apple", "b")])
def test_B07_a_test_file_may_call_labels_as_the_first_file_or_as_they_are_shown(file, decided, tmp_path, cells):
    test = tmp_path / "test.csv"
    test.write_text("text,label\n" + "".join(f"new {n},{cells[n % 2]}\n" for n in range(4)))
    plan = Plan(
        data=str(file), test_data=str(test), text_column="text", label_column="label", preparation=decided.to_json()
    )
    prepared = prepare(plan, task_of(plan.task))
    assert prepared.label_names == ("b", "Apple")
    assert tuple(prepared.test.labels) == (1, 0, 1, 0)


def test_B07_a_test_file_with_labels_of_both_kinds_or_none_is_refused(file, decided, tmp_path):
    for content in ("text,label\none,a\ntwo,Apple\n", "text,label\none,c\n"):
        test = tmp_path / "test.csv"
        test.write_text(content)
        with pytest.raises(LabError, match=r"labels? that the training data does not know"):
            decided.dataset_of_other(read_table(test), COLUMNS, ("b", "Apple"))


def test_B07_only_rows_with_a_label_that_is_known_by_neither_are_named(decided):
    test = read_table(b"text,label\none,a\ntwo,b\nthree,c\n", name="x.csv")
    with pytest.raises(LabError, match=r"1 row has a label that the training data does not know \('c'\): row 3"):
        decided.dataset_of_other(test, COLUMNS, ("b", "Apple"))


def test_two_labels_that_were_exchanged_by_name_keep_their_meaning(tmp_path):
    swapped = classes("text", "label").with_labels(("0", "1"), {"0": "1", "1": "0"})
    test = tmp_path / "test.csv"
    test.write_text("text,label\none,0\ntwo,1\n")
    dataset = Preparation(mapping=swapped).dataset_of_other(read_table(test), COLUMNS, ("1", "0"))
    assert tuple(dataset.labels) == (0, 1)
    assert dataset.label_names == ("1", "0")


def test_lengths_are_measured_on_a_sample_of_at_most_500_rows():
    mapping = ColumnMapping.of("masked-language", text="text")
    for rows, looked_at in ((1, 1), (500, 500), (501, 251), (999, 500), (1_400, 467)):
        table = read_table(("text\n" + "one two\n" * rows).encode(), name="x.csv")
        lengths = lengths_of(mapping, table, np.arange(rows))
        assert (lengths.rows, len(lengths.first)) == (rows, looked_at)


def test_A09_a_test_file_is_read_by_its_own_form(file, tmp_path):
    """What was detected in one file does not hold for the other."""
    test = tmp_path / "test.tsv"
    test.write_text('text\tlabel\n"he said ""no"""\ta\nno\tb\n')
    plan = Plan(data=str(file), test_data=str(test), text_column="text", label_column="label")
    assert prepare(plan, task_of(plan.task)).test.texts[0] == 'he said "no"'
