"""The Tokens page with every kind of text, and each of its views."""

import json

import pytest

from tests.pages.conftest import words_on

PAGE = "explore/tokens.py"
ODD_TEXTS = {
    "long": "word " * 10_000,
    "script": "</script><img src=x onerror=alert(1)>",
    "chinese": "北京是中国的首都。",
    "two words": "two words",
    "markdown": "**bold** [link](https://example.org) :red[x] $y$",
}


def test_the_page_opens_with_an_example(open_page):
    app = open_page(PAGE)
    assert not app.exception
    assert "21 tokens" in words_on(app)
    assert list(app.dataframe[0].value["Piece"])[:3] == ["[CLS]", "bert", "reads"]


def test_F01_nothing_typed_says_what_to_do(open_page):
    app = open_page(PAGE)
    app.text_area(key="text").set_value("   ").run()
    assert not app.exception
    assert "Type a few words" in words_on(app)


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS.keys())
def test_odd_texts_show_neither_error_nor_warning(open_page, text: str):
    app = open_page(PAGE)
    app.text_area(key="text").set_value(text).run()
    assert not app.exception
    assert not app.error
    assert not app.warning
    assert "tokens" in words_on(app)


@pytest.mark.parametrize(
    "text",
    [
        *(ODD_TEXTS["script"], ODD_TEXTS["chinese"]),
        "[CLS] one [SEP] two [MASK]",
        "  القِطَّةُ\u200b cafe\u0301 क्षि 👩‍👩‍👧  on",
        "a cafe\u0301",
    ],
    ids=["script", "chinese", "special tokens", "combining marks", "a mark at the end"],
)
def test_F03_F04_the_coloured_text_is_the_text(open_page, text: str):
    app = open_page(PAGE)
    app.text_area(key="text").set_value(text).run()
    (strip,) = (json.loads(each.proto.json) for each in app.get("bidi_component"))
    added, *spans, end = strip["spans"]
    assert (added["text"], end["text"]) == ("[CLS]", "[SEP]")
    assert "".join(each["text"] for each in spans) == text


def test_F02_what_did_not_fit_is_counted(open_page):
    app = open_page(PAGE)
    app.text_area(key="text").set_value("word " * 10_000).run()
    assert "9,490 more did not fit" in words_on(app)


@pytest.mark.parametrize(
    "view", ["Pieces", "Step by step", "What was cut", "Batch", "Back to text", "Vocabulary", "Two tokenizers"]
)
@pytest.mark.parametrize("text", ["A short text.", ODD_TEXTS["chinese"], ODD_TEXTS["script"], ODD_TEXTS["long"], "a"])
def test_every_view_shows_every_text(open_page, view: str, text: str):
    app = open_page(PAGE, view=view)
    app.text_area(key="text").set_value(text).run()
    assert not app.exception
    assert not app.error
    assert app.segmented_control(key="view").value == view


def test_a_link_reopens_text_pair_and_view(open_page):
    app = open_page(PAGE, text="from a link", **{"with-pair": "true", "pair": "and its pair", "view": "Back to text"})
    assert app.text_area(key="text").value == "from a link"
    assert app.text_area(key="pair").value == "and its pair"
    assert "from a link [SEP] and its pair" in app.code[0].value
