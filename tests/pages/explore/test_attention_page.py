"""The Attention page: every view with every kind of text and model, links, and tables that equal the trace."""

import io
import json
import re
import shutil
import struct

import numpy as np
import pandas as pd
import pytest
import torch

from core import open_model, tokenize, trace
from core.errors import LabError
from core.explore import examples
from core.explore.answers import likeliest
from core.explore.attention import ablation
from core.explore.attention.attribution import Attribution, integrated_gradients, occlusion
from core.explore.attention.selection import Selection, select, units
from core.explore.attention.summaries import corpus_statistics, head_statistics, mean_over_heads, rollout
from core.explore.fill_mask.masks import with_model_mask
from core.models.loading import load_for_training
from pages.components.matrix.matrix import labelled
from pages.explore.attention.bertviz import queries_and_keys
from pages.explore.attention.heads import all_links_as_csv
from pages.explore.attention.lines import links_as_csv
from pages.explore.attention.summary import statistics_table
from pages.shared.attribution import completeness
from pages.shared.export import escape_formulas
from tests.combinations import diagonal
from tests.families import FAMILIES, family_folder
from tests.pages.conftest import words_on
from tests.pages.data.test_datasets_page import corrected_and_fixed
from tests.pages.explore.test_tokens_page import ODD_TEXTS

PAGE = "explore/attention/page.py"
VIEWS = (
    "Lines",
    "All heads",
    "One head",
    "Summary",
    "Switch off heads",
    "What the answer rests on",
    "Compare",
    "bertviz",
)
EXAMPLE = examples.ATTENDED.text
ROUNDING = 1e-5  # between two forward passes, which may sum in another order; tables are compared with their own trace
QUICK = ("Lines", "All heads", "One head", "Summary", "Compare", "bertviz")


def blobs(app) -> list[tuple[dict, bytes]]:
    """Header and body of each of our components that travels as bytes."""
    found = []
    for element in app.get("bidi_component"):
        if data := element.proto.bytes:
            (length,) = struct.unpack_from("<I", data)
            found.append((json.loads(data[4 : 4 + length]), data[4 + length :]))
    return found


def strips(app) -> dict[str, dict]:
    """What each coloured text of the page holds, by the name of its picture."""
    drawn = (element.proto for element in app.get("bidi_component"))
    data = [json.loads(each.json) for each in drawn if each.component_name == "token_strip"]
    return {each["file"]: each for each in data if each["file"]}


def lines(app) -> tuple[dict, bytes]:
    return next(each for each in blobs(app) if "queries" in each[0])


def matrices(app) -> list[tuple[dict, np.ndarray]]:
    return [
        (header, np.frombuffer(body, "<f4").reshape(len(header["rows"]), -1))
        for header, body in blobs(app)
        if "axes" in header
    ]


def traced(text: str, model: str = "builtin", pair: str = ""):
    model = open_model(model)
    return trace(model, tokenize(model, with_model_mask(model, text), pair))


# ---- Every view


@pytest.mark.parametrize("model", ["builtin", "teaching"])
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_opens_with_an_example(open_page, view: str, model: str):
    app = open_page(PAGE, model=model, **{"attention-view": view})
    assert not app.exception
    assert not app.error
    assert not app.warning
    assert app.segmented_control(key="attention-view").value == view
    assert "not why the model answers" in words_on(app)


@pytest.mark.parametrize(("view", "text"), diagonal(VIEWS, ODD_TEXTS))
def test_odd_texts_show_neither_error_nor_warning(open_page, view: str, text: str):
    app = open_page(PAGE, **{"attention-view": view})
    app.text_input(key="attended").set_value(text).run()
    assert not app.exception
    assert not app.error
    assert not app.warning


@pytest.mark.parametrize("view", VIEWS)
def test_F01_nothing_typed_says_what_to_do(open_page, view: str):
    app = open_page(PAGE, **{"attention-view": view})
    app.text_input(key="attended").set_value(" ").run()
    assert not app.exception
    assert "Type a few words" in words_on(app)


@pytest.mark.parametrize("view", VIEWS)
def test_a_pair_works_in_every_view(open_page, view: str):
    app = open_page(PAGE, **{"attention-view": view, "attended-with-pair": "true"})
    assert not app.exception
    assert not app.error


@pytest.mark.parametrize(("family", "head"), diagonal(FAMILIES, ["masked-lm", "sequence-classification", "encoder"]))
def test_F05_every_family_and_head_says_what_it_lacks(open_page, workspace, family: str, head: str):
    family_folder(family, head, workspace / "runs" / "run-1" / "model")
    app = open_page(PAGE, model="run-1", attended="the cat sat [MASK]")
    for view in VIEWS:
        app.segmented_control(key="attention-view").set_value(view).run()
        assert not app.exception, view
        assert not app.error, view
        assert not app.warning, view
        shown = words_on(app)
        if view == "Switch off heads":
            assert ("gives no answers" in shown) == (head == "encoder")
        if view == "What the answer rests on":
            assert ("gives no answer" in shown) == (head == "encoder")
            assert ("completeness gap" in shown) == (head != "encoder")


@pytest.mark.parametrize(
    ("head", "kind"),
    [("token-classification", "tags"), ("question-answering", "places in a passage"), ("multiple-choice", "choices")],
)
def test_F05_a_run_whose_answers_are_not_followed_is_told_so(open_page, workspace, head: str, kind: str):
    family_folder("bert", head, workspace / "runs" / "run-1" / "model")
    app = open_page(PAGE, model="run-1", attended="the cat sat")
    for view in ("Switch off heads", "What the answer rests on"):
        app.segmented_control(key="attention-view").set_value(view).run()
        assert not app.exception, view
        assert not app.error, view
        assert f"answers with {kind}, which are not followed here" in words_on(app), view


DAMAGED = [
    {"layer": "99"},
    {"head": "²"},
    {"heads": "99,x,²,1"},
    {"heads": "none"},
    {"pinned": "900,-1,2,2,"},
    {"pinned": "0000000000900"},
    {"threshold": "nan"},
    {"threshold": "7"},
    {"heads-off": "9·99,x,1·1"},
    {"attention-view": "nope"},
    {"explained": "x"},
]


@pytest.mark.parametrize(("view", "query"), diagonal(["Lines", "All heads", "Switch off heads", "One head"], DAMAGED))
def test_a_damaged_link_shows_the_page_all_the_same(open_page, view: str, query: dict[str, str]):
    app = open_page(PAGE, **({"attention-view": view} | query))
    assert not app.exception
    assert not app.error


# ---- What is drawn, and what is handed out


def test_lines_carry_the_trace_and_the_link_restores_what_was_chosen(open_page):
    app = open_page(PAGE, layer="2", heads="1,3", pinned="4,2", threshold="0.25")
    header, body = lines(app)
    assert header["start"] == [[1, 3], [4, 2], 0.25]
    assert header["layers"] == [2]
    t = traced(EXAMPLE)
    drawn = np.frombuffer(body, "<f4").reshape(t.heads, len(t.tokens), -1)
    np.testing.assert_allclose(drawn, t["layer.2.probabilities"].numpy(), atol=ROUNDING)
    assert app.query_params["heads"] in ("1,3", ["1,3"])


def test_whole_words_without_special_tokens(open_page):
    app = open_page(PAGE, attended="unbelievably tokenized", **{"whole-words": "true", "hide-special": "true"})
    header, _ = lines(app)
    assert [label for label, *_ in header["queries"]] == ["unbelievably", "tokenized"]
    assert "no longer sum to 1" in words_on(app)
    app = open_page(PAGE, **{"hide-special": "true", "renormalise": "true"})
    assert "brought back to a sum of 1" in words_on(app)


def test_a_pair_can_be_looked_at_from_text_to_text(open_page):
    app = open_page(PAGE, **{"attended-with-pair": "true", "parts": "A→B"})
    header, _ = lines(app)
    assert [label for label, *_ in header["keys"]] == ["she", "read", "it", "twice", ".", "[SEP]"]
    assert header["queries"][0][0] == "[CLS]"


def test_pins_belong_to_the_text(open_page):
    app = open_page(PAGE, pinned="3")
    app.text_input(key="attended").set_value("Another text altogether.").run()
    header, _ = lines(app)
    assert header["start"][1] == []


def test_all_links_as_csv_equal_the_trace():
    t = traced("=The cat, unbelievably, sat.")
    shown = select(t["layer.3.probabilities"], t.tokens, Selection())
    table = pd.read_csv(io.BytesIO(links_as_csv({3: shown}, (0, 2))), keep_default_na=False)
    assert len(table) == 2 * len(t.tokens) ** 2
    assert set(table["layer"]) == {4}
    assert set(table["in code"]) == {"layer.3 head 0", "layer.3 head 2"}
    expected = t["layer.3.probabilities"].numpy()
    places = table["head"].to_numpy() - 1, table["query_position"].to_numpy(), table["key_position"].to_numpy()
    np.testing.assert_allclose(table["weight"], expected[places], atol=1e-6)
    assert not table["query"].str.startswith("=").any()


def test_several_layers_are_drawn_and_handed_out_together(open_page):
    app = open_page(PAGE, layer="2", **{"more-layers": "4,9,x"})
    header, body = lines(app)
    assert header["layers"] == [2, 4]
    t = traced(EXAMPLE)
    drawn = np.frombuffer(body, "<f4").reshape(2, t.heads, len(t.tokens), -1)
    np.testing.assert_allclose(drawn[1], t["layer.4.probabilities"].numpy(), atol=ROUNDING)


def test_the_table_of_all_heads_equals_the_trace():
    t = traced("two dogs bark.", "teaching")
    table = pd.read_csv(io.BytesIO(all_links_as_csv(t)))
    expected = np.stack([t[f"layer.{layer}.probabilities"].numpy() for layer in range(t.layers)])
    np.testing.assert_allclose(table["weight"].to_numpy().reshape(expected.shape), expected, atol=1e-6)


def test_a_matrix_as_a_table_equals_the_trace():
    t = traced("=The cat, unbelievably, sat.")
    values = t["layer.3.probabilities"][4].numpy()
    written = escape_formulas(labelled(values, t.tokens.tokens, t.tokens.tokens, "from token")).to_csv(index=False)
    table = pd.read_csv(io.StringIO(written), keep_default_na=False)
    np.testing.assert_allclose(table.iloc[:, 1:].to_numpy(float), values, atol=1e-6)


def test_the_tables_of_bertviz_equal_the_trace():
    t = traced("two dogs bark.", "teaching")
    table = pd.read_csv(io.StringIO(queries_and_keys(t, 1, 1).to_csv(index=False)))
    for name in ("query", "key"):
        exact = t[f"layer.1.{name}"][1].numpy()
        np.testing.assert_allclose(table.filter(regex=f"^{name}_").to_numpy(), exact, atol=1e-6)
    one_layer = pd.read_csv(io.BytesIO(all_links_as_csv(t, layers=(1,))))
    np.testing.assert_allclose(one_layer["weight"], t["layer.1.probabilities"].numpy().ravel(), atol=1e-6)


def test_the_table_of_measures_equals_the_statistics():
    found = head_statistics(traced(EXAMPLE))
    table = pd.read_csv(io.StringIO(statistics_table(found).to_csv(index=False)))
    for name in ("entropy", "distance", "cls", "sep", "itself", "previous", "following"):
        np.testing.assert_allclose(table[name], getattr(found, name).ravel(), atol=1e-6)


def test_all_heads_can_be_had_as_a_picture(open_page):
    app = open_page(PAGE, **{"attention-view": "All heads", "as-picture": "true"})
    assert not app.exception
    (chart,) = app.get("plotly_chart")
    assert chart.proto.alt


@pytest.mark.parametrize("kind", ["Attention", "What it adds (norm-weighted)"])
def test_one_head_is_exact_and_its_rows_sum_to_one(open_page, kind: str):
    app = open_page(PAGE, layer="4", head="1", weights=kind, **{"attention-view": "One head"})
    ((header, values),) = matrices(app)
    np.testing.assert_allclose(values.sum(1), 1, atol=1e-5)
    if kind == "Attention":
        np.testing.assert_allclose(values, traced(EXAMPLE)["layer.4.probabilities"][1].numpy(), atol=ROUNDING)
    assert header["rows"][0] == "[CLS]"
    assert "sums to 1.0000" in words_on(app)


def test_roll_out_is_drawn_up_to_a_layer(open_page):
    app = open_page(PAGE, layer="1", summary="Roll-out", **{"attention-view": "Summary"})
    ((_, values),) = matrices(app)
    np.testing.assert_allclose(values, rollout(traced(EXAMPLE))[1].numpy(), atol=ROUNDING)


@pytest.mark.parametrize("kind", ["Mean over heads", "Mean over layers"])
def test_means_are_drawn(open_page, kind: str):
    app = open_page(PAGE, summary=kind, **{"attention-view": "Summary"})
    assert not app.exception
    ((_, values),) = matrices(app)
    np.testing.assert_allclose(values.sum(1), 1, atol=1e-5)


def test_statistics_of_a_data_set_are_measured_when_asked(open_page):
    app = open_page(PAGE, over="A data set", **{"attention-view": "Summary", "statistics-rows": "50"})
    assert not app.get("plotly_chart")
    next(each for each in app.button if each.label == "Measure").click().run()
    assert not app.exception
    assert app.get("plotly_chart")
    assert "of 50 texts" in words_on(app)


def test_I03_statistics_of_a_data_set_read_the_rows_that_corrections_and_fixes_leave(open_page, monkeypatch):
    given = []

    def measured(model, texts, pairs, **settings):
        given.extend(texts)
        return corpus_statistics(model, texts[:2], pairs, **settings)

    monkeypatch.setattr("pages.explore.attention.summary.corpus_statistics", measured)
    query = {"attention-view": "Summary", "statistics-rows": "50", "data": corrected_and_fixed()}
    app = open_page(PAGE, over="A data set", **query)
    next(each for each in app.button if each.label == "Measure").click().run()
    assert not app.exception
    assert given == ["a text typed by hand", *(f"text number {n}" for n in range(30))]


def test_switching_off_shows_before_and_after_and_ranks_all_heads(open_page):
    app = open_page(PAGE, **{"attention-view": "Switch off heads", "heads-off": "1·2,3·0"})
    assert app.multiselect(key="heads-off-pick").value == ["1·2", "3·0"]
    assert blobs(app)[0][0]["chosen"] == [[1, 2], [3, 0]]
    charts = [json.loads(each.proto.spec) for each in app.get("plotly_chart")]
    assert [chart["layout"]["title"]["text"] for chart in charts] == ["With all heads", "Without 2 heads"]
    app.button(key="start-swept").click().run()
    assert not app.exception
    assert len(app.get("plotly_chart")) == 3
    assert "The answer depends most on" in words_on(app)
    app.multiselect(key="heads-off-pick").set_value([]).run()
    assert "All heads are on" in words_on(app)
    assert "The answer depends most on" in words_on(app)  # not computed again


@pytest.fixture
def one_mark(monkeypatch):
    """What was asked for is always called “mark” in the address."""
    monkeypatch.setattr("pages.shared.on_demand.digest", lambda *parts: "mark")


def test_a_link_tries_every_head_again(open_page, one_mark):
    app = open_page(PAGE, swept="mark", **{"attention-view": "Switch off heads"})
    assert "The answer depends most on" in words_on(app)
    assert app.query_params["swept"] in ("mark", ["mark"])
    app = open_page(PAGE, swept="another", **{"attention-view": "Switch off heads"})
    assert "The answer depends most on" not in words_on(app)
    assert "swept" not in app.query_params


def test_what_was_ended_halfway_is_not_remembered(open_page, monkeypatch):
    def half(model, tokens):
        yield next(ablation.ablate_each_head(model, tokens))
        raise LabError("That was the end.", "Try again.")

    monkeypatch.setattr("pages.explore.attention.ablation.ablate_each_head", half)
    monkeypatch.setattr("core.explore.attention.ablation.POSITIONS_AT_ONCE", 64)
    app = open_page(PAGE, **{"attention-view": "Switch off heads"})
    app.button(key="start-swept").click().run()
    assert "That was the end" in app.error[0].value
    assert not app.session_state["results-on-demand"]
    monkeypatch.undo()
    app.run()
    assert not app.exception
    assert "The answer depends most on" in words_on(app)


def test_a_cancelled_attribution_waits_until_it_is_asked_for(open_page, one_mark):
    app = open_page(PAGE, **{"attention-view": "What the answer rests on"})
    app.session_state["gradients"] = "nomark"  # as Cancel does, while nothing was remembered yet
    app.session_state["results-on-demand"] = {}
    app.run()
    assert not strips(app)
    app.button(key="start-gradients").click().run()
    assert "completeness gap" in words_on(app)


def test_a_link_brings_back_the_mask_the_answer_and_how_it_is_explained(open_page):
    text = "The [MASK] saw the [MASK]."
    choice = open_model("builtin").tokenizer.convert_tokens_to_ids("man")
    query = {"explained-mask": "2", "explained": f"5.{choice}", "method": "Occlusion", "filler": "zeros"}
    app = open_page(PAGE, attended=text, **({"attention-view": "What the answer rests on"} | query))
    assert app.selectbox(key="explained-mask").value == "2"
    assert app.selectbox(key="explained").value == f"5.{choice}"
    assert app.selectbox(key="filler").value == "zero"
    assert "“man” has a probability of" in words_on(app)
    app.text_input(key="attended").set_value(EXAMPLE).run()
    assert not app.exception
    assert "explained" not in app.query_params


def test_what_the_answer_rests_on_says_the_gap(open_page):
    app = open_page(PAGE, **{"attention-view": "What the answer rests on"})
    assert "completeness gap" in words_on(app)
    app.segmented_control(key="method").set_value("Occlusion").run()
    assert not app.exception
    assert "has a probability of" in words_on(app)


@pytest.mark.parametrize(
    ("at_input", "at_baseline", "total", "says"),
    [
        (-1.0, -3.0, 2.91, "**0.91** too much"),
        (-1.0, -3.0, 1.09, "so **0.91** is missing"),
        (-3.0, -1.0, -2.91, "**0.91** too much"),  # the tokens take away more than is taken away
        (-3.0, -1.0, -1.09, "so **0.91** is missing"),
        (-3.0, -1.0, 0.5, "so **2.5** is missing"),
        (-1.0, -1.0, -0.5, "**0.5** off"),
        (-1.0, -3.0, 2.00001, "the same but for **1e-05**"),
    ],
)
def test_a_completeness_gap_is_told_with_its_side(at_input: float, at_baseline: float, total: float, says: str):
    gap = total - (at_input - at_baseline)
    found = Attribution(None, None, torch.tensor([total]), "logit", "mask", 12, at_input, at_baseline, gap)
    assert completeness(found) == says


def test_what_the_tokens_add_up_to_is_told_on_the_side_where_it_lies(open_page):
    """Whatever the numbers shown are: where they go beyond the difference the page says so, and by how much."""
    for text, side in (("Paris is the capital of [MASK].", " too much"), ("She made a cup of [MASK].", " is missing")):
        app = open_page(PAGE, attended=text, steps="12", **{"attention-view": "What the answer rests on"})
        found = re.search(
            r"difference of ([+-][\d.]+)\. The tokens add up to ([+-][\d.]+), .*?\*\*([\de.-]+)\*\*(.*?) \(the comp",
            words_on(app),
        )
        difference, total, gap = map(float, found.groups()[:3])
        assert gap == pytest.approx(abs(total - difference), rel=0.06)
        goes_beyond = (total - difference) * difference > 0
        assert found[4] == side == (" too much" if goes_beyond else " is missing")


def test_tokens_are_coloured_by_what_they_add_and_by_attention(open_page):
    model = open_model("builtin")
    t = trace(model, tokenize(model, EXAMPLE))
    target = likeliest(model, t.tokens)
    app = open_page(PAGE, steps="16", **{"attention-view": "What the answer rests on"})
    drawn = strips(app)
    scores = integrated_gradients(t, target, steps=16).scores
    attention = mean_over_heads(t)[-1, target.position]
    for name, values in (("attribution", scores), ("attribution-attention", attention)):
        tokens = [span for span in drawn[name]["spans"] if span["index"] >= 0]
        assert [span["text"] for span in tokens] == list(t.tokens.tokens)
        np.testing.assert_allclose([span["weight"] for span in tokens], values / values.abs().max(), atol=1e-4)
        for span, score, share in zip(tokens, scores.tolist(), attention.tolist(), strict=True):
            assert float(re.search(r": ([+-]?[\d.]+), ", span["note"])[1]) == pytest.approx(score, abs=1e-3)
            assert span["note"].endswith(f"attention {share:.2%}")


def test_a_whole_word_is_taken_away_at_once_and_seen_with_all_its_pieces(open_page):
    text = "The unaffable cat sat on the [MASK]."
    model = open_model("builtin")
    t = trace(model, tokenize(model, text))
    query = {"attention-view": "What the answer rests on", "method": "Occlusion", "whole-words": "true"}
    tokens = [span for span in strips(open_page(PAGE, attended=text, **query))["attribution"]["spans"] if span["note"]]
    (word,) = (unit for unit in units(t.tokens, whole_words=True) if unit.label == "unaffable")
    assert len(word.positions) > 1
    (drawn,) = (span for span in tokens if span["text"] == "unaffable")
    target = likeliest(model, t.tokens)
    share = mean_over_heads(t)[-1, target.position, list(word.positions)].sum().item()
    assert drawn["note"].endswith(f"attention {share:.2%}")
    *_, found = occlusion(t, target, whole_words=True)
    assert f"unaffable: {found.drops[found.units.index(word)]:+.4f}, " in drawn["note"]
    assert [span["text"] for span in tokens if "not taken away" in span["note"]] == ["[CLS]", "[MASK]", "[SEP]"]


def test_without_a_mask_there_is_no_answer_to_explain(open_page):
    app = open_page(PAGE, attended="No mask here.", **{"attention-view": "What the answer rests on"})
    assert not app.error
    assert "holds no \\[MASK\\]" in words_on(app)


def test_two_texts_of_one_length_are_subtracted(open_page):
    other = EXAMPLE.replace("his", "her")
    query = {"attention-view": "Compare", "compared-text": other}
    app = open_page(PAGE, layer="1", head="2", drawn="Matrix", **query)
    ((header, values),) = matrices(app)
    assert header["signed"]
    assert header["rows"][6] == "her / his"
    expected = traced(other)["layer.1.probabilities"][2] - traced(EXAMPLE)["layer.1.probabilities"][2]
    np.testing.assert_allclose(values, expected.numpy(), atol=ROUNDING)


def test_a_difference_as_lines_is_what_became_more_minus_what_became_less(open_page):
    other = EXAMPLE.replace("his", "her")
    query = {"attention-view": "Compare", "compared-text": other, "difference-heads": "1", "difference-pinned": "2"}
    app = open_page(PAGE, layer="1", head="2", **query)
    header, body = lines(app)
    assert header["names"] == ["more", "less"]
    assert header["start"] == [[1], [2], 0.02]
    more, less = np.frombuffer(body, "<f4").reshape(2, len(header["queries"]), -1)
    expected = (traced(other)["layer.1.probabilities"][2] - traced(EXAMPLE)["layer.1.probabilities"][2]).numpy()
    np.testing.assert_allclose(more - less, expected, atol=ROUNDING)
    assert not (more * less).any()
    assert header["limit"] == pytest.approx(np.abs(expected).max(), abs=ROUNDING)


def test_a_model_and_a_run_that_came_of_it_are_subtracted(open_page, workspace, tiny_model_folder):
    run = workspace / "runs" / "run-1" / "model"
    network, tokenizer = load_for_training(str(tiny_model_folder), task="sequence-classification", labels=("a", "b"))
    with torch.no_grad():  # as a training would have
        for weights in network.base_model.encoder.layer[0].attention.parameters():
            weights.mul_(1.5)
    network.save_pretrained(run)
    tokenizer.save_pretrained(run)
    shutil.copytree(tiny_model_folder, workspace / "runs" / "run-0" / "model")
    text = "the cat sat on the mat"
    query = {"attention-view": "Compare", "compared-model": "run-1", "attended": text, "drawn": "Matrix"}
    app = open_page(PAGE, compare="Two models", model="run-0", layer="1", head="1", **query)
    assert not app.exception
    ((header, values),) = matrices(app)
    before, after = (
        trace(model, tokenize(model, text))["layer.1.probabilities"][1] for model in map(open_model, ("run-0", "run-1"))
    )
    assert header["signed"]
    assert (after - before).abs().max() > 1e-3
    np.testing.assert_allclose(values, (after - before).numpy(), atol=ROUNDING)


def test_texts_and_models_that_do_not_match_are_shown_side_by_side(open_page):
    app = open_page(PAGE, **{"attention-view": "Compare", "compared-text": "A shorter text."})
    assert len(matrices(app)) == 2
    assert "do not match" in words_on(app)
    app = open_page(PAGE, compare="Two models", **{"attention-view": "Compare", "compared-model": "teaching"})
    assert not app.exception
    assert len(matrices(app)) == 2
    assert "different tokens" in words_on(app)


def test_F02_a_compared_text_that_is_cut_is_told(open_page):
    app = open_page(PAGE, **{"attention-view": "Compare", "compared-text": "word " * 600})
    assert "The text is cut: 90 tokens more" in words_on(app)


def test_F02_a_text_that_the_other_model_cuts_is_told(open_page, workspace):
    family_folder("bert", "masked-lm", workspace / "runs" / "run-1" / "model")
    query = {"attention-view": "Compare", "compare": "Two models", "compared-model": "run-1"}
    app = open_page(PAGE, attended="the cat sat " * 40, **query)
    assert not app.exception
    assert "The text is cut: 42 tokens more" in words_on(app)


def test_F03_a_mask_that_takes_the_space_before_it_is_not_hidden_with_special_tokens(open_page, workspace):
    family_folder("xlm-roberta", "masked-lm", workspace / "runs" / "run-1" / "model")
    app = open_page(PAGE, model="run-1", attended="the [MASK] sat", **{"hide-special": "true"})
    header, _ = lines(app)
    assert [label for label, *_ in header["queries"]] == ["▁the", "<mask>", "▁sat"]


@pytest.mark.parametrize("view", ["Head view", "Model view", "Neuron view"])
def test_bertviz_is_drawn_or_says_why_not(open_page, view: str):
    app = open_page(PAGE, **{"attention-view": "bertviz", "bertviz-view": view})
    assert not app.exception
    assert app.get("iframe")
    app.text_input(key="attended").set_value("word " * 400).run()
    assert not app.exception
    assert not app.get("iframe")
    assert "Shorten the text" in words_on(app)
