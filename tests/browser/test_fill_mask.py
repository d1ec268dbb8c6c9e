"""Every view of Fill the [MASK] in a real browser: type, click, wait, and read the answer."""

import re

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import settled
from tests.browser.test_attention import CONTRAST
from tests.pages.explore.test_fill_mask_page import VIEWS

EVIL = "</script><img src=x onerror=alert(1)>"


def opened(page: Page, view: str = "", **query: str) -> None:
    words = "&".join(f"{name}={value}" for name, value in ({"fill-view": view} | query).items() if value)
    page.goto(f"/fill-mask?{words}")
    expect(page.get_by_role("heading", name="Fill the [MASK]")).to_be_visible()


def type_text(page: Page, text: str) -> None:
    field = page.get_by_label("Text", exact=True)
    field.fill(text)
    field.press("Control+Enter")


def bars(page: Page, number: int = 0):
    return page.locator(".js-plotly-plot").nth(number)


def test_words_hidden_by_a_double_click_are_brought_back(page: Page, console_errors: list[str]):
    opened(page)
    type_text(page, "The unaffable cat sat on the mat.")
    page.get_by_role("button", name="cat", exact=True).dblclick()
    expect(page.get_by_text("You hid “cat”: place")).to_be_visible()
    settled(page)
    expect(page.get_by_text("You hid “cat”: place")).to_be_visible()  # the second half of it undid nothing
    page.get_by_role("button", name="unaffable", exact=True).click()
    expect(page.get_by_text("one mask cannot bring it back")).to_be_visible()
    expect(page.get_by_text("All masks together")).to_be_visible()
    page.get_by_text("One mask for each token of a word").click()
    expect(page.get_by_text("You hid one token of “unaffable”").first).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(4)
    settled(page)
    page.reload()  # the address holds the text, what is hidden, and how
    expect(page.locator(".js-plotly-plot")).to_have_count(4)
    assert console_errors == []


def test_only_words_that_begin_with_given_letters(page: Page):
    opened(page)
    type_text(page, "He drank a glass of [MASK].")
    page.get_by_label("Only words that begin with").fill("wat")
    page.get_by_label("Only words that begin with").press("Enter")
    expect(bars(page)).to_contain_text("water")
    expect(page.get_by_text("Words that begin with “wat” have")).to_be_visible()


def test_given_words_in_two_sentences(page: Page):
    opened(page, "Given words")
    expect(bars(page)).to_contain_text("she")
    expect(bars(page, 1)).to_contain_text("they")
    page.get_by_label("Words, with | between them").fill("cook | pilot")
    page.get_by_label("Words, with | between them").press("Enter")
    expect(bars(page, 1)).to_contain_text("pilot")
    with page.expect_download() as download:
        page.get_by_role("button", name="Words as CSV").click()
    lines = download.value.path().read_text("utf-8").splitlines()
    assert lines[0] == "Sentence,Word,Tokens,Share,Probability"
    assert len(lines) == 5
    shares = [float(line.split(",")[3]) for line in lines[1:3]]
    assert sum(shares) == pytest.approx(1)


def test_layer_by_layer_and_what_it_leans_on(page: Page):
    opened(page, "Layer by layer")
    expect(page.get_by_text("The model's answer is")).to_be_visible()
    expect(bars(page)).to_contain_text("layer 6")
    page.get_by_test_id("stMain").get_by_text("What it leans on", exact=True).click()
    expect(page.get_by_text("(the completeness gap)")).to_be_visible()
    leaning = page.get_by_role("group", name=re.compile("^Adds to the log-probability"))
    leaning.get_by_role("button", name="city", exact=True).hover()
    expect(page.get_by_text(re.compile(r"^city: \+\d\.\d{4}, attention \d+\.\d\d%$"))).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_coloured_tokens_can_be_read_and_saved_as_a_picture(page: Page, theme: str):
    page.emulate_media(color_scheme=theme)
    opened(page, "What it leans on", method="Occlusion")
    expect(page.get_by_text("has a probability of")).to_be_visible()
    settled(page)
    for name in (re.compile("^Falls by, when taken away"), re.compile("^Attention of")):
        ratios = page.get_by_role("group", name=name).get_by_role("button").evaluate_all(CONTRAST)
        assert len(ratios) == 9
        assert min(ratios) >= 4.5
    with page.expect_download() as download:
        page.get_by_role("button", name="Save PNG").first.click()
    assert download.value.suggested_filename == "attribution.png"
    with Image.open(download.value.path()) as picture:
        assert len(picture.convert("RGB").getcolors(2**24)) > 20  # words and their colours, not a blank


def test_two_models(page: Page):
    opened(page, "Two models")
    expect(page.get_by_text("The first answers agree at")).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(2)


def test_surprise_of_two_sentences(page: Page):
    opened(page, "Surprise")
    expect(page.get_by_text("The model finds the second sentence likelier than the first")).to_be_visible()
    page.get_by_role("button", name="sand", exact=True).hover()
    expect(
        page.get_by_text(re.compile(r"sand: \d+\.\d bits, a probability of \d+\.\d\d%; rather “.+”"))
    ).to_be_visible()
    page.get_by_label("Text", exact=True).fill("The unaffable 爱 drank milk.")
    page.get_by_label("Text", exact=True).press("Control+Enter")
    page.get_by_role("button", name="unaffable", exact=True).hover()
    expect(page.get_by_text(re.compile(r"unaffable: \d+\.\d bits in 3 tokens: una \d+\.\d, "))).to_be_visible()
    page.get_by_role("button", name="爱", exact=True).hover()
    expect(page.get_by_text("爱: the model does not know this, so it is not counted")).to_be_visible()


def test_a_training_example_and_its_loss(page: Page):
    opened(page, "How it learned", share="50")
    formula = page.locator(".katex").first
    expect(formula).to_contain_text("loss")
    before = formula.inner_text()
    page.get_by_role("button", name="Draw again").click()
    expect(formula).not_to_have_text(before)
    expect(page).to_have_url(re.compile("draw=2"))


def test_the_loss_fits_a_phone(page: Page):
    page.set_viewport_size({"width": 390, "height": 800})
    opened(page, "How it learned", share="50")
    formula = page.locator(".katex-html").first
    expect(formula).to_contain_text("…")
    rights = "(formula) => Math.max(...[...formula.children].map((part) => part.getBoundingClientRect().right))"
    assert formula.evaluate(rights) <= 390


def test_next_sentence(page: Page):
    opened(page, "Next sentence")
    expect(page.get_by_text("has no next-sentence head")).to_be_visible()
    page.get_by_role("button", name="Open the teaching model").click()
    expect(page.get_by_text("The model says: it follows")).to_be_visible()
    page.get_by_label("Second sentence").fill("one cow moos.")
    page.get_by_label("Second sentence").press("Enter")
    expect(page.get_by_text("The model says: it does not")).to_be_visible()


def test_a_game_of_two_rounds(page: Page, console_errors: list[str]):
    opened(page, "Game")
    page.get_by_label("Your guess").fill("anchor")
    page.get_by_role("button", name="Guess", exact=True).click()
    expect(page.get_by_text("The word was")).to_be_visible()
    expect(page.get_by_test_id("stMetric").filter(has_text="Rounds")).to_contain_text("1")
    page.get_by_role("button", name="Next sentence").click()
    expect(page.get_by_text("The word was")).to_have_count(0)
    page.get_by_label("Your guess").fill("zebra")
    page.get_by_label("Your guess").press("Enter")
    expect(page.get_by_text("You said “zebra”: not the word")).to_be_visible()
    expect(page.get_by_test_id("stMetric").filter(has_text="Rounds")).to_contain_text("2")
    assert console_errors == []


def test_C07_markup_as_text_does_nothing_in_any_view(page: Page, console_errors: list[str]):
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    opened(page)
    for view in VIEWS:
        page.get_by_test_id("stMain").get_by_text(view, exact=True).first.click()
        settled(page)
        if view == "Game":
            page.get_by_test_id("stMain").get_by_text("My text", exact=True).click()
        if view == "Next sentence":
            continue
        type_text(page, f"{EVIL} was very [MASK] here" if view != "Game" else f"{EVIL} was very here")
        settled(page)
        expect(page.locator("img[src='x']")).to_have_count(0)
    assert dialogs == []
    assert console_errors == []
