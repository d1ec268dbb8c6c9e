"""The Fill the [MASK] page: typed masks, clicked words, several masks, odd texts."""

import json

import pytest

from tests.pages.conftest import words_on
from tests.pages.test_tokens_page import ODD_TEXTS

PAGE = "explore/fill_mask.py"


def test_the_example_is_answered(open_page):
    app = open_page(PAGE)
    assert not app.exception
    assert "france" in list(app.dataframe[0].value["Token"])
    figure = json.loads(app.get("plotly_chart")[0].proto.spec)
    assert "france" in figure["layout"]["yaxis"]["ticktext"]


def test_a_word_hidden_by_a_click_is_ranked(open_page):
    app = open_page(PAGE, sentence="The cat sat on the mat.", hidden="1")
    assert not app.exception
    assert "You hid “cat”" in words_on(app)


@pytest.mark.parametrize("hidden", ["²", "1,x,-3,99999999999", "", ",,"])
def test_a_damaged_link_shows_the_page_all_the_same(open_page, hidden: str):
    app = open_page(PAGE, sentence="The cat sat on the mat.", hidden=hidden)
    assert not app.exception
    assert not app.error


def test_a_mask_in_small_letters_counts(open_page):
    app = open_page(PAGE, sentence="Paris is the [mask] of France.")
    assert not app.exception
    assert "Nothing is hidden" not in words_on(app)


def test_a_new_text_forgets_the_hidden_words(open_page):
    app = open_page(PAGE, sentence="The cat sat on the mat.", hidden="1")
    app.text_area(key="sentence").set_value("Another one entirely.").run()
    assert "Nothing is hidden yet" in words_on(app)


def test_several_masks_are_also_filled_together(open_page):
    app = open_page(PAGE, sentence="[MASK] is the capital of [MASK].")
    assert "All masks together" in words_on(app)
    sentences = app.dataframe[-1].value["Sentence"]
    assert sentences.str.contains(" is the capital of ").all()


@pytest.mark.parametrize("text", [*ODD_TEXTS.values(), "", "[MASK] " * 40], ids=[*ODD_TEXTS, "nothing", "forty masks"])
def test_odd_texts_show_neither_error_nor_warning(open_page, text: str):
    app = open_page(PAGE)
    app.text_area(key="sentence").set_value(text).run()
    assert not app.exception
    assert not app.error
    assert not app.warning


def test_F05_a_model_without_the_head_is_named(open_page, workspace, tiny_model_folder):
    from core.models.loading import load_for_training

    network, tokenizer = load_for_training(str(tiny_model_folder), task="sequence-classification", labels=("a", "b"))
    folder = workspace / "runs" / "run-1" / "model"
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    app = open_page(PAGE, model="run-1")
    assert not app.exception
    assert "has no masked" in words_on(app)


def test_an_untouched_example_gives_way_to_the_teaching_models_own_and_back(open_page):
    app = open_page(PAGE)
    app.selectbox(key="model").set_value("teaching").run()
    assert not app.exception
    assert app.text_area(key="sentence").value == "[MASK] dogs bark and one cow moos."
    assert next(iter(app.dataframe[0].value["Token"])) == "two"
    app.text_area(key="sentence").set_value("one cat [MASK].").run()
    app.selectbox(key="model").set_value("builtin").run()
    assert app.text_area(key="sentence").value == "one cat [MASK]."
