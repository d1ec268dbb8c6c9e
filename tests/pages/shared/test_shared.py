"""Small parts that several pages share: plain text, times, exports, and what the address decides."""

import numpy as np
import pandas as pd
import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.testing.v1 import AppTest

from pages.shared import on_demand, url_state
from pages.shared.export import escape_formulas
from pages.shared.run_view import duration
from pages.shared.text import plain
from pages.shared.url_state import distinct
from tests.combinations import diagonal
from tests.pages.conftest import words_on


@pytest.mark.parametrize(
    "text",
    [
        "![x](https://example.org/a.png)",
        "[a](b)",
        ":red[x]",
        "$x$",
        "**b**",
        "<b>",
        "`c`",
        ":material/home:",
        "# t",
        "http://example.org",
        "www.example.org",
        "a@example.org",
        "->",
        "--",
        ">=",
        ":smile:",
    ],
)
def test_C07_no_sign_of_markdown_is_left_bare(text: str):
    shown = plain(text)
    assert shown.replace("\\", "").replace("\u2060", "") == text
    for index, character in enumerate(shown):
        if character in "`*_[]()#!<>$:":
            assert shown[index - 1] == "\\"


@pytest.mark.parametrize(("seconds", "words"), [(0, "0 s"), (42.4, "42 s"), (185, "3 min 5 s"), (7_800, "2 h 10 min")])
def test_durations(seconds: float, words: str):
    assert duration(seconds) == words


def test_C08_cells_that_a_spreadsheet_would_run_are_escaped():
    table = pd.DataFrame({"=a": ["=1+1", "+1", "-1", "@x", "fine", "\tx"], "n": [1, -2, 3, 4, 5, 6]})
    escaped = escape_formulas(table)
    assert list(escaped.columns) == ["'=a", "n"]
    assert list(escaped["'=a"]) == ["'=1+1", "'+1", "-1", "'@x", "fine", "'\tx"]
    assert list(escaped["n"]) == [1, -2, 3, 4, 5, 6]


def test_titles_that_repeat_are_told_apart_by_their_id():
    assert distinct({"1": "a", "2": "b", "3": "a"}) == {"1": "a (1)", "2": "b", "3": "a (3)"}


def test_a_link_wins_over_what_the_session_held_and_a_later_choice_over_the_link(open_page, monkeypatch):
    monkeypatch.setattr(url_state, "LATE_SECONDS", 0)  # as if some seconds had gone by
    app = open_page("data/datasets/page.py", data="sample:pairs")
    assert app.selectbox(key="data").value == "sample:pairs"
    app.selectbox(key="data").set_value("sample:questions").run()
    assert app.query_params["data"] == "sample:questions"
    assert app.selectbox(key="data").value == "sample:questions"
    app.query_params["data"] = "sample:pairs"  # a link followed within the session
    app.run()
    assert app.selectbox(key="data").value == "sample:pairs"


def test_a_link_wins_also_after_its_value_was_chosen_and_left_again(open_page, monkeypatch):
    monkeypatch.setattr(url_state, "LATE_SECONDS", 0)  # as if some seconds had gone by
    app = open_page("data/datasets/page.py", data="sample:pairs")
    app.selectbox(key="data").set_value("sample:reviews").run()
    app.query_params["data"] = "sample:pairs"
    app.run()
    assert app.selectbox(key="data").value == "sample:pairs"


def test_E06_links_that_are_followed_fast_upon_each_other_are_followed(open_page):
    """From one run to another and back, within the time in which a message of the browser may come late."""
    page = open_page("explore/tokens/page.py", text="two")
    for text in ("one", "two", "one", "two"):
        page.query_params["text"] = text
        page.run()
        assert page.text_area(key="text").value == text


def test_a_link_to_something_that_is_gone_falls_back_to_the_first(open_page):
    app = open_page("data/datasets/page.py", data="upload:0000")
    assert not app.exception
    assert app.selectbox(key="data").value == "sample:reviews"


def test_a_long_text_stays_out_of_the_address(open_page):
    app = open_page("explore/tokens/page.py")
    app.text_area(key="text").set_value("word " * 400).run()
    assert "text" not in app.query_params
    app.text_area(key="text").set_value("short").run()
    assert app.query_params["text"] == "short"


def test_an_address_that_a_fast_click_overtook_undoes_nothing(open_page, monkeypatch):
    app = open_page("explore/inside_a_layer/page.py")
    app.segmented_control(key="head").set_value("5").run()
    app.query_params["head"] = "0"  # the browser's next message was on its way before it heard of 5
    app.segmented_control(key="layer").set_value("3").run()
    assert (app.segmented_control(key="layer").value, app.segmented_control(key="head").value) == ("3", "5")
    monkeypatch.setattr(url_state, "LATE_SECONDS", 0)
    app.query_params["head"] = "0"  # somebody went back
    app.run()
    assert app.segmented_control(key="head").value == "0"


def test_back_to_an_address_that_does_not_name_a_choice_brings_its_default(open_page, monkeypatch):
    app = open_page("explore/tokens/page.py")
    app.segmented_control(key="tokens-view").set_value("Vocabulary").run()
    app.text_area(key="text").set_value("short").run()
    monkeypatch.setattr(url_state, "_is_back_or_forward", lambda: True)
    for name in ("tokens-view", "text"):
        del app.query_params[name]
    app.run()
    assert app.segmented_control(key="tokens-view").value == "Tokens"
    assert app.text_area(key="text").value != "short"
    assert "tokens-view" not in app.query_params


def test_back_does_not_lose_a_text_that_was_too_long_for_an_address(open_page, monkeypatch):
    app = open_page("explore/tokens/page.py")
    app.text_area(key="text").set_value("word " * 400).run()
    monkeypatch.setattr(url_state, "_is_back_or_forward", lambda: True)
    app.run()
    assert app.text_area(key="text").value == "word " * 400


EXPLORE = ["tokens", "anatomy", "inside_a_layer", "attention", "embeddings", "fill_mask"]


@pytest.mark.parametrize("first", EXPLORE)
def test_a_page_opened_once_leaves_what_it_chose_to_every_other(open_page, first: str):
    for second in set(EXPLORE) - {first}:
        app = open_page(f"explore/{first}/page.py", model="teaching")
        app.switch_page(f"explore/{second}/page.py")
        app._run(WidgetStates())  # as a browser does, which on another page says nothing of the widgets of this one
        assert not app.exception, (first, second)
        assert app.query_params["model"] == "teaching"
        assert "Teaching BERT" in words_on(app), (first, second)


def test_C08_exported_numbers_stay_numbers():
    """Cells of a person's file are texts, numbers below zero among them."""
    cells = ["-1", "-0.5", "-1e-7", "-x", "-1+1", "=1", "- 1", "−1"]
    table = pd.DataFrame({"-score": cells, "z": np.arange(8) - 4.0})
    escaped = escape_formulas(table)
    assert escaped.iloc[:, 0].tolist() == ["-1", "-0.5", "-1e-7", "'-x", "'-1+1", "'=1", "'- 1", "−1"]
    assert escaped.columns.tolist() == ["'-score", "z"]
    assert escaped["z"].tolist() == table["z"].tolist()


NUMBERS = {  # every page with sliders or number fields that live in the address, and what these are called there
    "explore/anatomy/page.py": ("freeze-layers", "length", "batch-size", "tokens", "known"),
    "explore/tokens/page.py": ("cut-limit", "position", "vocabulary"),
    "explore/fill_mask/page.py": ("share", "top-k", "layer", "head"),
    "explore/attention/page.py": ("steps", "layer", "head", "statistics-rows", "heads-off"),
    "explore/embeddings/page.py": ("after-layer", "map-rows", "map-length", "follow"),
    "explore/inside_a_layer/page.py": ("layer", "head", "stage", "token"),
    "data/datasets/page.py": ("rows-least", "rows-most", "show", "task"),
}


@pytest.mark.parametrize(("page", "value"), diagonal(list(NUMBERS), ["inf", "nan", "1e400", "-5", "text"]))
def test_no_value_in_an_address_ends_a_page(open_page, page: str, value: str):
    app = open_page(page, **dict.fromkeys(NUMBERS[page], value))
    assert not app.exception
    assert app.title


def _three_results() -> None:
    """A page of three results of 800 kB each, all asked for at once."""
    import numpy as np

    from pages.shared.on_demand import on_demand
    from pages.shared.url_state import turn_to

    turn_to("test")
    for number in range(3):
        work = lambda progress: np.zeros(100_000)  # noqa: E731
        on_demand(f"array-{number}", ("array", number), work, button="Go", words="", doing="", unasked=True)


@pytest.mark.parametrize(("most", "kept"), [(10_000_000, 3), (2_000_000, 2), (1_000_000, 1), (10, 1)])
def test_I05_results_that_a_session_keeps_are_bounded_by_bytes(monkeypatch, most: int, kept: int):
    monkeypatch.setattr(on_demand, "MOST_BYTES", most)
    app = AppTest.from_function(_three_results, default_timeout=60).run()
    assert not app.exception
    results = app.session_state["results-on-demand"]
    assert list(results) == [("array", number) for number in range(3)][-kept:]
