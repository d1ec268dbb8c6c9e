"""The Explore pages with what people really type: only emoji, one endless word, special tokens, marks that combine."""

import pytest

from tests.combinations import diagonal
from tests.pages.conftest import words_on

TEXTS = {
    "only emoji": "😀🎉👩‍👩‍👧",
    "long word": "a" * 5_000,
    "special tokens": "[CLS] one [SEP] two [PAD]",
    "arabic and combining marks": "القِطَّةُ على السَّجادة, a\u0323\u0307 क्षि cafe\u0301",
}
# The page, the key of its text, the key of its view, and views that read the text each in a way of their own.
PAGES = [
    ("tokens", "text", "tokens-view", ("Tokens", "Step by step", "Two tokenizers")),
    ("fill_mask", "sentence", "fill-view", ("Guesses", "Surprise")),
    ("inside_a_layer", "followed", "", ("",)),
    ("attention", "attended", "attention-view", ("Lines", "What the answer rests on", "bertviz")),
    ("embeddings", "sentences", "embedding-view", ("Map of tokens", "One word")),
]


def typed(app, key: str, text: str):
    next(each for each in (*app.text_area, *app.text_input) if each.key == key).set_value(text)
    return app.run()


VIEWS = {
    f"{page} {view}".strip(): (page, key, {choice: view} if view else {})
    for page, key, choice, views in PAGES
    for view in views
}


@pytest.mark.parametrize(("shown", "text"), diagonal(VIEWS, TEXTS))
def test_F01_F03_F04_odd_texts_show_neither_error_nor_warning(open_page, shown: tuple[str, str, dict], text: str):
    page, key, query = shown
    app = typed(open_page(f"explore/{page}/page.py", **query), key, text)
    assert not app.exception
    assert not app.error
    assert not app.warning
    assert {choice: app.segmented_control(key=choice).value for choice in query} == query


def test_F01_only_spaces_leave_nothing_to_hide(open_page):
    app = typed(open_page("explore/fill_mask/page.py"), "sentence", "   ")
    assert not app.exception
    assert not app.error
    assert "Type a sentence" in words_on(app)
