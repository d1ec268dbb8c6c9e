"""Splits: a partition, stratified, the same for the same seed, and never the same text on two sides."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedShuffleSplit

from core.data.dataset.dataset import Dataset, build_dataset
from core.data.dataset.recipe import Recipe
from core.data.dataset.splits import looks_like_splits, split, split_by_column
from core.data.dataset.steps import DropRows
from core.data.decisions.saved_splits import SavedSplits, save_splits
from core.data.quality.leaks import leaks_within
from core.data.quality.near import join_groups, near_duplicates
from core.data.reading.read_table import read_table
from core.errors import LabError
from tests.columns import classes

DATA = Path(__file__).resolve().parents[2] / "data"


def dataset(texts, labels, pairs=None):
    names = tuple(str(n) for n in range(max(labels, default=-1) + 1))
    return Dataset(tuple(range(len(texts))), tuple(texts), pairs, tuple(labels), names, "", ())


def test_shares_hold_over_all_and_for_each_label():
    labels = [0] * 700 + [1] * 250 + [2] * 50
    data = dataset([str(n) for n in range(1000)], labels)
    parts = split(data)
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [800, 100, 100]
    for label, count in Counter(labels).items():
        for part, share in ((parts.train, 0.8), (parts.validation, 0.1), (parts.test, 0.1)):
            assert abs(sum(labels[p] == label for p in part) - share * count) <= 2


def test_the_seed_decides():
    data = dataset([str(n) for n in range(100)], [n % 3 for n in range(100)])
    assert split(data, seed=1) == split(data, seed=1)
    assert split(data, seed=1) != split(data, seed=2)


def test_a_share_of_nothing_is_nothing():
    data = dataset([str(n) for n in range(20)], [n % 2 for n in range(20)])
    parts = split(data, shares=(0.8, 0.2, 0))
    assert parts.test == ()
    assert len(parts.validation) == 4
    assert len(split(data, shares=(1, 0, 0)).train) == 20


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.5, 0.2, 0.2), (0, 0.5, 0.5), (1.2, -0.1, -0.1)])
def test_impossible_shares_are_refused(shares):
    with pytest.raises(LabError, match="shares"):
        split(dataset(["a", "b"], [0, 1]), shares=shares)


def test_B06_labels_with_one_row_do_not_crash_and_go_to_training():
    parts = split(dataset([str(n) for n in range(30)], list(range(30))))
    assert (len(parts.train), parts.validation, parts.test) == (30, (), ())


@pytest.mark.parametrize("rows", range(2, 12))
def test_B06_B07_the_only_row_of_a_label_stays_in_training(rows):
    for seed in range(5):
        parts = split(dataset([str(n) for n in range(rows + 1)], [*[0] * rows, 1]), seed=seed)
        assert rows in parts.train
        assert parts.test
        assert (len(parts.validation) > 0) == (rows > 2)


@pytest.mark.parametrize("rows", [1, 2, 3, 4])
def test_B06_tiny_sets(rows):
    parts = split(dataset([str(n) for n in range(rows)], [0] * rows))
    assert parts.train
    assert len(parts.train) + len(parts.validation) + len(parts.test) == rows
    if rows >= 3:
        assert parts.validation
        assert parts.test


def test_pairs_count_as_equal_only_when_both_texts_are():
    data = dataset(["a"] * 10, [0, 1] * 5, tuple(str(n) for n in range(10)))
    parts = split(data)
    assert parts.test


def test_without_labels():
    assert len(split(dataset([str(n) for n in range(50)], [])).train) == 40


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), min_size=1, max_size=60), st.integers(0, 5))
def test_B08_a_partition_in_which_no_text_straddles(rows, seed):
    texts = [f"text {n}" for n, _ in rows]
    labels = [label for _, label in rows]
    parts = split(dataset(texts, labels), seed=seed)
    assert sorted(parts.train + parts.validation + parts.test) == list(range(len(rows)))
    sides = [{texts[p] for p in part} for part in (parts.train, parts.validation, parts.test)]
    assert sum(map(len, sides)) == len(set(texts))
    assert parts.train
    if len(set(texts)) >= 10:
        assert parts.validation
        assert parts.test


@pytest.mark.parametrize("counts", [(700, 250, 50), (333, 333, 334), (120, 7, 3), (5000, 61, 60)])
def test_strata_are_those_of_scikit_learn(counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    np.random.default_rng(0).shuffle(labels)
    parts = split(dataset([str(n) for n in range(len(labels))], labels.tolist()), shares=(0.8, 0.0, 0.2))
    test_size = round(0.2 * len(labels))
    _, rows = next(StratifiedShuffleSplit(1, test_size=test_size, random_state=0).split(labels, labels))
    ours, theirs = (np.bincount(labels[list(each)], minlength=len(counts)) for each in (parts.test, rows))
    assert abs(len(parts.test) - len(rows)) <= 1
    assert (abs(ours - theirs) <= 1).all()


def test_near_duplicates_stay_together_when_asked():
    base = [" ".join(f"w{(n * 7 + k * k) % 97}" for k in range(12)) for n in range(60)]
    texts = [text for one in base for text in (one, f"{one.upper()}!", f"{one} more")]
    data = dataset(texts, [n // 3 % 2 for n in range(180)])
    pairs = near_duplicates(data)
    assert leaks_within(data, split(data), pairs)
    groups = join_groups(data.first_equal(), pairs)
    parts = split(data, groups=groups)
    assert leaks_within(data, parts, pairs) == ()
    assert parts.test
    assert parts == split(data, groups=groups)
    with pytest.raises(ValueError, match="group numbers"):
        split(data, groups=groups[1:])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3), st.integers(0, 6)), min_size=1, max_size=60),
    st.integers(0, 5),
)
def test_B08_neither_a_text_nor_a_group_straddles(rows, seed):
    texts, labels, groups = [f"text {n}" for n, _, _ in rows], [x for _, x, _ in rows], [g for _, _, g in rows]
    parts = split(dataset(texts, labels), seed=seed, groups=np.array(groups))
    assert sorted(parts.train + parts.validation + parts.test) == list(range(len(rows)))
    for values in (texts, groups):
        sides = [{values[p] for p in part} for _, part in parts.parts()]
        assert sum(map(len, sides)) == len(set(values))


def test_parts_named_in_a_column():
    table = read_table(b"text,label,split\na,x,Train\nb,y,dev\nc,x,TEST\nd,y, train \n", name="x.csv")
    data = build_dataset(table, classes("text", "label"), recipe=Recipe((DropRows((2,)),)))
    assert looks_like_splits(table["split"])
    assert not looks_like_splits(table["label"])
    parts = split_by_column(data, table["split"])
    assert (parts.train, parts.validation, parts.test) == ((0, 2), (1,), ())
    saved = save_splits(data, parts, how="column", column="split")
    assert (saved.train.rows, saved.validation.rows) == ((0, 3), (1,))
    with pytest.raises(LabError, match=r"rows 1, 2, 4, such as 'x'"):
        split_by_column(data, table["label"])
    with pytest.raises(LabError, match="no row to training"):
        split_by_column(data, ["test"] * 4)


def test_saved_splits_mean_the_same_rows_after_a_recipe():
    content = "text,label\n" + "".join(f"text {n},{n % 3}\n" for n in range(100))
    table = read_table(content.encode(), name="x.csv")
    columns = classes("text", "label")
    whole = build_dataset(table, columns)
    parts = split(whole, seed=7)
    saved = save_splits(whole, parts, how="shares", shares=(0.8, 0.1, 0.1), seed=7)
    again = SavedSplits.from_dict(json.loads(json.dumps(saved.to_dict())))
    assert again == saved
    assert again.restore(whole) == parts
    dropped = DropRows((0, 5, 99))
    smaller = build_dataset(table, columns, recipe=Recipe((dropped,)))
    restored = again.restore(smaller)
    for (_, before), (_, after) in zip(parts.parts(), restored.parts(), strict=True):
        assert [smaller.row_ids[p] for p in after] == [row for row in before if row not in dropped.rows]
    small = save_splits(smaller, split(smaller), how="shares")
    with pytest.raises(LabError, match="do not know rows 1, 6, 100"):
        small.restore(whole)
    other = build_dataset(read_table(content.encode() + b"more,1\n", name="x.csv"), columns)
    with pytest.raises(LabError, match="other files"):
        saved.restore(other)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2}, {"how": "luck"}, {"train": {}}, {"train": {"content_hash": "", "rows": [[3, 1]]}},
        {"train": {"content_hash": "", "rows": [[0, 1], [1, 2]]}},
        {"train": {"content_hash": "", "rows": [["a", "b"]]}},
        {"train": {"content_hash": "", "rows": [[0, 2**40]]}}, {"test": {"content_hash": "", "rows": [[0, 0]]}},
        {"shares": None}, {"seed": "a"}, {"near": 1}, {"train": {"content_hash": 3, "rows": []}},
    ],
)  # fmt: skip
def test_anything_else_is_no_splits(change):
    data = dataset(["a", "b", "c"], [0, 1, 0])
    values = save_splits(data, split(data, shares=(1, 0, 0)), how="shares").to_dict()
    for wrong in (values | change, None, []):
        with pytest.raises(LabError, match="not understood"):
            SavedSplits.from_dict(wrong)


def test_no_tweet_straddles():
    table = read_table(DATA / "airline_tweets/Tweets.csv")
    data = build_dataset(table, classes("text", "airline_sentiment"))
    parts = split(data)
    assert leaks_within(data, parts) == ()
    for name, share in zip(("train", "validation", "test"), (0.8, 0.1, 0.1), strict=True):
        assert len(getattr(parts, name)) == pytest.approx(share * len(data), abs=3)
