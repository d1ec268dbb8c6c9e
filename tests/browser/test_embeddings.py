"""Maps in a real browser: choose a view, move through layers, play them, circle points, take them home."""

import csv
import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import settled

# From frame to frame, for so many seconds: how far (px) a label of a moving point is from its place above it.
WATCH_LABELS = """seconds => {
  window.farthest = 0;
  window.looks = 0;
  const end = performance.now() + seconds * 1000;
  const look = () => {
    for (const trace of document.querySelectorAll('.js-plotly-plot .scatterlayer .trace')) {
      const points = [...trace.querySelectorAll('.point')];
      if (trace.querySelector('.js-line')) continue;  // the way of one point, which stands still
      for (const label of trace.querySelectorAll('.textpoint text')) {
        const point = points.find(each => each.__data__.i === label.__data__.i);
        if (!label.textContent.trim()) continue;
        const [a, b] = [label.getBoundingClientRect(), point.getBoundingClientRect()];
        window.farthest = Math.max(window.farthest, Math.abs(a.x + a.width / 2 - b.x - b.width / 2),
          Math.abs(a.bottom - b.top));
        window.looks += 1;
      }
    }
    if (performance.now() < end) requestAnimationFrame(look); else window.done = true;
  };
  look();
}"""


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
    expect(page.get_by_text("of how the points spread (the variance)")).to_be_visible()
    settled(page)
    before = page.get_by_text("of how the points spread").text_content()

    page.get_by_role("slider", name="Layer").press("ArrowLeft")
    page.get_by_role("slider", name="Layer").press("ArrowLeft")
    expect(page).to_have_url(re.compile("after-layer=4"))
    expect(page.get_by_text("of how the points spread")).not_to_have_text(before)
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
    expect(page.get_by_text("of how the points spread (the variance)")).to_be_visible()
    expect(page.get_by_role("slider", name="Layer")).to_have_attribute("aria-valuetext", "4")
    assert console_errors == []


def test_the_tokens_move_when_the_layers_are_played(page: Page, console_errors: list[str]):
    page.goto("/embeddings?after-layer=1")
    layer = page.locator(".js-plotly-plot .slider-label").first
    expect(layer).to_have_text("After layer 1")
    settled(page)
    point = page.locator(".js-plotly-plot .scatterlayer .point").first
    start = point.get_attribute("transform")
    page.locator(".js-plotly-plot .updatemenu-button").first.click()
    expect(layer).to_have_text("After layer 6")
    expect(point).not_to_have_attribute("transform", start)
    assert console_errors == []


def test_labels_move_with_their_points(page: Page, console_errors: list[str]):
    """Also those that were left out at the layer before, because they would have lain on others."""
    page.goto("/embeddings?after-layer=1")
    layer = page.locator(".js-plotly-plot .slider-label").first
    expect(layer).to_have_text("After layer 1")
    settled(page)
    page.evaluate(WATCH_LABELS, 7)
    page.locator(".js-plotly-plot .updatemenu-button").first.click()
    expect(layer).to_have_text("After layer 6")
    page.wait_for_function("window.done")
    assert page.evaluate("window.looks") > 100
    assert page.evaluate("window.farthest") < 5
    assert console_errors == []


def test_a_script_as_text_stays_text_in_every_view(page: Page, console_errors: list[str]):
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    evil = "</script><img src=x onerror=alert(1)>"
    views = ("Map+of+tokens", "Cosines", "Cosines&compared=Sentences", "One+word", "Nearest+words")
    for view in (*views, "Nearest+words&after-layer=0"):
        page.goto(
            f"/embeddings?embedding-view={view}&sentences={evil}%0A{evil}".replace("<", "%3C").replace(">", "%3E")
        )
        expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
        settled(page)
        assert page.locator("img[src='x']").count() == 0
    assert dialogs == []
    assert console_errors == []


def test_a_script_as_text_label_column_and_file_name_stays_text(page: Page, console_errors: list[str]):
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    evil = "</script><img src=x onerror=alert(1)>"
    rows = "".join(f"{evil} number {number},{evil} {number % 2}\n" for number in range(12))
    table = f"{evil},label {evil}\n{rows}"
    page.goto("/embeddings?embedding-view=Map+of+a+data+set")
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    settled(page)
    file = {"name": f"{evil.replace('/', '')}.csv", "mimeType": "text/csv", "buffer": table.encode()}
    page.locator("input[type=file]").set_input_files(file)
    page.wait_for_url(re.compile("data=upload"))
    expect(page.locator(".js-plotly-plot .legendtext").first).to_have_text(re.compile("script"))
    settled(page)
    draw_lasso(page)
    expect(page.get_by_text(re.compile(r"^[0-9]+ rows? selected$"))).to_be_visible()
    settled(page)
    point = page.locator(".js-plotly-plot .scatterlayer .point").first
    point.hover(force=True)
    page.get_by_text("Columns", exact=True).click()
    settled(page)
    reference = re.search("data=([^&]*)", page.url)[1]
    page.goto(f"/attention?attention-view=Summary&over=A+data+set&statistics-rows=50&data={reference}")
    page.get_by_role("button", name="Measure").click()
    expect(page.get_by_text("of 12 texts")).to_be_visible()
    settled(page)
    assert page.locator("img[src='x']").count() == 0
    assert dialogs == []
    assert console_errors == []


def test_the_map_can_be_cancelled_and_computed_again(page: Page):
    page.goto("/embeddings?embedding-view=Map+of+a+data+set&map-rows=5,000&pooling=%5BCLS%5D&map-length=512")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelled. Nothing was kept.")).to_be_visible()
    settled(page)
    expect(page.locator(".js-plotly-plot")).to_have_count(0)
    page.get_by_role("button", name="Compute the map").click()
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    settled(page)
