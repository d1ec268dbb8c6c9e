"""Views over Arrow and NumPy read like tuples; words and repeats counted on bytes equal Python's own."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.data.dataset.repeats import dictionary_codes, first_equal, groups_of
from core.data.dataset.words import count_words, terms_of, words_of
from core.data.views import Numbers, Strings, take

SPACES = "".join(chr(code) for code in range(0x10000) if chr(code).isspace())
TEXTS = st.lists(
    st.text(alphabet=st.one_of(st.sampled_from(SPACES + "aé好‍"), st.characters(codec="utf-8")), max_size=30)
)


def chunked(values, cut):
    return Strings(pa.chunked_array([pa.array(values[:cut], pa.string()), pa.array(values[cut:], pa.string())]))


def test_strings_read_like_a_tuple():
    strings = chunked(["a", "", "é", "a"], 2)
    assert strings == ("a", "", "é", "a") == tuple(strings)
    assert strings == Strings(["a", "", "é", "a"])
    assert strings != ("a", "", "é")
    assert (strings[0], strings[-2], len(strings), strings.count("a"), "é" in strings) == ("a", "é", 4, 2, True)
    assert (strings[1:3], strings[::-1], strings[3:1]) == (("", "é"), ("a", "é", "", "a"), ())
    assert strings.take([2, 0]) == ("é", "a")
    assert strings.join(Strings(["b"])) == ("a", "", "é", "a", "b")
    with pytest.raises(IndexError):
        strings[4]
    assert not Strings([])


def test_numbers_read_like_a_tuple_and_cannot_be_changed():
    source = np.array([3, 1, 3])
    numbers = Numbers(source)
    source[0] = 9
    assert numbers == (3, 1, 3) == tuple(numbers)
    assert type(numbers[0]) is int
    assert (numbers[-1], numbers.count(3), 1 in numbers, 7 in numbers, numbers[1:]) == (3, 2, True, False, (1, 3))
    assert numbers != (3, 1)
    assert not Numbers(())
    with pytest.raises(ValueError, match="read-only"):
        numbers.array[0] = 2


@given(st.lists(st.sampled_from("abc"), max_size=20), st.integers(0, 20), st.data())
def test_take_equals_indexing(values, cut, data):
    positions = data.draw(st.lists(st.integers(0, len(values) - 1), max_size=30)) if values else []
    for chosen in (positions, sorted(set(positions))):
        assert Strings(take(chunked(values, cut).arrow, np.array(chosen, np.int64))) == [values[p] for p in chosen]


@settings(max_examples=300)
@given(TEXTS, st.integers(0, 10))
@example([" a  b ", "", "\u00a0x\u3000y\u2028", "\x1c\x85"], 1)
def test_words_are_counted_as_str_split_does(texts, cut):
    assert count_words(chunked(texts, cut)).tolist() == [len(text.split()) for text in texts]


def test_a_text_of_more_words_than_a_short_number_holds():
    assert count_words(Strings(["a " * 70_000, "b"])).tolist() == [70_000, 1]


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(["", "a", "b" * 40, "b" * 20 + "c" + "b" * 19, "é"]), st.sampled_from("xy"))))
def test_equal_rows_are_found_as_a_dictionary_does(rows):
    first: dict = {}
    expected = [first.setdefault(row, position) for position, row in enumerate(rows)]
    found = first_equal([Strings([a for a, _ in rows]), Strings([b for _, b in rows])])
    assert found.tolist() == expected
    groups: dict = {}
    for position, start in enumerate(expected):
        groups.setdefault(start, []).append(position)
    assert [group.tolist() for group in groups_of(found)] == [g for g in groups.values() if len(g) > 1]


def test_texts_that_differ_only_where_no_byte_is_sampled_are_told_apart():
    texts = ["x" * 1000 for _ in range(50)]
    texts = [text[:n] + "y" + text[n + 1 :] for n, text in enumerate(texts)]
    assert first_equal([Strings(texts)]).tolist() == list(range(50))


def test_codes_run_across_chunks():
    codes, names = dictionary_codes(chunked(["b", "a", "c", "b"], 2).arrow)
    assert (codes.tolist(), names) == ([0, 1, 2, 0], ("b", "a", "c"))


def test_words_of_every_script():
    assert words_of("Don't STOP—now, naïve_1!") == ["don't", "stop", "now", "naïve_1"]
    assert words_of("हिन्दी भाषा") == ["हिन्दी", "भाषा"]
    assert words_of("很好 film!") == ["很", "好", "film"]
    assert terms_of("很好看。好") == ["很好", "好看", "好"]
    assert words_of("!?") == []
