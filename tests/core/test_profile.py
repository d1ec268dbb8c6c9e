"""The profile against numbers counted by hand, and search."""

import numpy as np
import pytest

from core.data.columns import Columns
from core.data.dataset import build_dataset
from core.data.profile import profile, search
from core.data.reading import ReadOptions, read_table
from core.errors import LabError


def table_of(*rows, header="text,label"):
    return read_table("\n".join([header, *rows, ""]).encode(), name="x.csv", options=ReadOptions(header=True))


@pytest.fixture
def dataset():
    rows = ("a b c,x", "d,y", "a b c,y", ",x", "d,y", "e f,x")
    return build_dataset(table_of(*rows), Columns("text", "label"))


def test_counts_by_hand(dataset):
    found = profile(dataset)
    assert found.rows == 6
    assert found.label_counts == (("x", 3), ("y", 3))
    assert found.word_lengths.tolist() == [3, 1, 3, 0, 1, 2]
    assert found.piece_lengths is None
    assert found.share_cut == {}
    assert found.shortest[0] == 3
    assert set(found.longest[:2]) == {0, 2}
    assert found.duplicates == ((0, 2), (1, 4))
    assert found.duplicate_rows == 2
    assert found.contradictions == ((0, 2),)
    assert found.empty_texts == (3,)


def test_pieces_and_what_is_cut(dataset):
    lengths = [128, 129, 256, 257, 512, 513]
    found = profile(dataset, count_pieces=lambda texts, pairs: lengths)
    assert found.piece_lengths.tolist() == lengths
    assert found.share_cut == pytest.approx({128: 5 / 6, 256: 3 / 6, 512: 1 / 6})
    assert found.longest[0] == 5
    with pytest.raises(ValueError, match="5 numbers for 6"):
        profile(dataset, count_pieces=lambda texts, pairs: lengths[1:])


def test_pairs_count_both_texts():
    table = table_of("a b,c,x", "d,e f g,y", header="first,second,label")
    asked = []

    def count(texts, pairs):
        asked.append((texts, pairs))
        return [len(texts)] * len(texts)

    found = profile(build_dataset(table, Columns("first", "label", "second")), count_pieces=count)
    assert found.word_lengths.tolist() == [3, 4]
    assert asked == [(["a b", "d"], ["c", "e f g"])]


def test_without_labels():
    found = profile(build_dataset(table_of("a,x", "a,y", "b,x"), Columns("text")))
    assert found.label_counts == ()
    assert found.contradictions == ()
    assert np.issubdtype(found.word_lengths.dtype, np.integer)


def test_search_looks_in_all_columns_and_takes_case_alike():
    table = table_of("The École,x", "nothing,SCHOOL", "a.c,y", "abc,(z")
    assert search(table, "école") == [0]
    assert search(table, "school") == [1]
    assert search(table, "a.c") == [2]
    assert search(table, "a.c", regex=True) == [2, 3]
    assert search(table, "(") == [3]
    assert search(table, "") == [0, 1, 2, 3]
    assert search(table, "absent") == []


@pytest.mark.parametrize("pattern", ["(", "[a", "(?=x)", "a{99999}", "\\"])
def test_an_invalid_pattern_is_said(pattern):
    with pytest.raises(LabError, match="regular expression"):
        search(table_of("a,b"), pattern, regex=True)


def test_a_hostile_pattern_takes_no_time():
    assert search(table_of("a" * 50_000 + ",x"), "(a+)+$b", regex=True) == []
