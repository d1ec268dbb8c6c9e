"""Searching gives every hit, and never one that is not there."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from core.data.dataset.browse import matches, search
from core.data.table import ReadOptions, Table


def table_of(*texts):
    data = pa.table({"text": pa.chunked_array([pa.array(texts[:2], pa.string()), pa.array(texts[2:], pa.string())])})
    return Table("x", ("text",), ReadOptions(), (), "", data)


@given(st.lists(st.text(alphabet="aBé. (", max_size=8), min_size=1), st.text(alphabet="abé. (", max_size=3))
def test_plain_search_equals_comparing_in_lower_case(texts, query):
    expected = [row for row, text in enumerate(texts) if query.lower() in text.lower()]
    assert search(table_of(*texts), query) == expected
    assert matches(table_of(*texts), query, columns=("text",)).sum() == len(expected)
