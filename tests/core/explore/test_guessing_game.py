"""The guessing game: rounds, and who is right."""

from pathlib import Path

import pytest

from core import LabError, fill_mask, open_model
from core.explore.fill_mask import guessing_game
from core.explore.fill_mask.guessing_game import Round, judge, sentence_rounds, text_rounds


@pytest.fixture(scope="module")
def model():
    return open_model("builtin")


def test_every_sentence_of_the_labs_own_can_be_played(model):
    lines = (Path(guessing_game.__file__).with_name("guessing_sentences.txt")).read_text("utf-8").splitlines()
    rounds = sentence_rounds(model, seed=1)
    assert len(rounds) == len(lines) == len(set(lines)) >= 40
    assert {each.text.replace("[MASK]", f"{{{each.answer}}}") for each in rounds} == set(lines)
    assert [each.text for each in rounds] != [each.text for each in sentence_rounds(model, seed=2)]
    assert rounds == sentence_rounds(model, seed=1)


def test_the_teaching_model_plays_in_its_own_language():
    teaching = open_model("teaching")
    for played in sentence_rounds(teaching):
        assert judge(teaching, played, "").model_is_right


def test_any_text_gives_rounds_of_its_ordinary_words(model):
    rounds = text_rounds(model, "An unaffable cat, 42 dogs and a 😀 met.")
    assert {each.answer for each in rounds} == {"cat", "dogs", "and", "met"}
    assert Round("An unaffable [MASK], 42 dogs and a 😀 met.", "cat", 4937) in rounds
    for text, problem in (
        ("", "no word to hide"),
        ("42 !", "no word to hide"),
        ("a [MASK] here", "already"),
        ("word " * 101, "takes 100"),
    ):
        with pytest.raises(LabError, match=problem):
            text_rounds(model, text)


def test_the_verdict(model):
    played = next(each for each in sentence_rounds(model) if each.answer == "water")
    (best,) = fill_mask(model, played.text, top_k=200)
    names = [name for name, _ in best]
    place = names.index("water") + 1
    verdict = judge(model, played, " WATER ", tries=place)
    assert verdict.person_is_right
    assert verdict.model_is_right
    assert verdict.answer_rank == place
    assert verdict.answer_probability == pytest.approx(best[place - 1][1])
    assert verdict.guess_probability == pytest.approx(verdict.answer_probability, rel=1e-4)
    assert [name for name, _ in verdict.guesses] == names[:place]
    if place > 1:
        assert not judge(model, played, "water", tries=place - 1).model_is_right
    wrong = judge(model, played, "sand")
    assert not wrong.person_is_right
    assert wrong.guess_probability is not None
    assert judge(model, played, "wáter").person_is_right  # read alike
    assert judge(model, played, "").guess_probability is None
    assert judge(model, played, "𒀀").guess_probability is None
