"""The Attention page in a real browser: heads, pins, words, layers, saved pictures, bertviz, and a text that bites."""

import re
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Locator, Page, expect

from core import open_model, tokenize, trace
from core.models.loading import load_for_training
from tests.browser.conftest import settled
from tests.pages.explore.test_attention_page import EXAMPLE, ROUNDING, VIEWS

EVIL = "</script><img src=x onerror=alert(1)>"
# The contrast of each element's text with what lies behind it (WCAG 2).
CONTRAST = """(elements) => elements.map((element) => {
    const pen = new OffscreenCanvas(1, 1).getContext("2d");
    pen.fillStyle = "white";
    pen.fillRect(0, 0, 1, 1);
    const light = (color) => {
        pen.fillStyle = color;
        pen.fillRect(0, 0, 1, 1);
        const [red, green, blue] = [...pen.getImageData(0, 0, 1, 1).data].map((channel) => {
            const share = channel / 255;
            return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const behind = [];
    for (let each = element; each; each = each.parentElement ?? each.getRootNode().host) {
        behind.unshift(getComputedStyle(each).backgroundColor);
    }
    const ground = behind.map(light).at(-1);
    const text = light(getComputedStyle(element).color);
    return (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
})"""


def opened(page: Page, query: str = "") -> Locator:
    """The page with its lines drawn; the lines."""
    page.goto(f"/attention{query}")
    view = page.locator(".attention")
    expect(view.locator(".queries .token").first).to_be_visible()
    settled(page)
    return view


def labels(view: Locator, side: str = "queries") -> list[str]:
    return view.locator(f".{side} .token .text").all_text_contents()


def show(page: Page, name: str) -> None:
    page.get_by_test_id("stMain").get_by_role("radio", name=name, exact=True).click()


@pytest.fixture
def dialogs(page: Page) -> list[str]:
    """What the page said in a dialog; each is closed, so that the page goes on."""
    said: list[str] = []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    return said


def test_heads_are_toggled_and_two_tokens_pinned_and_a_link_brings_them_back(page: Page, console_errors: list[str]):
    view = opened(page)
    heads = view.locator(".heads button")
    expect(heads).to_have_count(12)
    before = view.locator(".count").text_content()
    heads.nth(3).dblclick()
    expect(view.locator('.heads button[aria-pressed="true"]')).to_have_count(1)
    expect(view.locator(".count")).not_to_have_text(before)
    heads.nth(5).click()
    expect(page.get_by_role("button", name="All links of 2 heads as CSV")).to_be_visible()
    view.locator(".queries .token").nth(2).click()
    view.locator(".queries .token").nth(4).click()
    page.wait_for_url(re.compile(r"pinned=2(%2C|,)4"))
    assert re.search(r"heads=3(%2C|,)5", page.url)
    settled(page)
    address = page.url
    page.goto("/")
    page.goto(address)
    expect(page.get_by_role("button", name="All links of 2 heads as CSV")).to_be_visible()
    expect(view.locator('.heads button[aria-pressed="true"]')).to_have_text(["4", "6"])
    settled(page)
    assert re.search(r"pinned=2(%2C|,)4", page.url)
    assert console_errors == []


def test_words_are_merged_and_special_tokens_hidden(page: Page, console_errors: list[str]):
    view = opened(page, "?attended=unbelievably+tokenized")
    assert labels(view)[0] == "[CLS]"
    assert len(labels(view)) > 4
    page.get_by_text("Whole words", exact=True).click()
    expect(page.get_by_text("Tokens are merged into words")).to_be_visible()
    expect(view.locator(".queries .token")).to_have_count(4)
    page.get_by_text("Hide special tokens", exact=True).click()
    expect(view.locator(".queries .token")).to_have_count(2)
    assert labels(view) == labels(view, "keys") == ["unbelievably", "tokenized"]
    expect(page.get_by_text("Rows no longer sum to 1")).to_be_visible()
    assert console_errors == []


def test_another_layer_keeps_the_chosen_head(page: Page):
    view = opened(page)
    view.locator(".heads button").nth(7).dblclick()
    expect(page.get_by_role("button", name="All links of this head as CSV")).to_be_visible()
    drawn = view.locator(".count").text_content()
    show(page, "4")
    expect(view.locator(".count")).not_to_have_text(drawn)
    expect(view.locator('.heads button[aria-pressed="true"]')).to_have_text(["8"])
    expect(view).to_have_attribute("aria-label", re.compile("layer 4"))


def test_pictures_and_the_table_are_saved(page: Page):
    view = opened(page, f"?layer=0&heads={','.join(map(str, range(12)))}")
    for button, name in (("Save PNG", ".png"), ("Save SVG", ".svg")):
        with page.expect_download() as download:
            view.get_by_role("button", name=button).click()
        assert download.value.suggested_filename == f"attention-layer-1{name}"
    with page.expect_download() as download:
        page.get_by_role("button", name="as CSV").click()
    table = pd.read_csv(download.value.path(), keep_default_na=False)
    assert list(table) == ["layer", "head", "in code", "query_position", "query", "key_position", "key", "weight"]
    model = open_model("builtin")
    exact = trace(model, tokenize(model, EXAMPLE))["layer.0.probabilities"]
    np.testing.assert_allclose(table["weight"], exact.flatten(), atol=ROUNDING)


def test_a_small_picture_opens_its_head(page: Page):
    page.goto("/attention?attention-view=All+heads")
    page.get_by_role("button", name="layer 4, head 3", exact=True).click()
    expect(page.get_by_text("In layer 4, head 3 (layer.3 head 2 in code)")).to_be_visible()
    expect(page.get_by_role("radio", name="One head")).to_be_checked()
    settled(page)
    assert "layer=3" in page.url


def test_every_head_is_tried_and_a_clicked_picture_switches_it_off(page: Page, console_errors: list[str]):
    page.goto("/attention?attention-view=Switch+off+heads")
    expect(page.get_by_text("The mask", exact=False).first).to_be_visible()
    page.get_by_text("Choose by their pictures").click()
    head = page.get_by_role("button", name="layer 3, head 5", exact=True)
    head.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Without 2 heads")).to_be_visible()
    settled(page)
    expect(head).to_be_focused()  # the grid was drawn again, and one goes on from there
    page.get_by_role("button", name="Try every head alone").click()
    expect(page.get_by_text("The answer depends most on")).to_be_visible()
    settled(page)
    assert console_errors == []


def test_trying_every_head_can_be_cancelled_and_done_again(page: Page, console_errors: list[str]):
    page.goto("/attention?attention-view=Switch+off+heads")
    expect(page.get_by_text("The mask", exact=False).first).to_be_visible()
    field = page.get_by_label("Text", exact=True)
    field.fill("[MASK] " + "word " * 600)  # so that there is time to cancel
    field.press("Enter")
    expect(page.get_by_text("The text is cut")).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Try every head alone").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Try every head alone")).to_be_visible()
    settled(page)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    expect(page.get_by_text("The answer depends most on")).to_have_count(0)
    assert "swept" not in page.url
    field.fill("A short [MASK].")
    field.press("Enter")
    expect(page.get_by_text("The text is cut")).to_have_count(0)
    settled(page)
    page.get_by_role("button", name="Try every head alone").click()
    expect(page.get_by_text("The answer depends most on")).to_be_visible()
    page.wait_for_url(re.compile("swept="))
    assert console_errors == []


def test_measuring_a_data_set_can_be_cancelled(page: Page):
    page.goto("/attention?attention-view=Summary&over=A+data+set&statistics-rows=500")
    page.get_by_role("button", name="Measure").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Measure")).to_be_visible()
    settled(page)
    expect(page.get_by_test_id("stPlotlyChart")).to_have_count(0)


def test_a_link_brings_back_what_the_answer_rests_on(page: Page, console_errors: list[str]):
    page.goto("/attention?attention-view=What+the+answer+rests+on&attended=The+[MASK]+saw+the+[MASK].")
    expect(page.get_by_text("completeness gap")).to_be_visible()
    settled(page)
    for name, number in (("Mask", 1), ("Answer", 2), ("A token taken away becomes", 2)):
        page.get_by_test_id("stSelectbox").filter(has_text=name).get_by_role("combobox").click()
        page.get_by_role("option").nth(number).click()
        page.wait_for_timeout(300)
        settled(page)
    show(page, "Occlusion")
    expect(page.get_by_text("has a probability of")).to_be_visible()
    settled(page)
    chosen = page.get_by_text("has a probability of").text_content()
    assert "explained-mask=2" in page.url
    address = page.url
    page.goto("/")
    page.goto(address)
    expect(page.get_by_text("has a probability of")).to_have_text(chosen)


def test_a_difference_is_drawn_in_two_colours(page: Page, console_errors: list[str]):
    view = opened(page, "?attention-view=Compare")
    expect(view.locator(".heads button")).to_have_text(["more", "less"])
    both = int(view.get_attribute("data-lines"))
    view.locator(".heads button").first.dblclick()
    expect(view.locator('.heads button[aria-pressed="true"]')).to_have_text(["more"])
    expect(view).not_to_have_attribute("data-lines", str(both))
    assert 0 < int(view.get_attribute("data-lines")) < both
    view.locator(".queries .token").nth(2).click()
    expect(view.locator(".keys .number").filter(has_text=re.compile(r"^[+−][0-9.]+$")).first).to_be_visible()
    page.wait_for_url(re.compile("difference-pinned=2"))
    with page.expect_download() as download:
        view.get_by_role("button", name="Save SVG").click()
    assert ">more</text>" in download.value.path().read_text("utf-8")
    assert console_errors == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_chosen_buttons_can_be_read(page: Page, theme: str):
    page.emulate_media(color_scheme=theme)
    view = opened(page, "?whole-words=true&more-layers=2")
    page.get_by_text("More layers").click()
    expect(page.get_by_text("Draws other layers")).to_be_visible()
    for chosen in (page.locator(".stButtonGroup [data-selected]"), view.locator(".heads button")):
        ratios = chosen.evaluate_all(CONTRAST)
        assert ratios
        assert min(ratios) >= 4.5


@pytest.mark.parametrize("view", ["Head view", "Model view", "Neuron view"])
def test_bertviz_is_drawn_offline_and_can_be_saved(page: Page, view: str):
    # The fixture `page` fails the test when anything but the app is asked for.
    page.goto(f"/attention?attention-view=bertviz&bertviz-view={view.replace(' ', '+')}")
    frame = page.get_by_test_id("stIFrame").content_frame
    expect(frame.locator("svg line").first).to_be_attached()
    settled(page)
    expect(page.get_by_test_id("stIFrame")).to_have_attribute("title", re.compile(f"bertviz, {view.lower()}"))
    room = "(svg) => svg.getBoundingClientRect().width - svg.getBBox().x - svg.getBBox().width"
    assert frame.locator("svg").first.evaluate(room) >= 0  # nothing is cut off; the frame scrolls
    with page.expect_download() as download:
        frame.get_by_role("button", name="Save SVG").click()
    saved = download.value.path().read_text("utf-8")
    assert saved.count("<line") >= frame.locator("svg line").count()
    with page.expect_download() as download:
        frame.get_by_role("button", name="Save PNG").click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")
    with page.expect_download() as download:
        page.get_by_role("button", name="as CSV").click()
    assert download.value.path().read_text("utf-8").count("\n") > 10


def test_a_long_text_is_drawn(page: Page, console_errors: list[str]):
    view = opened(page)
    field = page.get_by_label("Text", exact=True)
    field.fill("word " * 10_000)
    field.press("Enter")
    expect(view.locator(".queries .token")).to_have_count(512)
    expect(view).to_have_attribute("data-drawn", "true")
    settled(page)
    view.locator(".queries .token").nth(3).hover()
    expect(view.locator(".keys .number").first).to_have_text(re.compile(r"^[<.0-9]+$"))
    box = view.locator(".keys .number").first.bounding_box()
    assert box["width"] > 2 * box["height"]  # written along the line, not downwards
    assert console_errors == []


@pytest.mark.parametrize("view", VIEWS)
def test_an_evil_text_stays_a_text(page: Page, dialogs: list[str], console_errors: list[str], view: str):
    page.goto(f"/attention?attention-view={view.replace(' ', '+')}&attended-with-pair=true")
    expect(page.get_by_role("radio", name=view)).to_be_checked()
    settled(page)
    fields = ["Text", "Second text"] + ["Other text"] * (view == "Compare")
    for name in fields:
        field = page.get_by_label(name, exact=True)
        field.fill(f"{EVIL} [MASK]")
        field.press("Enter")
        page.wait_for_timeout(300)
        settled(page)
    if view == "bertviz":
        expect(page.get_by_test_id("stIFrame").content_frame.locator("svg").first).to_be_attached()
    assert dialogs == []
    assert page.locator("img[src='x']").count() == 0
    expect(page.get_by_test_id("stException")).to_have_count(0)
    assert [each for each in console_errors if "sandbox" not in each] == []


@pytest.mark.parametrize(
    "query",
    [
        "attention-view=All+heads&as-picture=true",
        "attention-view=Lines&layout=Horizontal&whole-words=true",
        *(f"attention-view=Summary&summary={kind}" for kind in ("Roll-out", "Mean+over+heads", "Mean+over+layers")),
        "attention-view=What+the+answer+rests+on&method=Occlusion&whole-words=true",
        "attention-view=Compare&drawn=Matrix",
        "attention-view=Compare&compare=Two+models&compared-model=teaching",
        "attention-view=bertviz&bertviz-view=Model+view",
        "attention-view=bertviz&bertviz-view=Neuron+view",
    ],
)
def test_an_evil_text_by_link_stays_a_text(page: Page, dialogs: list[str], console_errors: list[str], query: str):
    evil = quote(f"{EVIL} [MASK]")
    texts = f"attended={evil}&attended-with-pair=true&attended-pair={evil}&compared-text={evil}"
    page.goto(f"/attention?{query}&{texts}")
    expect(page.get_by_text("not why the model answers")).to_be_visible()
    settled(page)
    assert dialogs == []
    assert page.locator("img[src='x']").count() == 0
    expect(page.get_by_test_id("stException")).to_have_count(0)
    assert [each for each in console_errors if "sandbox" not in each] == []


def test_an_evil_label_of_a_model_stays_a_text(
    page: Page, dialogs: list[str], console_errors: list[str], workspace: Path, tiny_model_folder: Path
):
    labels = (EVIL, f"{EVIL} again")
    network, tokenizer = load_for_training(str(tiny_model_folder), task="sequence-classification", labels=labels)
    for part in (network, tokenizer):
        part.save_pretrained(workspace / "runs" / "run-evil" / "model")
    for view in ("Switch off heads", "What the answer rests on", "What the answer rests on&method=Occlusion"):
        page.goto(f"/attention?model=run-evil&attended=the+cat+sat&attention-view={view.replace(' ', '+')}")
        expect(page.locator(".js-plotly-plot .main-svg, .strip button").first).to_be_visible()
        settled(page)
        expect(page.get_by_test_id("stMain")).to_contain_text("script")
        assert page.locator("img[src='x']").count() == 0
    assert dialogs == []
    assert console_errors == []


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_fits_a_phone(page: Page, view: str):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"/attention?attention-view={view.replace(' ', '+')}")
    expect(page.get_by_text("not why the model answers")).to_be_visible()
    settled(page)
    overflow = page.get_by_test_id("stMain").evaluate("(main) => main.scrollWidth - main.clientWidth")
    assert overflow <= 0
