"""The Fill the [MASK] page: typed masks, clicked words, several masks, odd texts."""

import json
import shutil

import pytest
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from pages.explore.fill_mask.surprise import rounded
from tests.families import family_folder
from tests.pages.conftest import words_on
from tests.pages.explore.test_tokens_page import ODD_TEXTS

PAGE = "explore/fill_mask/page.py"
VIEWS = (
    "Guesses",
    "Given words",
    "Layer by layer",
    "What it leans on",
    "Two models",
    "Surprise",
    "How it learned",
    "Next sentence",
    "Game",
)


def test_the_example_is_answered(open_page):
    app = open_page(PAGE)
    assert not app.exception
    assert "japan" in list(app.dataframe[0].value["Token"])
    figure = json.loads(app.get("plotly_chart")[0].proto.spec)
    assert "japan" in figure["layout"]["yaxis"]["ticktext"]


@pytest.mark.parametrize(
    ("number", "written"),
    [(1.2345, "1.23"), (12.34, "12.3"), (999.6, "1,000"), (2246.3, "2,250"), (1.2e6, "1,200,000")],
)
def test_how_many_times_likelier_is_written_without_a_power_of_ten(number: float, written: str):
    assert rounded(number) == written


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


def test_a_model_that_cuts_words_elsewhere_forgets_the_hidden_words(open_page, workspace):
    family_folder("roberta", "masked-lm", workspace / "runs" / "run-1" / "model")
    app = open_page(PAGE, sentence="don't sit there", hidden="3")
    assert "You hid “sit”" in words_on(app)
    app.selectbox(key="model").set_value("run-1").run()
    assert not app.exception
    assert "You hid" not in words_on(app)


def test_F05_a_tokenizer_without_a_mask_is_named(open_page, workspace, tiny_model_folder):
    folder = workspace / "runs" / "run-1" / "model"
    shutil.copytree(tiny_model_folder, folder)
    backend = Tokenizer.from_file(str(folder / "tokenizer.json"))
    for path in folder.glob("*token*"):
        path.unlink()
    PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]", pad_token="[PAD]").save_pretrained(folder)
    for view in ("Guesses", "Surprise", "How it learned", "Game"):
        app = open_page(PAGE, model="run-1", sentence="the cat [MASK]", **{"fill-view": view})
        assert not app.exception, view
        assert "has no mask token" in app.error[0].value, view


def test_more_masks_than_are_filled_together_are_told(open_page):
    app = open_page(PAGE, sentence="[MASK] " * 11)
    assert "Up to 10 masks are filled together; the text has 11" in words_on(app)


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


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_shows_something_at_once_and_no_odd_text_breaks_it(open_page, view: str):
    app = open_page(PAGE, **{"fill-view": view})
    assert not app.exception
    assert not app.error
    assert not app.warning
    if view in ("Next sentence", "Game"):
        return
    for text in ("", "两个 [MASK] 字", "</script><img src=x onerror=alert(1)> [MASK]", "[MASK]", "ok [SEP] [MASK] 😀"):
        app.text_area(key="sentence").set_value(text).run()
        assert not app.exception, text
        assert not app.error, text


@pytest.mark.parametrize("view", VIEWS)
def test_the_teaching_model_has_examples_of_its_own(open_page, view: str):
    app = open_page(PAGE, model="teaching", **{"fill-view": view})
    assert not app.exception
    assert not app.error
    assert "does not know" not in words_on(app).split("Teaching BERT")[0]


def test_only_words_that_begin_with_some_letters(open_page):
    app = open_page(PAGE, sentence="He drank a glass of [MASK].", prefix="w")
    words = list(app.dataframe[0].value["Token"])
    assert "water" in words
    assert all(word.startswith("w") for word in words)
    app.text_input(key="prefix").set_value("qqqq").run()
    assert "begins with" in words_on(app)


def test_given_words_are_compared_in_two_sentences(open_page):
    app = open_page(PAGE, **{"fill-view": "Given words"})
    spoken = words_on(app)
    assert "The nurse smiled" in spoken
    assert "The engineer smiled" in spoken
    assert "neither what is true nor what ought to be" in spoken
    assert len(app.get("plotly_chart")) == 2
    assert "Together they have" in spoken
    app.text_input(key="candidates").set_value("he|unaffable").run()
    assert "Together they have" not in words_on(app)  # they answer questions of their own
    app.text_input(key="candidates").set_value("he|𒀀").run()
    assert not app.exception
    assert len(app.error) == 2
    assert "does not know" in app.error[0].value


def test_the_answer_rises_layer_by_layer(open_page):
    app = open_page(PAGE, sentence="[MASK] is the capital of [MASK].", **{"fill-view": "Layer by layer"}, mask="2")
    assert app.selectbox(key="mask").value == "2"
    table = app.dataframe[0].value
    assert list(table["After"]) == ["embeddings", *(f"layer {number}" for number in range(1, 7))]
    assert table.iloc[-1, 1] == 1


def test_two_models_side_by_side(open_page, workspace, tiny_model_folder):
    shutil.copytree(tiny_model_folder, workspace / "runs" / "run-1" / "model")
    app = open_page(PAGE, **{"fill-view": "Two models", "compared-model": "run-1"})
    assert not app.exception
    assert "The first answers agree at" in words_on(app)
    table = app.dataframe[0].value
    assert table["Model"].nunique() == 2
    assert len(table) == 10


def test_a_long_text_is_scored_when_asked(open_page):
    app = open_page(PAGE, sentence="word " * 100, **{"fill-view": "Surprise", "other-text": "A short one."})
    assert "100 forward passes, one for each hidden token" in words_on(app)
    app.button(key="start-score-1").click().run()
    assert not app.exception
    assert "The model finds the" in words_on(app)


def test_equal_and_far_apart_sentences_are_compared_in_words(open_page):
    app = open_page(PAGE, sentence="A cat.", **{"fill-view": "Surprise", "other-text": "A cat."})
    assert "finds both sentences equally likely" in words_on(app)
    app.text_input(key="other-text").set_value("cheese " * 4 + "moon of unaffable parliament tax").run()
    assert "more than 10^" in words_on(app)


def test_a_training_example_is_drawn_and_drawn_again(open_page):
    app = open_page(PAGE, **{"fill-view": "How it learned", "share": "50"})
    first = app.dataframe[0].value
    mean = sum(first["Loss, −log"]) / len(first)
    assert f"= {mean:.3f}$" in words_on(app)
    next(each for each in app.button if each.label == "Draw again").click().run()
    assert app.query_params["draw"] == "2"
    assert not app.dataframe[0].value.equals(first)


def test_next_sentence_says_what_is_missing_and_opens_a_model_that_has_it(open_page):
    app = open_page(PAGE, **{"fill-view": "Next sentence"})
    assert "no next-sentence head" in words_on(app).replace("\\", "")
    next(each for each in app.button if "teaching" in each.label).click().run()
    assert "The model says: **it follows**" in words_on(app)
    app.text_input(key="second-sentence").set_value("one cow moos.").run()
    assert "**it does not**" in words_on(app)


def test_a_round_of_the_game(open_page):
    app = open_page(PAGE, **{"fill-view": "Game"})
    assert [each.value for each in app.metric] == ["0", "0", "0"]
    app.text_input[0].set_value("nonsense")
    next(each for each in app.button if each.label == "Guess").click().run()
    assert not app.exception
    assert "The word was" in words_on(app)
    assert [each.value for each in app.metric][::2] == ["0", "1"]
    next(each for each in app.button if each.label == "Next sentence").click().run()
    assert app.query_params["round"] == "2"
    assert "The word was" not in words_on(app)
    next(each for each in app.button if each.label == "I pass").click().run()
    assert "You passed" in words_on(app)
    next(each for each in app.button if each.label == "New game").click().run()
    assert [each.value for each in app.metric] == ["0", "0", "0"]
    assert (app.query_params["round"], app.query_params["order"]) == ("1", "2")


def test_the_game_ends_and_no_round_counts_twice(open_page):
    app = open_page(PAGE, model="teaching", **{"fill-view": "Game"})
    for number in range(1, 4):
        next(each for each in app.button if each.label == "I pass").click().run()
        app.segmented_control(key="tries").set_value(1 + 2 * (number % 2)).run()
        assert [each.value for each in app.metric][2] == str(number)
        following = [each for each in app.button if each.label == "Next sentence"]
        assert bool(following) == (number < 3)
        if following:
            following[0].click().run()
    assert "That was the last sentence" in words_on(app)


def test_a_model_trained_on_the_order_of_sentences_says_so(open_page, workspace):
    family_folder("albert", "pre-training", workspace / "runs" / "run-1" / "model")
    app = open_page(PAGE, model="run-1", **{"fill-view": "Next sentence"})
    assert not app.exception
    assert "swapped ones" in words_on(app)
    assert "came from other texts" not in words_on(app)


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
