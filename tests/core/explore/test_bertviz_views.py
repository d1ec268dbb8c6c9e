"""bertviz's views as documents. Oracles: bertviz's own Python functions given the same tensors, and the trace."""

import base64
import dataclasses
import hashlib
import json
import re
import sys
from html.parser import HTMLParser
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from core import LabError, open_model, tokenize, trace
from core.explore.attention import bertviz_page, bertviz_views
from core.explore.attention.bertviz_page import STEPS
from core.explore.attention.bertviz_views import head_view, model_view, neuron_view
from core.explore.trace import Trace
from core.models.loading import Model
from tests.families import FAMILIES, family_folder

TEXT, PAIR = "the cat sat on the mat", "a dog"
EVIL = ("</script><img src=x onerror=alert(1)>", "<!--<script>", "]]>&lt;'\"`\\", "\u2028\u202e", "</title><style>")
# bertviz does not close the script files it reads.
OPEN_FILES = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
HALF_A_STEP = 0.5 / STEPS + 1e-7
VIEWS = {"head": head_view, "model": model_view, "neuron": lambda t, **given: neuron_view(t, layer=1, **given)}


class Page(HTMLParser):
    """What a document holds: its tags with their attributes, and the text of every script."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._in_script = False
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in_script = tag == "script"
        if self._in_script:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = self._in_script and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts[-1] += data

    @property
    def params(self) -> dict:
        return json.loads(self.scripts[0])


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    folder = tmp_path_factory.mktemp("families")
    return {family: open_model(str(family_folder(family, "encoder", folder / family))) for family in FAMILIES}


@pytest.fixture(scope="module")
def single(models: dict[str, Model]) -> Trace:
    return trace(models["bert"], tokenize(models["bert"], TEXT))


def of_length(model: Model, positions: int) -> Trace:
    return trace(model, tokenize(model, " ".join(["cat"] * (positions - 2))))


def with_tokens(t: Trace, tokens: tuple[str, ...]) -> Trace:
    """The same trace as if its tokens were called otherwise."""
    tokens = (tokens + t.tokens.tokens)[: len(t.tokens)]
    return dataclasses.replace(t, texts=(dataclasses.replace(t.tokens, tokens=tokens),))


def values(packed: list) -> torch.Tensor:
    return torch.tensor(packed, dtype=torch.float64) / STEPS


def bertviz_params(document: str) -> dict:
    """The data inside a document of bertviz's own making."""
    start = re.search(r"^\s*(?:const params|window\.bertviz_params) = (?=\{)", document, re.MULTILINE).end()
    return json.JSONDecoder().raw_decode(document, start)[0]


def sentence_b_start(t: Trace) -> int | None:
    return t.tokens.sequence.index(1) if 1 in t.tokens.sequence else None


def assert_same_parts(ours: list[dict], theirs: list[dict]) -> None:
    assert len(ours) == len(theirs)
    for own, other in zip(ours, theirs, strict=True):
        assert own.keys() == other.keys()
        for name in own.keys() & {"attn", "queries", "keys"}:
            expected = torch.tensor(other[name], dtype=torch.float64)
            torch.testing.assert_close(values(own[name]), expected, atol=HALF_A_STEP, rtol=0)
        assert {name: own[name] for name in own.keys() & {"name", "left_text", "right_text"}} == {
            name: other[name] for name in other.keys() & {"name", "left_text", "right_text"}
        }


@OPEN_FILES
@pytest.mark.parametrize("pair", [None, PAIR])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("view", ["head", "model"])
def test_head_and_model_view_hold_what_bertviz_itself_would_show(models, view: str, family: str, pair: str | None):
    import bertviz

    model = models[family]
    t = trace(model, tokenize(model, TEXT, pair))
    attention = [t[f"layer.{layer}.probabilities"][None] for layer in range(t.layers)]
    own = {"head": bertviz.head_view, "model": bertviz.model_view}[view]
    theirs = bertviz_params(
        own(attention, list(t.tokens.tokens), sentence_b_start=sentence_b_start(t), html_action="return").data
    )
    ours = Page(VIEWS[view](t)).params
    assert_same_parts(ours.pop("attention"), theirs.pop("attention"))
    assert ours.keys() == theirs.keys() | {"steps"}
    for name in ("default_filter", "include_layers", "heads", "include_heads", "total_heads"):
        assert ours.get(name) == theirs.get(name)


@OPEN_FILES
@pytest.mark.parametrize("pair", [None, PAIR])
def test_the_neuron_view_holds_what_bertviz_itself_would_show(models, pair: str | None):
    from bertviz.neuron_view import show

    model = models["bert"]
    t = trace(model, tokenize(model, TEXT, pair))
    layer = {"attn": "probabilities", "queries": "query", "keys": "key"}

    class Network:
        """Answers as bertviz's own copy of BERT does."""

        eval = staticmethod(lambda: None)

        def __call__(self, *_args, **_options):
            return [[{name: t[f"layer.1.{ours}"][None] for name, ours in layer.items()}]]

    tokenizer = SimpleNamespace(
        cls_token="[CLS]",
        sep_token="[SEP]",
        tokenize=lambda text: model.tokenizer.tokenize(text),
        convert_tokens_to_ids=lambda tokens: model.tokenizer.convert_tokens_to_ids(tokens),
    )
    theirs = bertviz_params(show(Network(), "bert", tokenizer, TEXT, pair, "light", 0, 2, html_action="return").data)
    ours = Page(neuron_view(t, layer=1, head=2)).params
    own_parts, other_parts = ours.pop("attention"), theirs.pop("attention")
    assert own_parts.keys() == other_parts.keys()
    assert_same_parts([own_parts[name] for name in other_parts], list(other_parts.values()))
    del theirs["root_div_id"]
    assert theirs.items() <= ours.items()
    assert ours["layer_name"] == "2"  # in words


@pytest.mark.parametrize("family", FAMILIES)
def test_softmax_of_the_neuron_views_q_times_k_is_the_traces_attention(models, family: str):
    model = models[family]
    t = trace(model, tokenize(model, TEXT, PAIR))
    shown = Page(neuron_view(t, layer=2, head=3)).params["attention"]["all"]
    q, k, attention = (values(shown[name][0]) for name in ("queries", "keys", "attn"))
    head_dim = q.shape[-1]
    assert head_dim == t.parts.layers[2].head_dim
    scores = q @ k.mT / head_dim**0.5  # what bertviz's script draws under “q · k”
    exact = t["layer.2.scaled"].double()
    # Each of head_dim products errs by half a step times the other factor, twice.
    room = head_dim**0.5 * HALF_A_STEP * (q.abs().max() + k.abs().max() + 1)
    assert (scores - exact).abs().max() < room
    torch.testing.assert_close(scores.softmax(-1), attention, atol=2 * float(room) + HALF_A_STEP, rtol=0)
    torch.testing.assert_close(attention, t["layer.2.probabilities"].double(), atol=HALF_A_STEP, rtol=0)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_a_document_asks_for_nothing_and_runs_its_own_scripts_only(single, view: str, theme: str):
    document = VIEWS[view](single, theme=theme)
    page = Page(document)
    assert document.startswith(f'<!doctype html><html lang="en" class="{view} {theme}">')
    assert {tag for tag, _ in page.tags}.isdisjoint({"link", "img", "iframe", "base", "object", "embed"})
    assert not [attributes for _, attributes in page.tags if attributes.keys() & {"src", "href", "style"}]
    assert not re.search(r"cdnjs|unpkg|jsdelivr|require\.config|PYTHON_PARAMS;", document)
    policy = next(attributes["content"] for _, attributes in page.tags if "http-equiv" in attributes)
    assert policy.startswith("default-src 'none';")
    for script in page.scripts[1:]:
        assert f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy
    assert policy.count("sha256-") == len(page.scripts) - 1


@pytest.mark.parametrize("view", VIEWS)
def test_a_token_is_data_and_never_part_of_the_page(single, view: str):
    harmless, evil = VIEWS[view](single), VIEWS[view](with_tokens(single, EVIL))
    assert Page(evil).tags == Page(harmless).tags
    data = Page(evil).scripts[0]
    assert not set("<\u2028\u202e") & set(data)
    parts = json.loads(data)["attention"]
    shown = parts["all"] if view == "neuron" else parts[0]
    assert tuple(shown["left_text"][: len(EVIL)]) == tuple(shown["right_text"][: len(EVIL)]) == EVIL


def test_byte_level_tokens_are_shown_as_the_characters_they_stand_for(models):
    model = models["roberta"]
    t = trace(model, tokenize(model, "the 😀 naïve mat"))
    shown = Page(head_view(t)).params["attention"][0]["left_text"]
    assert shown.count("😀") == t.tokens.tokens.index("ĠnaÃ¯ve") - 3  # as many as it takes bytes
    assert " naïve" in shown


def test_padding_is_named(models):
    model = models["bert"]
    t = trace(model, tokenize(model, TEXT), padding=2)
    for view in VIEWS.values():
        parts = Page(view(t)).params["attention"]
        shown = (parts["all"] if isinstance(parts, dict) else parts[0])["left_text"]
        assert shown == [*t.tokens.tokens, "[PAD]", "[PAD]"]


def test_layers_can_be_chosen_and_keep_their_numbers(single):
    params = Page(head_view(single, layers=[2, 1], layer=1)).params
    assert (params["include_layers"], params["layer"]) == ([2, 1], 1)
    second = values(params["attention"][0]["attn"])[1]
    torch.testing.assert_close(second, single["layer.1.probabilities"].double(), atol=HALF_A_STEP, rtol=0)
    assert Page(head_view(single, layers=[2])).params["layer"] == 2
    assert Page(model_view(single, layers=[2])).params["include_layers"] == [2]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda t: head_view(t, layers=[3]), "no layer.3"),
        (lambda t: head_view(t, layers=[]), "no layer chosen"),
        (lambda t: head_view(t, layers=[1], layer=0), "layer.0 is not among"),
        (lambda t: model_view(t, layers=[-1]), "no layer.-1"),
        (lambda t: neuron_view(t, layer=3), "no layer.3"),
        (lambda t: neuron_view(t, layer=0, head=4), "no head 4"),
    ],
)
def test_a_layer_or_head_that_is_not_there_is_refused(single, make, words: str):
    with pytest.raises(LabError, match=words):
        make(single)


@pytest.mark.parametrize("view", VIEWS)
def test_several_texts_are_refused(models, view: str):
    model = models["bert"]
    with pytest.raises(LabError, match="one text at a time"):
        VIEWS[view](trace(model, [tokenize(model, TEXT), tokenize(model, PAIR)]))


@pytest.mark.parametrize(("view", "most"), [("head", 70), ("model", 32), ("neuron", 64)])
def test_a_text_beyond_the_limit_is_refused_with_the_limit(models, monkeypatch, view: str, most: int):
    monkeypatch.setattr(bertviz_views, "HEAD_VIEW_POSITIONS", 70)  # the small models end at 80 positions
    only = {"layers": [0]} if view == "head" else {}
    assert VIEWS[view](of_length(models["bert"], most), **only)
    with pytest.raises(LabError, match=f"{most + 1} positions, and bertviz's {view} view {most} at most"):
        VIEWS[view](of_length(models["bert"], most + 1), **only)


def test_a_long_text_takes_one_layer_at_a_time(models):
    assert head_view(of_length(models["bert"], 64))
    with pytest.raises(LabError, match="one layer at a time"):
        head_view(of_length(models["bert"], 65))
    assert head_view(of_length(models["bert"], 65), layers=[1])


def test_values_that_are_not_numbers_are_refused(models, tmp_path: Path):
    model = open_model(str(family_folder("bert", "encoder", tmp_path / "broken")))
    with torch.no_grad():
        model.network.base_model.encoder.layer[0].attention.self.query.bias[0] = torch.nan
    with pytest.raises(LabError, match="not numbers"):
        head_view(trace(model, tokenize(model, TEXT)))


@pytest.mark.parametrize("view", VIEWS)
def test_no_notebook_is_needed(single, monkeypatch, view: str):
    monkeypatch.setitem(sys.modules, "IPython", None)  # an import would fail
    monkeypatch.setitem(sys.modules, "bertviz", None)
    assert VIEWS[view](single)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(
    ("package", "change"),
    [
        ("bertviz", None),
        ("mpld3", None),
        ("XStatic-jQuery", None),
        ("mpld3", lambda script: script.replace("v5.7.0", "v7.0.0")),
        ("bertviz", lambda script: script.replace("params = ", "data = ")),
        ("bertviz", lambda script: script.replace("require.config({", "requirejs.config({")),
        ("bertviz", lambda script: script + "load('https://cdnjs.cloudflare.com/ajax/libs/other.js')"),
    ],
)
def test_changed_or_missing_packages_are_named(single, monkeypatch, request, package: str, change, view: str):
    real = metadata.files

    def files(name: str):
        if name != package:
            return real(name)
        if change is None:
            raise metadata.PackageNotFoundError(name)
        return [
            SimpleNamespace(
                as_posix=file.as_posix, read_text=lambda encoding, file=file: change(file.read_text(encoding))
            )
            for file in real(name)
        ]

    request.addfinalizer(bertviz_page._installed.cache_clear)
    bertviz_page._installed.cache_clear()
    monkeypatch.setattr(metadata, "files", files)
    with pytest.raises(LabError, match=package) as caught:
        VIEWS[view](single)
    assert "requirements.txt" in caught.value.remedy


def test_libraries_cannot_end_their_script_tag(monkeypatch, request):
    request.addfinalizer(bertviz_page._installed.cache_clear)
    text = 'begin "</script><!--<script>"'
    file = SimpleNamespace(as_posix=lambda: "a.js", read_text=lambda encoding: text)
    monkeypatch.setattr(metadata, "files", lambda name: [file])
    assert bertviz_page._installed("some", "a.js", "begin") == 'begin "<\\/script><\\!--<script>"'
