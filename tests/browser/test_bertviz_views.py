"""bertviz's documents in a real browser: what is drawn equals the trace, the controls work, a text stays a text."""

import dataclasses
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, Dialog, Page, expect

from core import open_model, tokenize, trace
from core.explore.attention.bertviz_page import STEPS
from core.explore.attention.bertviz_views import head_view, model_view, neuron_view
from core.explore.trace import Trace
from tests.browser.conftest import RunningApp, settled
from tests.families import family_folder

EVIL = ("</script><img src=x onerror=alert(1)>", "<!--<script>", "</script><script>alert(2)</script>", "&lt;b&gt;")
HALF_A_STEP = 0.5 / STEPS + 1e-6
VIEWS = {"head": head_view, "model": model_view, "neuron": lambda t, **given: neuron_view(t, layer=1, **given)}
TOKENS = {"head": "svg #left text", "model": "svg g.detail text", "neuron": "#collapsed #leftText text"}


@pytest.fixture(scope="module")
def t(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    """A pair in a network of 3 layers and 4 heads: 7 positions of A, 3 of B."""
    model = open_model(str(family_folder("bert", "encoder", tmp_path_factory.mktemp("bert"))))
    return trace(model, tokenize(model, "the cat sat on mat", "a dog"))


@pytest.fixture
def dialogs(page: Page) -> list[str]:
    """What the page said in a dialog; each is closed, so that the page goes on."""
    said: list[str] = []

    def note(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)
    return said


def show(page: Page, document: str) -> None:
    page.set_content(document)
    expect(page.locator("svg line").first).to_be_attached()


def numbers(page: Page, selector: str, attribute: str) -> torch.Tensor:
    found = page.locator(selector).evaluate_all(
        "(elements, name) => elements.map((each) => each.getAttribute(name) ?? getComputedStyle(each)[name])", attribute
    )
    return torch.tensor([float(each) for each in found])


def assert_close(drawn: torch.Tensor, expected: torch.Tensor, room: float = HALF_A_STEP) -> None:
    torch.testing.assert_close(drawn, expected.flatten(), atol=room, rtol=0)


def test_head_view_draws_every_weight_and_its_controls_work(page: Page, t: Trace, console_errors):
    show(page, head_view(t, layer=1))
    lines = "#attention line"
    assert page.locator("svg #left text").all_text_contents() == list(t.tokens.tokens)
    assert page.locator("#layer option").all_text_contents() == ["1", "2", "3"]  # in words, not as in code
    assert_close(numbers(page, lines, "stroke-opacity"), t["layer.1.probabilities"] / t.heads)

    page.locator("#layer").select_option(label="3")
    assert_close(numbers(page, lines, "stroke-opacity"), t["layer.2.probabilities"] / t.heads)

    page.locator("svg > g:last-child > rect").nth(1).click()  # one head less
    drawn = numbers(page, lines, "stroke-opacity").reshape(t.heads, -1)
    assert not drawn[1].any()
    assert_close(drawn[0], t["layer.2.probabilities"][0] / (t.heads - 1))

    page.locator("#filter").select_option(label="Sentence A -> Sentence B")
    assert page.locator("svg #left text").all_text_contents() == list(t.tokens.tokens[:7])
    assert page.locator("svg #right text").all_text_contents() == list(t.tokens.tokens[7:])
    expect(page.locator(lines)).to_have_count(t.heads * 7 * 3)
    assert_close(
        numbers(page, "#attention [head-index='2'] line", "stroke-opacity"),
        t["layer.2.probabilities"][2, :7, 7:] / (t.heads - 1),
    )
    assert console_errors == []


def test_model_view_draws_every_head_and_enlarges_one(page: Page, t: Trace, console_errors):
    show(page, model_view(t, layers=[0, 2]))
    everything = torch.stack([t["layer.0.probabilities"], t["layer.2.probabilities"]])
    assert_close(numbers(page, "svg line", "stroke-opacity"), everything)

    page.locator("#attn_background_1_3 ~ rect").click()
    expect(page.get_by_text("Layer 3, Head 4")).to_be_visible()
    assert_close(numbers(page, "g.detail line", "stroke-opacity"), everything[1, 3])
    assert page.locator("g.detail text").all_text_contents() == list(t.tokens.tokens) * 2

    page.locator("#filter").select_option(label="Sentence B -> Sentence B")
    assert_close(numbers(page, "svg line", "stroke-opacity"), everything[:, :, 7:, 7:])
    assert console_errors == []


def test_neuron_view_computes_the_traces_scores_from_query_and_key(page: Page, t: Trace, console_errors):
    show(page, neuron_view(t, layer=2, head=1))
    assert page.locator("#layer option").all_text_contents() == ["3"]
    assert_close(numbers(page, "#collapsed line", "stroke-opacity"), t["layer.2.probabilities"][1])

    page.locator("#att_head").select_option(label="4")
    assert_close(numbers(page, "#collapsed line", "stroke-opacity"), t["layer.2.probabilities"][3])

    token = page.locator("#collapsed #leftText > g").nth(4)
    token.locator("text").hover()
    token.locator("rect").last.click(force=True)  # “+”: drawn as a path, clicked as an invisible box
    expect(page.locator("#expanded")).to_have_attribute("visibility", "visible")
    page.locator("#expanded #leftText text").nth(4).hover()
    assert_close(numbers(page, "#queries .element", "data-value"), t["layer.2.query"][3])
    assert_close(numbers(page, "#keys .element", "data-value"), t["layer.2.key"][3])
    # “q · k”: each of its few products errs by half a step times the other factor
    assert_close(numbers(page, ".dotproduct", "data-value"), t["layer.2.scaled"][3, 4], room=1e-3)
    assert_close(numbers(page, "#expanded #rightText .highlight", "opacity"), t["layer.2.probabilities"][3, 4])

    page.locator("#filter").select_option("ab")
    expect(page.locator("#keys .vector")).to_have_count(3)
    expect(page.locator("#queries .vector")).to_have_count(7)
    assert console_errors == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_evil_tokens_are_text_in_every_view(page: Page, t: Trace, dialogs, console_errors, view: str, theme: str):
    tokens = EVIL + t.tokens.tokens[len(EVIL) :]
    show(page, VIEWS[view](dataclasses.replace(t, texts=(dataclasses.replace(t.tokens, tokens=tokens),)), theme=theme))
    if view == "model":
        page.locator("#attn_background_0_0 ~ rect").click()
    assert tuple(page.locator(TOKENS[view]).all_text_contents()[: len(EVIL)]) == EVIL
    expect(page.locator("img")).to_have_count(0)
    assert (dialogs, console_errors) == ([], [])


@pytest.mark.parametrize("view", VIEWS)
def test_text_is_readable_in_the_dark(page: Page, t: Trace, view: str):
    show(page, VIEWS[view](t, theme="dark"))
    if view == "model":
        page.locator("#attn_background_0_0 ~ rect").click()
    assert page.locator("html").evaluate("(html) => getComputedStyle(html).backgroundColor") == "rgb(0, 0, 0)"
    fills = page.locator("svg text").evaluate_all("(texts) => texts.map((text) => getComputedStyle(text).fill)")
    assert set(fills) <= {"rgb(204, 204, 204)", "rgb(255, 255, 255)"}


def test_a_script_that_got_in_would_not_run(page: Page, t: Trace, dialogs, console_errors):
    show(page, head_view(t))
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "alert(1)";
            document.body.append(script);
            document.querySelector("#vis").setAttribute("onclick", "alert(2)");
            document.querySelector("#vis").click();
        }"""
    )
    assert dialogs == []
    assert len(console_errors) == 2
    assert all("Content Security Policy" in error for error in console_errors)


@pytest.mark.parametrize("view", VIEWS)
def test_views_are_drawn_inside_streamlit(browser: Browser, tmp_path: Path, t: Trace, view: str):
    (tmp_path / "view.html").write_text(VIEWS[view](t), encoding="utf-8")
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\nimport streamlit as st\n"
        f"st.iframe(Path({str(tmp_path / 'view.html')!r}).read_text(encoding='utf-8'), height=600)\n",
        encoding="utf-8",
    )
    host = RunningApp.fresh(tmp_path / "host")
    host.start(str(script))
    try:
        asked: list[str] = []
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(host.base_url)
        frame = page.frame_locator("iframe[data-testid=stIFrame]")
        expect(frame.locator("svg line").first).to_be_attached()
        settled(page)
        assert frame.locator("svg line").count() >= t.heads * len(t.tokens)
        assert [url for url in asked if not url.startswith((host.base_url, "data:", "blob:", "about:"))] == []
        page.close()
    finally:
        host.stop()
