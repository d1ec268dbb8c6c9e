"""The profile against numbers counted by hand, and search."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.dataset.browse import search
from core.data.dataset.dataset import Dataset, build_dataset
from core.data.quality.profile import measure_tokens, profile
from core.data.reading.read_table import ReadOptions, read_table
from core.errors import LabError
from tests.columns import classes


def table_of(*rows, header="text,label"):
    return read_table("\n".join([header, *rows, ""]).encode(), name="x.csv", options=ReadOptions(header=True))


@pytest.fixture
def dataset():
    rows = ("a b c,x", "d,y", "a b c,y", ",x", "d,y", "e f,x")
    return build_dataset(table_of(*rows), classes("text", "label"))


def test_counts_by_hand(dataset):
    found = profile(dataset)
    assert found.rows == 6
    assert found.label_counts == (("x", 3), ("y", 3))
    assert found.word_lengths.tolist() == [3, 1, 3, 0, 1, 2]
    assert found.shortest[0] == 3
    assert set(found.longest[:2]) == {0, 2}
    assert found.duplicates == ((1, 4),)
    assert found.duplicate_rows == 1
    assert found.contradictions == ((0, 2),)


def test_tokens_that_are_too_few_are_an_error(dataset):
    with pytest.raises(ValueError, match="5 numbers for 6"):
        measure_tokens(dataset, lambda texts, pairs: [3] * 5)


def test_pairs_count_both_texts():
    table = table_of("a b,c,x", "d,e f g,y", header="first,second,label")
    asked = []

    def count(texts, pairs):
        asked.append((texts, pairs))
        return [len(texts)] * len(texts)

    made = build_dataset(table, classes("first", "label", "second"))
    assert profile(made).word_lengths.tolist() == [3, 4]
    assert measure_tokens(made, count).tolist() == [2, 2]
    assert asked == [(["a b", "d"], ["c", "e f g"])]


def test_tokens_are_counted_in_batches_with_progress_and_can_be_cancelled():
    made = build_dataset(
        table_of(*(f"text {n},{n % 2}" for n in range(4_500))),
        classes("text", "label"),
    )
    sizes, shares = [], []

    def count(texts, pairs):
        sizes.append(len(texts))
        return [3] * len(texts)

    assert measure_tokens(made, count, on_progress=shares.append).tolist() == [3] * 4_500
    assert sizes == [2_000, 2_000, 500]
    assert shares == pytest.approx([2_000 / 4_500, 4_000 / 4_500, 1])

    def cancel(share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_tokens(made, count, on_progress=cancel)
    assert len(sizes) == 4


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["a", "b c", "", " ", "é é é"]), st.sampled_from("xy")), min_size=3, max_size=20)
)
def test_the_profile_equals_plain_counting(rows):
    made = Dataset(range(len(rows)), [t for t, _ in rows], None, ["xy".index(y) for _, y in rows], ("x", "y"), "", ())
    found = profile(made)
    words = [len(text.split()) for text, _ in rows]
    groups, same_text = {}, {}
    for position, (text, label) in enumerate(rows):
        groups.setdefault((text, label), []).append(position)
        same_text.setdefault(text, []).append(position)
    assert found.word_lengths.tolist() == words
    assert found.duplicates == tuple(tuple(group) for group in groups.values() if len(group) > 1)
    different = [tuple(group) for group in same_text.values() if len({rows[p][1] for p in group}) > 1]
    assert found.contradictions == tuple(group for group in different if rows[group[0]][0].strip())
    order = sorted(range(len(rows)), key=words.__getitem__)
    assert (found.shortest, found.longest) == (tuple(order[:10]), tuple(order[::-1][:10]))
    assert dict(found.label_counts) == {name: sum(y == name for _, y in rows) for name in "xy"}


def test_without_labels():
    found = profile(build_dataset(table_of("a,x", "a,y", "b,x"), classes("text")))
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
