"""The Embeddings page: every view with every kind of text, models with and without heads, links, cancelling."""

import json

import pytest

from core.data import decisions
from core.data.dataset.recipe import Recipe
from core.data.sources.references import open_table
from core.explore.embeddings import dataset_map, store
from core.models.loading import load_for_training
from tests.combinations import diagonal
from tests.pages.conftest import words_on
from tests.pages.data.test_datasets_page import corrected_and_fixed
from tests.pages.explore.test_tokens_page import ODD_TEXTS

PAGE = "explore/embeddings/page.py"
VIEWS = ("Map of tokens", "Cosines", "One word", "Nearest words")


def charts(app) -> list[dict]:
    """What each Plotly chart on the page was given."""
    return [json.loads(element.proto.spec) for element in app.get("plotly_chart")]


@pytest.fixture
def few_rows(monkeypatch):
    """The data set's map of a handful of texts, so that a test takes a moment."""
    monkeypatch.setattr("pages.explore.embeddings.dataset_map.sample_rows", lambda count, most: list(range(24)))


def test_the_page_opens_with_a_map_of_an_example(open_page):
    app = open_page(PAGE)
    assert not app.exception
    (chart,) = charts(app)
    assert [frame["name"] for frame in chart["frames"]] == [str(layer) for layer in range(7)]
    assert chart["layout"]["sliders"][0]["active"] == 6
    assert "bank (sentence 1, position 5)" in app.selectbox(key="follow").options
    assert app.selectbox(key="follow").value == "1.5"
    assert "orthogonal Procrustes" in words_on(app)


@pytest.mark.parametrize("model", ["builtin", "teaching"])
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_opens_with_a_chart_and_a_table_to_take_home(open_page, view: str, model: str):
    app = open_page(PAGE, model=model, **{"embedding-view": view})
    assert not app.exception
    assert not app.error
    assert charts(app)
    assert app.get("download_button")


@pytest.mark.parametrize(
    ("view", "text"), diagonal(VIEWS, ODD_TEXTS | {"emoji": "😀", "a": "a", "same": "the the\nthe"})
)
def test_odd_texts_show_neither_error_nor_warning(open_page, view: str, text: str):
    app = open_page(PAGE, **{"embedding-view": view})
    app.text_area(key="sentences").set_value(text).run()
    assert not app.exception
    assert not app.error
    assert not app.warning
    assert all("<img" not in json.dumps(chart) for chart in charts(app))


@pytest.mark.parametrize("view", VIEWS)
def test_F01_nothing_typed_says_what_to_do(open_page, view: str):
    app = open_page(PAGE, **{"embedding-view": view})
    app.text_area(key="sentences").set_value(" \n ").run()
    assert not app.exception
    assert "Type a few words" in words_on(app)


def test_F02_what_is_left_out_is_counted(open_page):
    app = open_page(PAGE)
    app.text_area(key="sentences").set_value("word " * 10_000 + "\nline" * 20).run()
    assert "The first 16 lines are looked at; 5 more lines left out" in words_on(app)
    assert "1 sentence cut to 48 tokens" in words_on(app)


@pytest.mark.parametrize("method", ["t-SNE", pytest.param("UMAP", marks=pytest.mark.slow)])
def test_other_projections_say_what_not_to_read(open_page, method: str):
    app = open_page(PAGE, **{"tokens-projection": method, "whole-words": "true", "with-special": "true"})
    assert not app.exception
    assert not app.error
    assert "means little" in words_on(app)
    app.text_area(key="sentences").set_value("two words").run()
    app.toggle(key="with-special").set_value(False).run()
    assert not app.exception
    assert "needs at least 5 points" in words_on(app)


def test_a_link_reopens_sentences_layer_and_followed_token(open_page):
    app = open_page(PAGE, sentences="cats sat\ndogs sat", follow="2.1", **{"after-layer": "2"})
    assert app.text_area(key="sentences").value == "cats sat\ndogs sat"
    assert app.selectbox(key="follow").value == "2.1"
    assert charts(app)[0]["layout"]["sliders"][0]["active"] == 2
    app = open_page(PAGE, follow="9.9", **{"after-layer": "99"})
    assert not app.exception
    assert app.selectbox(key="follow").value == "1.5"


@pytest.mark.parametrize("compared", ["Tokens", "Words", "Sentences"])
def test_cosines_of_tokens_words_and_sentences(open_page, compared: str):
    app = open_page(PAGE, **{"embedding-view": "Cosines", "compared": compared, "after-layer": "4"})
    assert not app.exception
    assert "Most alike" in words_on(app)
    assert ("two unrelated sentences" if compared == "Sentences" else "two random words") in words_on(app)


def test_one_word_is_told_apart_by_its_sentences(open_page):
    app = open_page(PAGE, **{"embedding-view": "One word"})
    assert "places **1 and 2** are most alike" in words_on(app)  # of the river
    app.text_area(key="sentences").set_value("\n".join(["the bank"] * 13 + ["a river bank"])).run()
    assert "**14** a river **bank**" in words_on(app)  # it is the one least alike
    assert "**12** the" not in words_on(app)
    assert "14 places in all" in words_on(app)
    app.text_area(key="sentences").set_value("no word twice").run()
    assert "No word stands in two places" in words_on(app)


def test_nearest_words_at_the_bottom_and_above(open_page):
    app = open_page(PAGE, **{"embedding-view": "Nearest words", "after-layer": "0"})
    assert charts(app)[0]["data"][0]["customdata"][0].startswith("bank")
    assert "in the embedding table" in words_on(app)
    app.select_slider(key="after-layer").set_value("3").run()
    assert "other coordinates" in words_on(app)
    assert len(app.dataframe[0].value) == 7


def test_F05_a_classifier_says_that_it_has_no_head(open_page, tiny_model_folder, workspace):
    folder = workspace / "runs" / "a-run" / "model"
    network, tokenizer = load_for_training(str(tiny_model_folder), task="sequence-classification", labels=("no", "yes"))
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    app = open_page(PAGE, model="a-run", **{"embedding-view": "Nearest words"})
    assert not app.exception
    assert "its upper layers cannot be read as words" in words_on(app)
    assert "in the embedding table" in words_on(app)
    for view in ("Map of tokens", "Cosines", "One word"):
        app = open_page(PAGE, model="a-run", **{"embedding-view": view})
        assert not app.exception
        assert not app.error
        assert charts(app)


@pytest.mark.parametrize("data", ["sample:reviews", "sample:questions", "sample:pairs"])
def test_a_data_set_is_drawn_by_label_and_remembered(open_page, few_rows, data: str):
    query = {"embedding-view": "Map of a data set", "data": data}
    app = open_page(PAGE, **query)
    assert not app.exception
    assert not app.error
    (chart,) = charts(app)
    assert sum(len(trace["customdata"]) for trace in chart["data"]) == 24
    assert len(chart["data"]) > 1
    assert "of how the points spread (the variance)" in words_on(app)
    files = {file: file.stat().st_ino for file in store.folder().iterdir()}
    again = open_page(PAGE, **query)
    assert charts(again) == [chart]
    assert {file: file.stat().st_ino for file in store.folder().iterdir()} == files


def test_I03_the_map_draws_the_rows_that_corrections_and_fixes_leave(open_page):
    reference = corrected_and_fixed()
    query = {"embedding-view": "Map of a data set", "data": reference}
    app = open_page(PAGE, **query)
    assert not app.exception
    assert "31 of 60 rows" in words_on(app)
    (chart,) = charts(app)
    assert sum(len(trace["customdata"]) for trace in chart["data"]) == 31
    assert json.dumps(chart).count("typed by hand") == 1
    decisions.delete(open_table(reference).content_hash, Recipe)
    (chart,) = charts(open_page(PAGE, **query))  # not the picture of before
    assert sum(len(trace["customdata"]) for trace in chart["data"]) == 60


@pytest.mark.parametrize("value", ["inf", "nan", "-5", "text"])
def test_a_seed_in_the_address_that_is_no_number_is_passed_over(open_page, value: str):
    app = open_page(PAGE, **{"tokens-projection": "t-SNE", "tokens-seed": value})
    assert not app.exception
    assert app.number_input(key="tokens-seed").value == 0


@pytest.mark.parametrize("settings", [{"pooling": "[CLS]"}, {"map-projection": "t-SNE"}, {"model": "teaching"}])
def test_other_settings_of_the_map(open_page, few_rows, settings: dict):
    app = open_page(PAGE, **({"embedding-view": "Map of a data set"} | settings))
    assert not app.exception
    assert not app.error
    assert charts(app)


def test_cancelling_stays_cancelled_until_asked_again(open_page, few_rows, monkeypatch):
    app = open_page(PAGE, **{"embedding-view": "Map of a data set"})
    seen = []
    real = dataset_map.text_map

    def keys(*arguments, on_progress, **settings):
        seen.append(settings)
        return real(*arguments, on_progress=on_progress, **settings)

    monkeypatch.setattr(dataset_map, "text_map", keys)
    monkeypatch.setattr("pages.explore.embeddings.dataset_map.key_of", lambda *parts: "the wish")
    app.session_state["map-cancelled"] = "the wish"
    app.run()
    assert "Cancelled" in words_on(app)
    assert not charts(app)
    assert not seen
    next(button for button in app.button if button.label == "Compute the map").click().run()
    assert not app.exception
    assert seen
    assert charts(app)
