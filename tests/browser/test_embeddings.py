"""Maps in a real browser: choose a view, move through layers, play them, circle points, take them home."""

import csv
import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import settled


def draw_lasso(page: Page) -> None:
    """Draw a line around the middle of the picture with the mouse."""
    surface = page.locator(".js-plotly-plot .nsewdrag").first
    surface.scroll_into_view_if_needed()
    box = surface.bounding_box()
    corners = [(0.3, 0.2), (0.7, 0.2), (0.7, 0.8), (0.3, 0.8), (0.3, 0.2)]
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=6)
    page.mouse.up()


def choose_view(page: Page, title: str) -> None:
    page.get_by_test_id("stMain").get_by_role("radio", name=title).click()
    expect(page.get_by_role("radio", name=title)).to_be_checked()


def test_from_a_view_through_the_layers_to_the_rows_of_circled_points(page: Page, console_errors: list[str]):
    page.goto("/embeddings")
    expect(page.get_by_text("orthogonal Procrustes")).to_be_visible()
    choose_view(page, "Map of a data set")
    expect(page.get_by_text("of the variance; the rest does not show here")).to_be_visible()
    settled(page)
    before = page.get_by_text("of the variance; the rest").text_content()

    page.get_by_role("slider", name="Layer").press("ArrowLeft")
    page.get_by_role("slider", name="Layer").press("ArrowLeft")
    expect(page).to_have_url(re.compile("after-layer=4"))
    expect(page.get_by_text("of the variance; the rest")).not_to_have_text(before)
    settled(page)

    draw_lasso(page)
    heading = page.get_by_text(re.compile(r"^[\d,]+ rows? selected$"))
    expect(heading).to_be_visible()
    settled(page)
    chosen = int(heading.text_content().split()[0].replace(",", ""))
    assert 0 < chosen < 400
    with page.expect_download() as download:
        page.get_by_role("button", name="Selected rows as CSV").click()
    with open(download.value.path(), encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == chosen
    assert set(rows[0]) == {"Row", "Label", "Text", "x", "y"}
    assert {row["Label"] for row in rows} <= {"positive", "negative"}

    address = page.url
    page.goto("/")
    page.goto(address)
    expect(page.get_by_text("of the variance; the rest does not show here")).to_be_visible()
    expect(page.get_by_role("slider", name="Layer")).to_have_attribute("aria-valuetext", "4")
    assert console_errors == []


def test_the_tokens_move_when_the_layers_are_played(page: Page, console_errors: list[str]):
    page.goto("/embeddings?after-layer=1")
    layer = page.locator(".js-plotly-plot .slider-label").first
    expect(layer).to_have_text("Layer 1")
    settled(page)
    point = page.locator(".js-plotly-plot .scatterlayer .point").first
    start = point.get_attribute("transform")
    page.locator(".js-plotly-plot .updatemenu-button").first.click()
    expect(layer).to_have_text("Layer 6")
    expect(point).not_to_have_attribute("transform", start)
    assert console_errors == []


def test_a_script_as_text_stays_text_in_every_view(page: Page, console_errors: list[str]):
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    evil = "</script><img src=x onerror=alert(1)>"
    for view in ("Map+of+tokens", "Cosines", "One+word", "Nearest+words"):
        page.goto(
            f"/embeddings?embedding-view={view}&sentences={evil}%0A{evil}".replace("<", "%3C").replace(">", "%3E")
        )
        expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
        settled(page)
        assert page.locator("img[src='x']").count() == 0
    assert dialogs == []
    assert console_errors == []
