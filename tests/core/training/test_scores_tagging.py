"""Scores of tags, against seqeval (entities), scikit-learn (other tags) and hand numbers."""

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from seqeval import metrics as entities
from sklearn import metrics as words

from core.training.scores.bootstrap import draw_rows
from core.training.scores.tagging import Counts, full, quick, unit_of

TRUE = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "O"], ["B-ORG", "I-ORG", "O"]]
PREDICTED = [["B-PER", "I-PER", "O", "B-ORG"], ["O", "B-LOC"], ["B-ORG", "O", "O"]]


def test_hand_numbers() -> None:
    scores = full(TRUE, PREDICTED, 0.25)
    assert scores["unit"] == "entity"
    assert scores["precision"] == 1 / 4
    assert scores["recall"] == 1 / 3
    assert scores["f1"] == pytest.approx(2 / 7)
    assert scores["token_accuracy"] == 6 / 9
    assert scores["majority_accuracy"] == 4 / 9
    assert scores["majority_f1"] == 0.0
    assert (scores["rows"], scores["tokens"], scores["loss"]) == (3, 9, 0.25)
    assert scores["per_class"] == [
        {"label": "LOC", "precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1},
        {"label": "ORG", "precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1},
        {"label": "PER", "precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1},
    ]


def pairs_of(tags: list[str]) -> some.SearchStrategy:
    """Sentences of pairs (true tag, predicted tag), no sentence empty."""
    pair = some.tuples(some.sampled_from(tags), some.sampled_from(tags))
    return some.lists(some.lists(pair, min_size=1, max_size=8), min_size=1, max_size=6)


def split(pairs: list[list[tuple[str, str]]]) -> tuple[list[list[str]], list[list[str]]]:
    true, predicted = ([[pair[side] for pair in sentence] for sentence in pairs] for side in (0, 1))
    return true, predicted


@given(pairs_of(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]))
def test_entities_are_seqevals(pairs: list[list[tuple[str, str]]]) -> None:
    true, predicted = split(pairs)
    scores = full(true, predicted, 0.0)
    for name in ("precision", "recall", "f1"):
        oracle = getattr(entities, f"{name}_score")(true, predicted, zero_division=0)
        assert scores[name] == pytest.approx(float(oracle))
    assert scores["token_accuracy"] == pytest.approx(entities.accuracy_score(true, predicted))
    if scores["per_class"]:
        report = entities.classification_report(true, predicted, output_dict=True, zero_division=0)
        for item in scores["per_class"]:
            theirs = report[item["label"]]
            assert item["f1"] == pytest.approx(theirs["f1-score"])
            assert item["precision"] == pytest.approx(theirs["precision"])
            assert (item["recall"], item["support"]) == (pytest.approx(theirs["recall"]), theirs["support"])


@given(pairs_of(["NOUN", "VERB", "DET", "X"]))
def test_other_tags_are_scored_word_by_word(pairs: list[list[tuple[str, str]]]) -> None:
    true, predicted = split(pairs)
    scores = full(true, predicted, 0.0, majority_tag="NOUN")
    flat = list(chain(*true)), list(chain(*predicted))
    assert scores["unit"] == "token"
    for name in ("precision", "recall", "f1"):
        oracle = getattr(words, f"{name}_score")(*flat, average="macro", zero_division=0)
        assert scores[name] == pytest.approx(oracle)
    assert scores["token_accuracy"] == pytest.approx(words.accuracy_score(*flat))
    always = ["NOUN"] * len(flat[0])
    assert scores["majority_accuracy"] == pytest.approx(words.accuracy_score(flat[0], always))
    assert scores["majority_f1"] == pytest.approx(words.f1_score(flat[0], always, average="macro", zero_division=0))


def test_the_f1_of_a_draw_is_that_of_its_sentences() -> None:
    (draws,) = draw_rows(len(TRUE), draws=30)
    of_draws = Counts(TRUE, PREDICTED, "entity").of_draws(draws)[2]
    for f1, draw in zip(of_draws, draws.astype(int), strict=True):
        drawn = np.repeat(np.arange(len(TRUE)), draw)
        oracle = entities.f1_score([TRUE[i] for i in drawn], [PREDICTED[i] for i in drawn], zero_division=0)
        assert f1 == pytest.approx(float(oracle))


@pytest.mark.parametrize(
    ("tags", "unit"),
    [
        (["O"], "entity"),
        (["O", "B-PER", "S-LOC", "E-LOC"], "entity"),
        (["NN", "IN", "O"], "token"),
        (["B-PER", "PER"], "token"),
        (["BAD", "I"], "token"),
        ([""], "token"),
    ],
)
def test_the_tags_decide_the_unit(tags: list[str], unit: str) -> None:
    assert unit_of(tags) == unit


def test_always_answering_a_tag_that_does_not_occur() -> None:
    scores = full([["NOUN", "VERB"]], [["NOUN", "NOUN"]], 0.0)
    assert (scores["majority_accuracy"], scores["majority_f1"]) == (0.0, 0.0)


def test_nothing_to_find_and_nothing_found() -> None:
    scores = full([["O", "O"]], [["O", "O"]], 0.0)
    assert (scores["f1"], scores["token_accuracy"], scores["per_class"]) == (0.0, 1.0, [])
    assert scores["intervals"] == {"f1": None}


def test_sentences_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        quick([["O", "O"]], [["O"]], 0.0)
