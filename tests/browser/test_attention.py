"""The Attention page in a real browser: heads, pins, words, layers, saved pictures, bertviz, and a text that bites."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import settled
from tests.pages.test_attention_page import VIEWS

EVIL = "</script><img src=x onerror=alert(1)>"


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
    expect(view.locator('.heads button[aria-pressed="true"]')).to_have_text(["3", "5"])
    settled(page)
    assert re.search(r"pinned=2(%2C|,)4", page.url)
    assert console_errors == []


def test_words_are_merged_and_special_tokens_hidden(page: Page, console_errors: list[str]):
    view = opened(page, "?attended=unbelievably+tokenized")
    assert labels(view)[0] == "[CLS]"
    assert len(labels(view)) > 4
    page.get_by_text("Whole words", exact=True).click()
    expect(page.get_by_text("Pieces are merged into words")).to_be_visible()
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
    expect(view.locator('.heads button[aria-pressed="true"]')).to_have_text(["7"])
    expect(view).to_have_attribute("aria-label", re.compile("layer 4"))


def test_pictures_and_the_table_are_saved(page: Page):
    view = opened(page)
    for button, name in (("Save PNG", ".png"), ("Save SVG", ".svg")):
        with page.expect_download() as download:
            view.get_by_role("button", name=button).click()
        assert download.value.suggested_filename == f"attention-layer-0{name}"
    with page.expect_download() as download:
        page.get_by_role("button", name="as CSV").click()
    assert (
        download.value.path().read_text("utf-8").startswith("layer,head,query_position,query,key_position,key,weight")
    )


def test_a_small_picture_opens_its_head(page: Page):
    page.goto("/attention?attention-view=All+heads")
    page.get_by_role("button", name="layer 3, head 2", exact=True).click()
    expect(page.get_by_text("Layer 3, head 2: each row is a token that looks")).to_be_visible()
    expect(page.get_by_role("radio", name="One head")).to_be_checked()
    settled(page)
    assert "layer=3" in page.url


def test_every_head_is_tried_and_a_clicked_picture_switches_it_off(page: Page, console_errors: list[str]):
    page.goto("/attention?attention-view=Switch+off+heads")
    expect(page.get_by_text("The mask", exact=False).first).to_be_visible()
    page.get_by_text("Choose by their pictures").click()
    page.get_by_role("button", name="layer 2, head 4", exact=True).click()
    expect(page.get_by_text("Without 2 heads")).to_be_visible()
    page.get_by_role("button", name="Try every head alone").click()
    expect(page.get_by_text("Most depends on")).to_be_visible()
    settled(page)
    assert console_errors == []


@pytest.mark.parametrize(("view", "drawn"), [("Head view", "svg"), ("Model view", "svg"), ("Neuron view", "svg")])
def test_bertviz_is_drawn_offline(page: Page, view: str, drawn: str):
    # The fixture `page` fails the test when anything but the app is asked for.
    page.goto(f"/attention?attention-view=bertviz&bertviz-view={view.replace(' ', '+')}")
    frame = page.get_by_test_id("stIFrame").content_frame
    expect(frame.locator(f"{drawn} line").first).to_be_attached()
    settled(page)


def test_a_long_text_is_drawn(page: Page, console_errors: list[str]):
    view = opened(page)
    field = page.get_by_label("Text", exact=True)
    field.fill("word " * 10_000)
    field.press("Enter")
    expect(view.locator(".queries .token")).to_have_count(512)
    expect(view).to_have_attribute("data-drawn", "true")
    settled(page)
    assert console_errors == []


@pytest.mark.parametrize("view", VIEWS)
def test_an_evil_text_stays_a_text(page: Page, dialogs: list[str], console_errors: list[str], view: str):
    page.goto(f"/attention?attention-view={view.replace(' ', '+')}&attended-with-pair=true")
    expect(page.get_by_role("radio", name=view)).to_be_checked()
    settled(page)
    for name in ("Text", "Second text"):
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


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_fits_a_phone(page: Page, view: str):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"/attention?attention-view={view.replace(' ', '+')}")
    expect(page.get_by_text("not why the model answers")).to_be_visible()
    settled(page)
    overflow = page.get_by_test_id("stMain").evaluate("(main) => main.scrollWidth - main.clientWidth")
    assert overflow <= 0
