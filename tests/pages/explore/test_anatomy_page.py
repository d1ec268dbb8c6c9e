"""The Anatomy page: each of its views, for models of several families and with every kind of choice."""

import json
import re
import shutil
from pathlib import Path

import pytest

from pages.explore.anatomy.subject import short
from tests.families import family_folder
from tests.pages.conftest import words_on

PAGE = "explore/anatomy/page.py"
VIEWS = ("Parameters", "Configuration", "Module tree", "Compute", "Outputs", "Compare")


@pytest.fixture
def run_model(tiny_model_folder: Path, workspace: Path) -> str:
    """A finished run: a classifier of three classes, one with an odd name."""
    from transformers import BertConfig, BertForSequenceClassification

    folder = workspace / "runs" / "run-1" / "model"
    shutil.copytree(tiny_model_folder, folder)
    config = BertConfig.from_pretrained(folder, num_labels=3)
    config.id2label = {0: "good", 1: "**bad**", 2: "[x](https://example.org)"}
    BertForSequenceClassification(config).save_pretrained(folder)
    return "run-1"


def shown(app) -> str:
    """All prose of the page, without the marks that keep it from being read as Markdown."""
    return words_on(app).replace("\\", "").replace("\u2060", "")


def test_the_page_opens_with_the_figures_people_ask_for(open_page):
    app = open_page(PAGE)
    assert not app.exception
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures["Parameters"] == "22.7 M"
    assert figures["Layers × heads"] == "6 × 12"
    assert figures["Memory, fp32"] == "91.0 MB"
    table = app.dataframe[0].value.set_index("Kind")
    assert table.loc["All", "Parameters"] == table["Parameters"][:-1].sum() == 22_744_506
    assert "uses the word embeddings" in shown(app)


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_of_the_builtin_model(open_page, view: str):
    app = open_page(PAGE, **{"anatomy-view": view})
    assert not app.exception
    assert not app.error
    assert not app.warning
    assert app.segmented_control(key="anatomy-view").value == view


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("family", ["distilbert", "roberta", "albert", "electra"])
def test_every_view_of_every_family(open_page, tmp_path: Path, family: str, view: str):
    folder = family_folder(family, "masked-lm", tmp_path / family)
    app = open_page(PAGE, model="other", **{"anatomy-view": view, "model-name": str(folder)})
    assert not app.exception
    assert not app.error


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_of_a_finished_run(open_page, run_model: str, view: str):
    app = open_page(PAGE, model=run_model, **{"anatomy-view": view})
    assert not app.exception
    assert not app.error
    if view == "Configuration":
        assert '"1": "**bad**"' in shown(app)
    if view == "Outputs":
        logits = app.dataframe[1].value.iloc[0]
        assert (logits["Tensor"], logits["Axes"], logits["Shape"]) == ("logits", "batch, label", "2 × 3")


def test_freezing_changes_what_is_trainable(open_page):
    app = open_page(PAGE)
    app.toggle(key="freeze-embeddings").set_value(True).run()
    app.slider(key="freeze-layers").set_value(2).run()
    table = app.dataframe[0].value.set_index("Kind")
    assert table.loc["Embeddings", "Trainable"] == 0
    assert table.loc["Layers", "Trainable"] == table.loc["Layers", "Parameters"] * 4 // 6
    figures = {metric.label: metric.value for metric in app.metric}
    assert (figures["Share"], figures["Trainable"]) == ("32.0%", "7.3 M")


def test_a_link_that_freezes_more_layers_than_there_are_still_opens(open_page, run_model: str):
    app = open_page(PAGE, model=run_model, **{"freeze-layers": "9"})
    assert not app.exception
    assert app.slider(key="freeze-layers").value in (0, 2)


def test_freezing_survives_a_change_to_a_smaller_model(open_page, run_model: str):
    app = open_page(PAGE, **{"freeze-layers": "6"})
    app.selectbox(key="model").set_value(run_model).run()
    assert not app.exception
    assert app.slider(key="freeze-layers").max == 2


def test_the_configuration_marks_what_differs_from_the_default(open_page):
    app = open_page(PAGE, **{"anatomy-view": "Configuration"})
    assert "`hidden_size` **384** (default 768)" in shown(app)
    assert "3 values other than the default" in shown(app)
    assert str(Path.cwd()) not in shown(app)


def test_a_field_with_an_odd_name_and_value_stays_text(open_page, tiny_model_folder: Path, tmp_path: Path):
    folder = Path(shutil.copytree(tiny_model_folder, tmp_path / "odd"))
    path = folder / "config.json"
    odd = {"a`b": "![x](https://example.org/a.png)", "**c**": ":red[d]"}
    path.write_text(json.dumps(json.loads(path.read_text()) | odd))
    app = open_page(PAGE, model="other", **{"anatomy-view": "Configuration", "model-name": str(folder)})
    assert not app.exception
    assert "`ab` ![x](https://example.org/a.png)" in shown(app)
    assert not any("![x](" in element.value for element in app.markdown)


def test_the_tree_folds_layers_and_unfolds_them(open_page):
    app = open_page(PAGE, **{"anatomy-view": "Module tree"})
    folded = list(app.dataframe[0].value["Module"])
    assert any(name.endswith("└─ 0 … 5") for name in folded)
    app.toggle(key="every-layer").set_value(True).run()
    names = list(app.dataframe[0].value["Module"])
    assert len(names) > 2 * len(folded)
    assert names[-1].endswith("└─ decoder")


def test_work_and_shapes_follow_the_length(open_page):
    app = open_page(PAGE, length="512", **{"anatomy-view": "Compute"})
    table = app.dataframe[0].value.set_index("Part")
    assert table.loc["Attention scores, context", "FLOPs per text"] == 6 * 4 * 512 * 512 * 384
    app = open_page(PAGE, tokens="512", **{"anatomy-view": "Outputs", "batch-size": "3"})
    shapes = app.dataframe[1].value.set_index("Tensor")["Shape"]
    assert shapes["logits"] == "3 × 512 × 30522"
    assert shapes["attentions[5]"] == "3 × 12 × 512 × 512"
    assert shapes["hidden_states[6]"] == "3 × 512 × 384"


def test_comparing_with_a_well_known_model(open_page):
    app = open_page(PAGE, known="distilbert-base-uncased", **{"anatomy-view": "Compare"})
    table = app.dataframe[0].value.set_index("")
    assert table.loc["Parameters", "DistilBERT base"] == 66_362_880
    assert table.loc["Parameters", "Built-in BERT"] == 22_565_376  # without the head, and it has no pooler
    assert "2.9 times" in shown(app)
    assert "type_vocab_size" in set(app.dataframe[1].value["Setting"])


def by_hand(width: int, inner: int, layers: int, vocabulary: int, length: int) -> tuple[int, int]:
    """FLOPs per token of the encoder, and of a masked-language head: two for each weight and token, and the products
    of attention (scores, context) of each token with all others."""
    encoder = layers * (2 * (4 * width * width + 2 * width * inner) + 2 * 2 * length * width)
    return encoder, 2 * (width * width + width * vocabulary)


def work_on(app) -> dict[str, set[int]]:
    """Every number on the page called FLOPs per token, by its name: of the figures, and of the first model's table."""
    found: dict[str, set[int]] = {}
    for metric in app.metric:
        if metric.label.startswith("FLOPs per token"):
            found.setdefault(metric.label, set()).add(metric.value)
    return found


@pytest.mark.parametrize("length", [None, "512", "1"])
@pytest.mark.parametrize("view", VIEWS)
def test_one_number_for_flops_per_token_on_every_view(open_page, view: str, length: str | None):
    given = {"length": length} if length else {}
    app = open_page(PAGE, **given, **{"anatomy-view": view})
    tokens = int(length) if length and view == "Compute" else 128
    encoder, head = by_hand(384, 1536, 6, 30_522, tokens)
    label = f"FLOPs per token at {tokens}"
    assert work_on(app) == {label: {short(encoder + head)}}
    if view == "Compute":
        table = app.dataframe[0].value.set_index("Part")
        assert table[label].sum() == encoder + head == table["FLOPs per text"].sum() / tokens
        assert table.loc["Head", label] == head
    if view == "Compare":
        table = app.dataframe[0].value.set_index("")
        assert table.loc[label, "Built-in BERT"] == encoder
        assert f"{head:,} {label} more than in this table" in shown(app)  # so both add up to the figure at the top
        assert f"{22_744_506 - table.loc['Parameters', 'Built-in BERT']:,.0f} parameters" in shown(app)


def test_moving_the_length_moves_every_number_that_depends_on_it(open_page):
    app = open_page(PAGE, **{"anatomy-view": "Compute"})
    app.slider(key="length").set_value(300).run()
    assert work_on(app) == {"FLOPs per token at 300": {short(sum(by_hand(384, 1536, 6, 30_522, 300)))}}


def test_comparing_sizes_far_apart_shows_plain_numbers(open_page, run_model: str):
    app = open_page(PAGE, model=run_model, known="distilbert-base-uncased", **{"anatomy-view": "Compare"})
    table = app.dataframe[0].value.set_index("")
    small, large = table.loc["Parameters", "Run: run-1"], table.loc["Parameters", "DistilBERT base"]
    assert f"**{large / small:,.0f} times** those" in shown(app)
    app = open_page(PAGE, **{"anatomy-view": "Compare", "other-from": "A model at hand", "second-model": run_model})
    assert re.search(r"\*\*1/[1-9][\d,]+ times\*\* those", shown(app))


def test_comparing_with_a_model_at_hand_and_with_itself(open_page, run_model: str):
    app = open_page(PAGE, **{"anatomy-view": "Compare", "other-from": "A model at hand"})
    assert not app.exception
    assert "Both are the same model now" in shown(app)
    assert "None: both have the same configuration" in shown(app)
    app.selectbox(key="second-model").set_value(run_model).run()
    assert not app.exception
    assert "Run: run-1" in app.dataframe[0].value.columns


def test_a_model_that_is_not_there_is_told(open_page):
    app = open_page(PAGE, model="other", **{"model-name": "/no/such/folder"})
    assert not app.exception
    assert app.error
