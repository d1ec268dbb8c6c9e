"""The Inside a layer page: every stage and view, odd texts, models with and without heads, what is computed when."""

import json
import re
import struct

import numpy as np
import pytest

from core.explore import agreement as agreement_module
from core.explore import shared_traces
from core.explore.walkthrough import View
from pages.explore.inside_a_layer.stage_badge import badge
from tests.families import FAMILIES, family_folder
from tests.pages.conftest import words_on
from tests.pages.explore.test_tokens_page import ODD_TEXTS, turn_to

PAGE = "explore/inside_a_layer/page.py"


def test_the_page_opens_with_an_example_and_its_first_stage(open_page):
    app = open_page(PAGE)
    assert not app.exception
    shown = words_on(app)
    assert "In layer 1, head 1 (`layer.0 head 0` in code), **“\u2068\\[MASK\\]\u2069”** looks mostly at" in shown
    assert "1 · Embeddings" in shown
    assert "2 · Query" not in shown
    assert "bit for bit" in shown
    assert "no pooler" in shown


def test_all_stages_open_with_formulas_numbers_and_code(open_page):
    app = open_page(PAGE, **{"open-all": "true", "layer": "3", "head": "5"})
    assert not app.exception
    stages = [each.value for each in app.subheader]
    assert [stage.partition(" · ")[0] for stage in stages] == [str(number) for number in range(1, 11)]
    assert len(app.latex) == len(app.code) == 10
    assert "hidden[3]" in app.code[2].value
    assert "[:, 5]" in app.code[2].value
    assert not app.warning


def test_every_view_of_every_stage(open_page):
    app = open_page(PAGE, **{"open-all": "true"})
    views = [group.key for group in app.segmented_control if group.key.startswith("view-")]
    assert len(views) == 8  # scores and context have one matrix each
    for key in views:
        for title in app.segmented_control(key=key).options[1:]:
            app.segmented_control(key=key).set_value(title).run()
            assert not app.exception, (key, title)
            assert not app.error, (key, title)
    assert "adds up to 1/√32" in words_on(app)


def test_plain_words_show_no_formula_and_no_code(open_page):
    app = open_page(PAGE, **{"open-all": "true", "plain-words": "true"})
    assert not app.exception
    assert not app.latex
    assert not app.code


def test_stepping_from_stage_to_stage(open_page):
    app = open_page(PAGE)
    app.button(key="step1").click().run()
    assert [each.value for each in app.subheader] == ["2 · Query, key, value"]
    app.button(key="step-1").click().run()
    assert [each.value for each in app.subheader] == ["1 · Embeddings"]


def unpacked(element) -> tuple[dict, np.ndarray]:
    """Header and values of a matrix as the browser gets them."""
    data = element.proto.bytes
    (length,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + length])
    return header, np.frombuffer(data[4 + length :], "<f4").reshape(len(header["rows"]), -1)


def test_padding_is_masked_also_when_a_link_asks_for_it(open_page):
    app = open_page(PAGE, **{"stages": "softmax", "with-padding": "true"})
    app.segmented_control(key="view-softmax").set_value("Masked").run()
    assert not app.exception
    (header, values) = next(unpacked(each) for each in app.get("bidi_component") if b'"axes"' in each.proto.bytes)
    assert header["rows"][-3:] == ["[SEP]", "[PAD]", "[PAD]"]
    assert (values[:, -2:] < -1e30).all()
    assert (values[:, :-2] > -1e30).all()


def test_open_stages_stay_open_when_the_model_changes(open_page):
    app = open_page(PAGE, model="teaching", stages="masked-lm")
    assert [each.value for each in app.subheader] == ["11 · Guess the word"]
    app.selectbox(key="model").set_value("builtin").run()
    assert [each.value for each in app.subheader] == ["10 · Guess the word"]
    app.pills(key="stages-pick").set_value([]).run()
    assert "Choose a stage above" in words_on(app)


@pytest.mark.parametrize(
    ("tensor", "contrast", "difference", "says"),
    [
        ("layer.0.query", "", 0.0, "bit for bit"),
        ("layer.0.query", "", 1e-6, ":green-badge[:material/check: Largest difference from the model: 1.0e-06"),
        ("layer.0.query", "", 1e-2, ":orange-badge"),
        ("layer.0.scores", "", None, "checked through the shares"),
        (None, "", None, "does not return these numbers"),
        (None, "wrong", None, "Not what BERT computes"),
    ],
)
def test_badges_are_honest(tensor: str | None, contrast: str, difference: float | None, says: str):
    view = View("t", tensor, "f", "w", "s", lambda: None, lambda row, column: None, contrast=contrast)
    assert says in badge(view, {} if difference is None else {tensor: difference})


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS.keys())
def test_odd_texts_show_neither_error_nor_warning(open_page, text: str):
    app = open_page(PAGE)
    app.text_input(key="followed").set_value(text).run()
    assert not app.exception
    assert not app.error
    assert not app.warning
    assert re.search("looks mostly at|spreads its attention", words_on(app))


def test_another_text_starts_at_its_own_mask(open_page):
    app = open_page(PAGE, token="2")
    assert "**“\u2068made\u2069”**" in words_on(app)
    app.text_input(key="followed").set_value("My [MASK] barks at the very old postman.").run()
    assert "**“\u2068\\[MASK\\]\u2069”**" in words_on(app)


def test_a_mask_is_the_models_own(open_page, workspace):
    family_folder("roberta", "masked-lm", workspace / "runs" / "run-1" / "model")
    app = open_page(PAGE, model="run-1", stages="masked-lm")
    assert not app.exception
    assert "“\u2068<mask>\u2069”" in re.sub(r"[\\\u2060]", "", words_on(app))


def test_F03_a_mask_that_takes_the_space_before_it_is_looked_at_first(open_page, workspace):
    family_folder("xlm-roberta", "masked-lm", workspace / "runs" / "run-1" / "model")
    app = open_page(PAGE, model="run-1", followed="the [MASK] sat")
    assert not app.exception
    assert app.session_state["token"] == "2"
    assert "“\u2068<mask>\u2069”" in re.sub(r"[\\\u2060]", "", words_on(app))


def test_the_step_of_a_stage_is_kept_in_the_address_and_across_pages(open_page):
    app = open_page(PAGE, **{"stages": "softmax", "view-softmax": "Masked"})
    assert app.segmented_control(key="view-softmax").value == "Masked"
    app.segmented_control(key="view-softmax").set_value("Shares").run()
    turn_to(app, "explore/tokens/page.py")
    turn_to(app, PAGE)
    assert app.segmented_control(key="view-softmax").value == "Shares"


def test_F01_nothing_typed_says_what_to_do(open_page):
    app = open_page(PAGE)
    app.text_input(key="followed").set_value(" ").run()
    assert not app.exception
    assert "Type a few words" in words_on(app)


@pytest.mark.parametrize("model", ["builtin", "teaching"])
def test_what_goes_in_is_drawn_above(open_page, model: str):
    def matrices(**query: str) -> int:
        app = open_page(PAGE, model=model, **query, **{"open-all": "true"})
        assert not app.exception
        return sum(b'"axes"' in element.proto.bytes for element in app.get("bidi_component"))

    stages = {"builtin": 10, "teaching": 12}[model]
    assert matrices() == stages
    # First views: Q, scores, context, sums and products take one to three each; tables and softmax none.
    assert matrices(**{"what-goes-in": "true"}) > stages + 8


@pytest.mark.parametrize(
    "query",
    [{"layer": "99"}, {"head": "x"}, {"token": "900"}, {"token": "²"}, {"token": "9" * 4_400}, {"stages": "nope"}],
)
def test_a_damaged_link_shows_the_page_all_the_same(open_page, query: dict[str, str]):
    app = open_page(PAGE, **query)
    assert not app.exception
    assert not app.error
    assert re.search("looks mostly at|spreads its attention", words_on(app))


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (
            "masked-lm",
            "head or classification head for whole texts: nothing to show for them. The teaching model has all",
        ),
        ("pre-training", "This model has no classification head for whole texts: nothing to show for it."),
        (
            "sequence-classification",
            "head or next-sentence head: nothing to show for them. The teaching model has them.",
        ),
        ("token-classification", "What it answers with (tags) is not followed here."),
        ("question-answering", "What it answers with (places in a passage) is not followed here."),
        ("multiple-choice", "What it answers with (choices) is not followed here."),
    ],
)
def test_F05_what_a_model_lacks_is_said_and_where_it_is(open_page, workspace, head: str, says: str):
    family_folder("bert", head, workspace / "runs" / "run-1" / "model")
    app = open_page(PAGE, model="run-1", followed="the cat sat")
    assert not app.exception
    assert says in words_on(app)
    has_all_but_the_last = head in ("masked-lm", "token-classification", "question-answering", "multiple-choice")
    assert ("all but the last" in words_on(app)) == has_all_but_the_last


@pytest.mark.parametrize("head", ["pre-training", "sequence-classification"])
@pytest.mark.parametrize("family", FAMILIES)
def test_F05_every_family_walks_through_the_heads_it_has(open_page, workspace, family: str, head: str):
    family_folder(family, head, workspace / "runs" / "run-1" / "model")
    app = open_page(PAGE, **{"model": "run-1", "open-all": "true", "followed": "the cat sat"})
    assert not app.exception
    assert not app.error
    shown = words_on(app)
    assert "the model's own numbers" in shown or "Largest difference" in shown
    assert ("Guess the word" in shown) == (head == "pre-training" and family != "electra")
    assert ("Next sentence" in shown) == (head == "pre-training" and family in ("bert", "albert"))
    assert ("Classify" in shown) == (head == "sequence-classification")


def test_nothing_is_computed_again_when_layer_or_head_change(open_page, monkeypatch):
    runs = {"trace": 0, "agreement": 0}
    real_trace, real_agreement = shared_traces.trace, agreement_module.agreement

    def counting_trace(*args, **kwargs):
        runs["trace"] += 1
        return real_trace(*args, **kwargs)

    def counting_agreement(*args):
        runs["agreement"] += 1
        return real_agreement(*args)

    monkeypatch.setattr(shared_traces, "trace", counting_trace)
    monkeypatch.setattr(agreement_module, "agreement", counting_agreement)
    app = open_page(PAGE, followed="A sentence that no other test has traced.")
    for layer, head in (("3", "5"), ("0", "11"), ("5", "0")):
        app.segmented_control(key="layer").set_value(layer).run()
        app.segmented_control(key="head").set_value(head).run()
        assert not app.exception
    assert runs == {"trace": 1, "agreement": 1}
