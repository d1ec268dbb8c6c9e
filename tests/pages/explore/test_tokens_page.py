"""The Tokens page with every kind of text, and each of its views."""

import json

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetStates

from tests.combinations import diagonal
from tests.families import family_folder
from tests.pages.conftest import words_on

PAGE = "explore/tokens/page.py"
ANATOMY = "explore/anatomy/page.py"
ODD_TEXTS = {
    "long": "word " * 10_000,
    "script": "</script><img src=x onerror=alert(1)>",
    "chinese": "北京是中国的首都。",
    "two words": "two words",
    "markdown": "**bold** [link](https://example.org) :red[x] $y$",
}


def turn_to(app, page: str):
    """Go to another page as the browser does, with no values of the old one (`AppTest.run` sends them all)."""
    app.switch_page(page)
    return app._run(WidgetStates())


def strip_of(app, label: str = "The text in tokens") -> list[tuple[str, str]]:
    """(kind, text) of each stretch of a coloured text."""
    drawn = (json.loads(each.proto.json) for each in app.get("bidi_component"))
    return next([(each["kind"], each["text"]) for each in strip["spans"]] for strip in drawn if strip["label"] == label)


def test_the_page_opens_with_an_example(open_page):
    app = open_page(PAGE)
    assert not app.exception
    assert "21 tokens" in words_on(app)
    assert list(app.dataframe[0].value["Token"])[:3] == ["[CLS]", "bert", "reads"]


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
    (_, added), *spans, (_, end) = strip_of(app)
    assert (added, end) == ("[CLS]", "[SEP]")
    assert "".join(each for _, each in spans) == text


def test_F02_what_did_not_fit_is_counted(open_page):
    app = open_page(PAGE)
    app.text_area(key="text").set_value("word " * 10_000).run()
    assert "9,490 more did not fit" in words_on(app)


@pytest.mark.parametrize(
    "text", ["one two three four five\n\n", "  one two three four five", "one two three four five"]
)
def test_F02_the_cut_end_is_drawn_once_and_struck_through(open_page, text: str):
    app = open_page(PAGE, text=text, **{"tokens-view": "What was cut", "cut-limit": "5"})
    spans = strip_of(app, "What is kept and what is cut")
    assert "".join(each for kind, each in spans if kind != "special") == text
    assert [each.split() for kind, each in spans if kind == "cut"] == [["four", "five"]]


@pytest.mark.parametrize(("first", "second"), [("bert reads", "does it"), ("does it read on", "no")])
def test_F02_a_text_of_a_pair_that_is_cut_whole_is_still_drawn(open_page, first: str, second: str):
    query = {"with-pair": "true", "text": first, "pair": second, "tokens-view": "What was cut", "cut-limit": "4"}
    spans = strip_of(open_page(PAGE, **query), "What is kept and what is cut")
    kept, kinds = [each for kind, each in spans if kind == "token"], [kind for kind, _ in spans]
    assert len(kept) == 1
    assert "".join(each for kind, each in spans if kind != "special") == first + second
    assert kinds.count("special") == 3
    assert kinds.index("cut") > 0  # behind [CLS]


@pytest.mark.parametrize(
    ("view", "text"),
    diagonal(
        ["Tokens", "Step by step", "What was cut", "Batch", "Back to text", "Vocabulary", "Two tokenizers"],
        {"short": "A short text.", "a": "a"} | {name: ODD_TEXTS[name] for name in ("chinese", "script", "long")},
    ),
)
def test_every_view_shows_every_text(open_page, view: str, text: str):
    app = open_page(PAGE, **{"tokens-view": view})
    app.text_area(key="text").set_value(text).run()
    assert not app.exception
    assert not app.error
    assert app.segmented_control(key="tokens-view").value == view


def test_F03_a_sign_that_the_vocabulary_lacks_is_marked_and_counted(open_page, workspace):
    family_folder("xlm-roberta", "masked-lm", workspace / "runs" / "run-1" / "model")
    app = open_page(PAGE, model="run-1", text="the <mask> sat 😀")
    assert [kind for kind, _ in strip_of(app)].count("unknown") == 1
    assert ("special", " <mask>") in strip_of(app)
    assert "1 could not be spelled" in words_on(app)


def test_F01_a_second_text_of_blanks_counts_as_none(open_page):
    app = open_page(PAGE, text="one text", **{"with-pair": "true", "tokens-view": "Step by step"})
    app.text_area(key="pair").set_value("  \n").run()
    assert not app.exception
    assert not app.error
    assert "Add special tokens" in words_on(app)


def test_F02_a_batch_says_what_it_leaves_out(open_page):
    app = open_page(PAGE, **{"tokens-view": "Batch"})
    app.text_area(key="batch").set_value("\n".join(["word " * 100, *["two words"] * 18, "word " * 1_000])).run()
    assert "The first 16 of 20 lines make the batch." in words_on(app)
    assert "The first 64 of 102 positions are shown" in words_on(app)
    assert app.dataframe[0].value.shape == (16, 64)
    assert "are cut to" not in words_on(app)
    app.text_area(key="batch").set_value("word " * 1_000).run()
    assert "Lines of more than 512 positions are cut" in words_on(app)


def test_a_batch_as_csv_holds_every_position(open_page, monkeypatch):
    tables = {}
    monkeypatch.setattr(
        "pages.explore.tokens.batch.csv_button", lambda label, table, name: tables.update({name: table})
    )
    app = open_page(PAGE, **{"tokens-view": "Batch"})
    app.text_area(key="batch").set_value("word " * 100 + "\ntwo words").run()
    table = tables["batch"]()
    assert len(table) == 2 * 102
    last = table[table["Text"] == 2].iloc[[0, 2, 3, 101]]
    assert list(last["Token"]) == ["[CLS]", "words", "[SEP]", "[PAD]"]
    assert list(last["Attention mask"]) == [1, 1, 1, 0]
    assert list(last["Id"])[::3] == [101, 0]


def test_what_was_chosen_on_another_page_does_not_come_back_changed(open_page):
    app = open_page(PAGE, **{"tokens-view": "Batch"})
    turn_to(app, ANATOMY)
    assert app.segmented_control(key="anatomy-view").value == "Parameters"
    app.segmented_control(key="anatomy-view").set_value("Compute").run()
    turn_to(app, PAGE)
    assert app.segmented_control(key="tokens-view").value == "Batch"
    turn_to(app, ANATOMY)
    assert app.segmented_control(key="anatomy-view").value == "Compute"


def test_the_limit_and_the_strategy_are_kept_in_the_address_and_across_pages(open_page):
    app = open_page(PAGE, **{"tokens-view": "What was cut"})
    app.slider(key="cut-limit").set_value(7).run()
    app.selectbox(key="cut-strategy").set_value("only_first").run()
    turn_to(app, ANATOMY)
    turn_to(app, PAGE)
    assert (app.slider(key="cut-limit").value, app.selectbox(key="cut-strategy").value) == (7, "only_first")
    app = open_page(PAGE, **{"tokens-view": "What was cut", "cut-limit": "9999", "cut-strategy": "only_second"})
    assert not app.exception
    assert app.slider(key="cut-limit").value <= 512
    assert app.selectbox(key="cut-strategy").value == "only_second"


def test_a_link_reopens_text_pair_and_view(open_page):
    app = open_page(
        PAGE, text="from a link", **{"with-pair": "true", "pair": "and its pair", "tokens-view": "Back to text"}
    )
    assert app.text_area(key="text").value == "from a link"
    assert app.text_area(key="pair").value == "and its pair"
    assert "from a link [SEP] and its pair" in app.code[0].value
