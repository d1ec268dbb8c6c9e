"""Following one sentence in a real browser: layer 4, head 6, a token, all stages; clicked cells that multiply out."""

import math
import re
import struct
import time

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import WAIT_SECONDS, settled

STAGES = (
    "Embeddings",
    "Query, key, value",
    "Scores",
    "Softmax",
    "Context",
    "Heads joined",
    "Add & Norm",
    "Feed-forward",
    "Add & Norm 2",
    "Guess the word",
)


LOOKS = re.compile(r"In layer 4, head 6 \(layer\.3 head 5 in code\), “\u2068?cat\u2069?” looks mostly at")


def number(text: str) -> float:
    """What a person reads: a minus may be written as one."""
    return float(text.replace("−", "-").replace(",", ""))


def panel(page: Page, title: str) -> Locator:
    """The bordered box of an opened stage."""
    heading = page.get_by_role("heading", name=re.compile(rf"^\d+ · {re.escape(title)}$"))
    return page.get_by_test_id("stVerticalBlock").filter(has=heading).last


def click_cell(box: Locator, row: int, column: int) -> None:
    """Click the middle of a cell that is in view."""
    grid = box.locator(".grid")
    grid.scroll_into_view_if_needed()
    place = grid.evaluate(
        """(grid, [row, column]) => {
            const { left, top, cellWidth, cellHeight } = grid.dataset;
            return {
                x: +left + (column + 0.5) * cellWidth - grid.scrollLeft,
                y: +top + (row + 0.5) * cellHeight - grid.scrollTop,
            };
        }""",
        [row, column],
    )
    grid.click(position=place)


def terms(box: Locator) -> list[tuple[float, float, float]]:
    """(left, right, product) of every term shown."""
    columns = [
        [number(text) for text in box.locator(f"[data-term={part}]").all_text_contents()]
        for part in ("left", "right", "product")
    ]
    return list(zip(*columns, strict=True))


def result(box: Locator) -> float:
    """The last line under the terms."""
    return number(box.locator("[data-line]").last.text_content())


@pytest.fixture
def walk(page: Page) -> Page:
    """Layer 4, head 6, all stages open, “cat” chosen."""
    page.goto("/inside-a-layer?followed=The+cat+sat+on+the+%5BMASK%5D.")
    expect(page.get_by_role("heading", name="1 · Embeddings")).to_be_visible()
    settled(page)
    main = page.get_by_test_id("stMain")
    main.get_by_role("radiogroup", name="Layer").get_by_role("radio", name="4", exact=True).click()
    main.get_by_role("radiogroup", name="Head").get_by_role("radio", name="6", exact=True).click()
    page.get_by_role("group", name="Choose a token").get_by_role("button", name="cat").click()
    expect(page.get_by_text(LOOKS)).to_be_visible()
    page.get_by_text("Open all stages").click()
    for title in STAGES:
        expect(panel(page, title)).to_be_visible()
    settled(page)
    return page


def test_a_clicked_score_multiplies_out(walk: Page, console_errors: list[str]):
    box = panel(walk, "Scores")
    click_cell(box, 2, 5)  # from "cat" to the second "the"
    expect(box.get_by_text("The question of “cat” against the label of “the”")).to_be_visible()
    expect(box.locator("[data-term=product]")).to_have_count(32)
    found = terms(box)
    for left, right, product in found:
        assert left * right == pytest.approx(product, rel=1e-5, abs=1e-7)
    assert math.fsum(product for _, _, product in found) == pytest.approx(result(box), rel=1e-5, abs=1e-5)
    # The number under the matrix, handed to the browser on another way, is the model's own.
    shown = number(box.locator(".focus").text_content().rpartition(":")[2])
    assert shown == pytest.approx(result(box), rel=1e-5, abs=1e-5)
    # And the softmax of the next stage starts from it: divided by the root of 32.
    softmax = panel(walk, "Softmax")
    click_cell(softmax, 2, 5)
    expect(softmax.get_by_text("The score of “cat” to “the”")).to_be_visible()
    deadline = time.monotonic() + WAIT_SECONDS  # the same words may stand there for the first “the” still
    while result(softmax) != pytest.approx(shown / math.sqrt(32), rel=1e-5) and time.monotonic() < deadline:
        walk.wait_for_timeout(200)
    assert result(softmax) == pytest.approx(shown / math.sqrt(32), rel=1e-5)
    assert console_errors == []


def test_every_stage_is_checked_against_the_model_and_can_be_read_as_code(walk: Page):
    expect(walk.get_by_text("bit for bit").first).to_be_visible()
    for title in STAGES:
        box = panel(walk, title)
        expect(box.locator(".grid")).to_be_visible()
        expect(box.locator(".katex").first).to_be_visible()
        expect(box.get_by_text(re.compile("model's own|checked through the shares|Computed here"))).to_be_visible()
    box = panel(walk, "Context")
    box.get_by_text("As code").click()
    expect(box.get_by_text("hidden[3][0]")).to_be_visible()


def test_context_is_the_shares_times_the_messages(walk: Page):
    box = panel(walk, "Context")
    found = terms(box)
    assert sum(share for share, _, _ in found) == pytest.approx(1, abs=1e-5)
    assert math.fsum(share * message for share, message, _ in found) == pytest.approx(result(box), abs=1e-5)


def test_a_link_reopens_the_same_view(walk: Page):
    address = walk.url
    walk.goto("/")
    walk.goto(address)
    expect(walk.get_by_text(LOOKS)).to_be_visible()
    expect(panel(walk, "Guess the word")).to_be_visible()


def test_the_keyboard_moves_through_a_matrix(page: Page):
    page.goto("/inside-a-layer?stages=scores")
    box = panel(page, "Scores")
    expect(box.locator("[data-line]").last).to_be_visible()
    before = box.locator(".focus").text_content()
    box.locator(".grid").focus()
    page.keyboard.press("ArrowDown")
    expect(box.locator(".focus")).not_to_have_text(before)
    expect(box.get_by_text("The question of “.”")).to_be_visible()


def test_a_matrix_is_saved_as_a_picture(page: Page, tmp_path):
    page.goto("/inside-a-layer?stages=feed-forward&layer=2&head=1")
    box = panel(page, "Feed-forward")
    expect(box.locator("[data-line]").last).to_be_visible()
    with page.expect_download() as started:
        box.get_by_role("button", name="Save PNG").click()
    assert started.value.suggested_filename == "layer-3-head-2-widened.png"
    started.value.save_as(tmp_path / "picture.png")
    header = (tmp_path / "picture.png").read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", header[16:24])
    assert width >= 1536  # a pixel at least for each number
    assert height >= 9 * 24
