"""Scores of answers by SQuAD's rules, on worked examples, and the best span against trying them all."""

import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

from core.training.scores.answers import Span, best_span, exact_match, f1, full, no_answer_score, normalize


@pytest.mark.parametrize(
    ("answer", "bare"),
    [
        ("The Eiffel Tower!", "eiffel tower"),
        ("  a  cat\tand an apple\n", "cat and apple"),
        ("U.S.", "us"),
        ("mother-in-law's", "motherinlaws"),
        ("theatre, another", "theatre another"),  # articles are whole words
        ("“the” café", "“ ” café"),  # only ASCII punctuation goes
        ("A", ""),
        ("...", ""),
        ("北京", "北京"),
    ],
)
def test_normalising(answer: str, bare: str) -> None:
    assert normalize(answer) == bare


@pytest.mark.parametrize(
    ("predicted", "answers", "exact", "overlap"),
    [
        ("the Denver Broncos", ["Denver Broncos", "Broncos"], 1.0, 1.0),
        ("Denver Broncos team", ["Broncos", "Denver Broncos"], 0.0, 2 * (2 / 3) * 1 / (2 / 3 + 1)),  # the better of two
        ("very very good", ["very good indeed"], 0.0, 2 / 3),  # a repeated word counts as often as both have it
        ("Paris", ["London"], 0.0, 0.0),
        ("", ["London"], 0.0, 0.0),
        ("", [], 1.0, 1.0),  # unanswerable, and said so
        ("London", [], 0.0, 0.0),
        ("the", [], 1.0, 1.0),  # normalises to nothing
        ("", ["The", "..."], 1.0, 1.0),  # gold answers that normalise to nothing are none
        ("", ["The", "London"], 0.0, 0.0),
    ],
)
def test_worked_examples(predicted: str, answers: list[str], exact: float, overlap: float) -> None:
    assert exact_match(predicted, answers) == exact
    assert f1(predicted, answers) == pytest.approx(overlap)


TEXTS = some.text(alphabet="ab the" + string.punctuation[:3], max_size=12)


@given(TEXTS, some.lists(TEXTS, max_size=3))
def test_an_exact_match_has_full_f1_and_f1_is_symmetric(predicted: str, answers: list[str]) -> None:
    overlap = f1(predicted, answers)
    assert 0.0 <= overlap <= 1.0
    assert overlap == 1.0 or exact_match(predicted, answers) == 0.0
    if len(answers) == 1:
        assert f1(answers[0], [predicted]) == pytest.approx(overlap)


def test_answerable_and_unanswerable_questions_apart() -> None:
    scores = full(["Paris", "Rome", "", "Bonn on Rhine"], [["Paris"], [], [], ["Bonn"]], 1.5)
    assert scores["exact_match"] == 2 / 4
    assert scores["f1"] == (1 + 0 + 1 + 0.5) / 4
    assert scores["answerable"] == {"rows": 2, "exact_match": 0.5, "f1": 0.75}
    assert scores["unanswerable"] == {"rows": 2, "exact_match": 0.5, "f1": 0.5}
    assert scores["no_answer_f1"] == 0.5
    assert (scores["loss"], scores["rows"]) == (1.5, 4)
    assert full(["Paris"], [["Paris"]], 0.0)["unanswerable"] == {"rows": 0, "exact_match": None, "f1": None}


def by_trying_all(start: np.ndarray, end: np.ndarray, allowed: np.ndarray, most_tokens: int) -> Span | None:
    best = None
    for i in range(len(start)):
        for j in range(i, min(i + most_tokens, len(start))):
            score = float(start[i]) + float(end[j])
            if allowed[i] and allowed[j] and (best is None or score > best.score):
                best = Span(i, j, score)
    return best


@given(some.integers(1, 12), some.integers(1, 14), some.data())
def test_the_best_span_is_that_of_trying_all(tokens: int, most_tokens: int, data: some.DataObject) -> None:
    logits = arrays(np.float32, tokens, elements=some.integers(-8, 8).map(float))  # few values, so that ties occur
    start, end = data.draw(logits), data.draw(logits)
    allowed = data.draw(arrays(np.bool_, tokens))
    assert best_span(start, end, allowed, most_tokens=most_tokens) == by_trying_all(start, end, allowed, most_tokens)


def test_a_long_window() -> None:
    random = np.random.default_rng(0)
    start, end = random.normal(size=(2, 384)).astype(np.float32)
    allowed = (np.arange(384) >= 20) & (np.arange(384) < 383)
    found = best_span(start, end, allowed)
    assert found == by_trying_all(start, end, allowed, 30)
    assert no_answer_score(start, end) == float(start[0]) + float(end[0])


def test_a_window_without_context_has_no_span() -> None:
    assert best_span(np.zeros(3), np.zeros(3), np.zeros(3, dtype=bool)) is None
