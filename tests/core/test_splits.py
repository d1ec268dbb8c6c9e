"""Splits: a partition, stratified, the same for the same seed, and never the same text on two sides."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.dataset import Dataset
from core.data.splits import split
from core.errors import LabError


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
    assert len(parts.train) == 28
    assert len(parts.validation) == len(parts.test) == 1


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
