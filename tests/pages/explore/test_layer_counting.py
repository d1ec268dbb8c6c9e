"""Layers and heads are counted in one way on every page: from 1 in words, from 0 in code, addresses and the trace.

`hidden_states[0]` is the embeddings, so layer k in words is the module `layer.{k−1}`, whose output is
`hidden_states[k]`. Scripts of the browser: tests/browser/test_attention.py.
"""

import io
import json
import re
import struct

import numpy as np
import pandas as pd
import pytest

from core import open_model, tokenize, trace
from core.explore import examples
from core.explore.attention.ablation import ablate_each_head
from core.explore.attention.head_roles import clearest_head
from core.explore.attention.summaries import head_statistics
from core.explore.fill_mask.logit_lens import logit_lens
from core.models.anatomy.outputs import outputs
from core.models.anatomy.parameters import anatomy
from pages.explore.attention.ablation import effects_table
from pages.explore.attention.heads import all_links_as_csv
from pages.explore.attention.summary import statistics_table
from tests.pages.conftest import words_on

ATTENTION_VIEWS = ("Lines", "All heads", "One head", "Summary", "Switch off heads", "Compare", "bertviz")
SUMMARIES = ("What each head does", "Roll-out", "Mean over heads", "Mean over layers")
EMBEDDING_VIEWS = ("Map of tokens", "Cosines", "One word", "Nearest words")
CASES = [
    *(("explore/attention/page.py", {"attention-view": view}) for view in ATTENTION_VIEWS),
    *(("explore/attention/page.py", {"attention-view": "Summary", "summary": each}) for each in SUMMARIES),
    *(
        ("explore/attention/page.py", {"attention-view": "bertviz", "bertviz-view": f"{each} view"})
        for each in ("Model",)
    ),
    *(("explore/embeddings/page.py", {"embedding-view": view, "after-layer": "0"}) for view in EMBEDDING_VIEWS),
    *(("explore/anatomy/page.py", {"anatomy-view": view}) for view in ("Parameters", "Outputs")),
    ("explore/fill_mask/page.py", {"fill-view": "Layer by layer"}),
    ("explore/inside_a_layer/page.py", {"open-all": "true"}),
]
ZERO = re.compile(r"\b(?:layers?|heads?) 0\b", re.IGNORECASE)
CODE = re.compile(r"`[^`]*`|layer\.\d+ head \d+")  # what is marked as code keeps the numbers of code


def everything_on(app) -> str:
    """Words, labels, options, alternative texts, figures, tables and what our components are sent."""
    found = [words_on(app)]
    for kind in (
        "segmented_control",
        "select_slider",
        "selectbox",
        "multiselect",
        "toggle",
        "button",
        "download_button",
    ):
        for each in app.get(kind):
            found += [str(getattr(each.proto, "label", "")), *map(str, getattr(each, "options", []))]
    for each in [*app.get("plotly_chart"), *app.get("arrow_data_frame"), *app.get("iframe")]:
        found.append(str(each.proto))
    for frame in app.dataframe:
        found.append(frame.value.to_csv())
    for each in app.get("bidi_component"):
        if data := each.proto.bytes:
            (length,) = struct.unpack_from("<I", data)
            header = json.loads(data[4 : 4 + length])
            found.append(json.dumps({name: value for name, value in header.items() if isinstance(value, str)}))
        found.append(each.proto.json)
    return "\n".join(found)


@pytest.mark.parametrize(
    ("page", "query"), CASES, ids=lambda each: " ".join(each.values()) if isinstance(each, dict) else ""
)
def test_no_page_counts_a_layer_or_a_head_from_0_in_words(open_page, page: str, query: dict[str, str]):
    app = open_page(page, layer="0", head="0", heads="0", **query)
    assert not app.exception
    shown = CODE.sub("", everything_on(app))
    assert not [shown[max(0, found.start() - 60) : found.end() + 40] for found in ZERO.finditer(shown)]


@pytest.mark.parametrize("layer", [0, 2, 5])
def test_a_link_to_a_layer_opens_the_layer_it_always_opened_and_calls_it_by_both_names(open_page, layer: int):
    app = open_page("explore/attention/page.py", layer=str(layer), head="4", **{"attention-view": "One head"})
    assert app.segmented_control(key="layer").value == str(layer)
    assert list(app.segmented_control(key="layer").options) == ["1", "2", "3", "4", "5", "6"]
    assert list(app.segmented_control(key="head").options) == [str(number) for number in range(1, 13)]
    assert f"In layer {layer + 1}, head 5 (`layer.{layer} head 4` in code)" in words_on(app)
    model = open_model("builtin")
    t = trace(model, tokenize(model, examples.ATTENDED.text))
    (_, body) = next(
        (json.loads(each.proto.bytes[4 : 4 + size]), each.proto.bytes[4 + size :])
        for each in app.get("bidi_component")
        if each.proto.bytes
        for size in struct.unpack_from("<I", each.proto.bytes)
    )
    drawn = np.frombuffer(body, "<f4")[: len(t.tokens) ** 2].reshape(len(t.tokens), -1)
    np.testing.assert_allclose(drawn, t[f"layer.{layer}.probabilities"][4].numpy(), atol=1e-5)
    app = open_page("explore/inside_a_layer/page.py", layer=str(layer), head="4")
    assert f"In layer {layer + 1}, head 5 (`layer.{layer} head 4` in code)" in words_on(app)


def test_the_same_tensor_has_the_same_number_everywhere(open_page):
    """`hidden_states[3]`: what the third module, `layer.2`, returns, and “layer 3” wherever it is named."""
    model = open_model("builtin")
    config = model.config
    (part, *_) = (part for part in anatomy(config).parts if ".layer.2." in part.path)
    assert part.steps[1] == "Layer 3"
    made = {tensor.name: tensor.meaning for tensor in outputs(config, batch=1, length=4)}
    assert made["hidden_states[0]"] == "After the embeddings."
    assert made["hidden_states[3]"] == "After layer 3."
    assert made["attentions[2]"].startswith("Layer 3: ")

    t = trace(model, tokenize(model, examples.HIDDEN.text))
    lens = logit_lens(t, t.tokens.tokens.index("[MASK]"))
    app = open_page("explore/fill_mask/page.py", **{"fill-view": "Layer by layer"})
    table = app.dataframe[0].value.set_index("After")
    assert table.loc["layer 3"].iloc[0] == lens.ranks[3]
    assert table.loc["embeddings"].iloc[0] == lens.ranks[0]
    leads = next(index for index in range(7) if set(lens.ranks[index:]) == {1})
    assert f"It leads from layer {leads} on" in words_on(app)

    app = open_page("explore/embeddings/page.py", **{"embedding-view": "Cosines", "after-layer": "3"})
    assert app.select_slider(key="after-layer").value == "3"
    assert "After layer 3, two random words" in words_on(app)
    app = open_page("explore/embeddings/page.py", **{"embedding-view": "Cosines", "after-layer": "0"})
    assert "After the embeddings, two random words" in words_on(app)


def test_tables_count_from_1_and_hold_the_name_in_code():
    model = open_model("teaching")
    t = trace(model, tokenize(model, examples.TEACHING.text))
    links = pd.read_csv(io.BytesIO(all_links_as_csv(t, layers=(1,))))
    assert set(links["layer"]) == {2}
    assert set(links["head"]) == {1, 2}
    one = links[links["in code"] == "layer.1 head 0"]
    np.testing.assert_allclose(one["weight"], t["layer.1.probabilities"][0].numpy().ravel(), atol=1e-6)
    *_, found = ablate_each_head(model, t.tokens)
    effects = effects_table(found)
    assert effects.iloc[0][["layer", "head", "in code"]].tolist() == [2, 1, "layer.1 head 0"]
    layer, head, _ = found.ranking()[0]
    assert (layer, head) == (1, 0)
    assert effects.iloc[0]["change of the best answer"] == pytest.approx(-found.drop[layer, head])
    table = statistics_table(head_statistics(t)).set_index("in code")
    assert table.loc["layer.1 head 0", "entropy"] == pytest.approx(head_statistics(t).entropy[1, 0])
    assert table.loc["layer.1 head 0", ["layer", "head"]].tolist() == [2, 1]


# What Attention opens with


def drawn_heads(app) -> list[int]:
    for each in app.get("bidi_component"):
        if data := each.proto.bytes:
            (length,) = struct.unpack_from("<I", data)
            if "queries" in (header := json.loads(data[4 : 4 + length])):
                return header["start"][0]
    raise AssertionError("no lines are drawn")


@pytest.mark.parametrize("name", ["builtin", "teaching"])
def test_attention_opens_with_one_head_and_says_what_it_does(open_page, name: str):
    app = open_page("explore/attention/page.py", model=name)
    model = open_model(name)
    example = examples.ATTENDED if name == "builtin" else examples.TEACHING
    layer, head = clearest_head(trace(model, tokenize(model, example.text)))
    assert (app.segmented_control(key="layer").value, drawn_heads(app)) == (str(layer), [head])
    assert f"In layer {layer + 1}, head {head + 1} (`layer.{layer} head {head}` in code)" in words_on(app)
    assert "Opened with this head because" in words_on(app)
    if name == "builtin":
        assert "each token looks mostly at the one before it: 100% of its attention." in words_on(app)


@pytest.mark.parametrize(("heads", "drawn"), [("3,5", [3, 5]), ("all", list(range(12))), ("none", []), ("4", [4])])
def test_a_link_that_names_heads_wins(open_page, heads: str, drawn: list[int]):
    app = open_page("explore/attention/page.py", layer="4", heads=heads)
    assert (app.segmented_control(key="layer").value, drawn_heads(app)) == ("4", drawn)
    assert ("In layer 5, head 5" in words_on(app)) == (heads == "4")
    assert "Opened with this head" not in words_on(app)
    assert app.query_params["heads"] in (heads, [heads])


def test_another_model_opens_with_its_own_head_unless_one_was_chosen(open_page):
    app = open_page("explore/attention/page.py")
    app.selectbox(key="model").set_value("teaching").run()
    assert (app.segmented_control(key="layer").value, drawn_heads(app)) == ("1", [0])
    app.selectbox(key="model").set_value("builtin").run()
    assert (app.segmented_control(key="layer").value, drawn_heads(app)) == ("0", [2])
    app.segmented_control(key="layer").set_value("1").run()
    app.text_input(key="attended").set_value("The cat sat.").run()
    assert app.segmented_control(key="layer").value == "1"
    app.selectbox(key="model").set_value("teaching").run()
    assert app.segmented_control(key="layer").value == "1"


def test_compare_opens_with_the_head_that_differs_most_and_any_other_can_be_chosen(open_page):
    model = open_model("builtin")
    one, other = (trace(model, tokenize(model, each.text)) for each in (examples.ATTENDED, examples.ATTENDED_OTHER))
    changes = np.stack(
        [(other[name] - one[name]).abs().numpy().max((1, 2)) for name in (f"layer.{n}.probabilities" for n in range(6))]
    )
    layer, head = np.unravel_index(changes.argmax(), changes.shape)
    app = open_page("explore/attention/page.py", **{"attention-view": "Compare"})
    assert (app.segmented_control(key="layer").value, app.segmented_control(key="head").value) == (
        str(layer),
        str(head),
    )
    assert f"{changes.max():.3f}." in words_on(app)
    for key, opening in (("layer", "0"), ("head", "2")):  # also those that the other views open with
        app.segmented_control(key=key).set_value(opening).run()
        assert app.segmented_control(key=key).value == opening
    app.segmented_control(key="attention-view").set_value("Lines").run()
    assert app.segmented_control(key="layer").value == "0"


def test_a_page_seen_before_leaves_attention_its_opening_and_a_choice_there_stays(open_page):
    app = open_page("explore/inside_a_layer/page.py")
    assert (app.segmented_control(key="layer").value, app.segmented_control(key="head").value) == ("0", "0")
    app.switch_page("explore/attention/page.py").run()
    app.segmented_control(key="attention-view").set_value("One head").run()
    assert app.segmented_control(key="head").value == "2"
    app.switch_page("explore/inside_a_layer/page.py").run()
    assert app.segmented_control(key="head").value == "2"  # the same head, followed further
    app.segmented_control(key="head").set_value("7").run()
    app.switch_page("explore/attention/page.py").run()
    assert app.segmented_control(key="head").value == "7"
