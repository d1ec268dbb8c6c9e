"""Two people in two browsers at one data set: everything both do is kept, and each is told what the other changed."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from core.data import decisions
from core.data.dataset.edits import Edits
from core.data.decisions.preparation import Preparation
from core.data.sources import uploads
from core.data.sources.references import open_table
from tests.browser.conftest import WAIT_SECONDS, RunningApp, settled
from tests.waiting import wait_for

ROW_HEIGHT = 35  # px of a table's row
CONTENT = "text,label\n" + "".join(f"row number {n},{'ab'[n % 2]}\n" for n in range(40))


@pytest.fixture
def reference(workspace) -> Iterator[str]:
    upload = uploads.store_upload(CONTENT.encode(), "two people.csv")
    yield upload.reference
    uploads.delete_upload(upload.id)
    decisions.delete(upload.id)


@pytest.fixture
def other(app: RunningApp, browser: Browser) -> Iterator[Page]:
    """A second person, with a browser of their own."""
    context = browser.new_context(base_url=app.base_url, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(WAIT_SECONDS * 1000)
    yield context.new_page()
    context.close()


def kept(reference: str) -> Preparation:
    return Preparation.of(open_table(reference).content_hash)


def labels(reference: str) -> list[str]:
    table = open_table(reference)
    return (kept(reference).edits or Edits(table.content_hash)).apply(table)["label"]


def open_rows(page: Page, reference: str) -> None:
    page.goto(f"/datasets?data={reference.replace(':', '%3A')}&show=Rows")
    expect(page.get_by_text("40 rows of 40")).to_be_visible()
    settled(page)


def begin_cell(page: Page, table: Locator, row: int, text: str) -> None:
    """Open the last cell of a row, counted from 0, and type without taking it over."""
    width = table.bounding_box()["width"]
    table.dblclick(position={"x": width - 60, "y": (row + 1.5) * ROW_HEIGHT})  # waits until nothing moves any more
    page.locator(".gdg-input").fill(text)


def correct(page: Page, row: int, text: str) -> None:
    begin_cell(page, page.get_by_test_id("stDataFrame").last, row, text)
    page.keyboard.press("Enter")


def test_I01_what_two_people_correct_undo_and_name_is_kept_and_told(
    page: Page, other: Page, reference: str, console_errors: list[str]
):
    open_rows(page, reference)
    open_rows(other, reference)

    # Names that both give to labels
    for someone in (page, other):
        someone.get_by_text("Order and names of the labels").click()
    begin_cell(page, page.get_by_test_id("stDataFrame").first, 0, "good")
    page.keyboard.press("Enter")
    wait_for(lambda: kept(reference).mapping is not None)
    settled(page)
    begin_cell(other, other.get_by_test_id("stDataFrame").first, 1, "bad")
    other.keyboard.press("Enter")
    expect(other.get_by_text("“a” was changed meanwhile: was “a”, is now “good”.")).to_be_visible()
    settled(other)
    assert kept(reference).mapping.titles() == {"a": "good", "b": "bad"}
    open_rows(page, reference)
    open_rows(other, reference)

    # Both correct one cell: the last one counts, and is told what it overwrote
    correct(page, 1, "anna")
    expect(page.get_by_text("1 cell corrected by hand.")).to_be_visible()
    settled(page)
    correct(other, 1, "ben")
    expect(other.get_by_text("Row 2, label was changed meanwhile: was “anna”, is now “ben” (yours).")).to_be_visible()
    assert labels(reference)[1] == "ben"

    # Another cell of the first does not bring the old one back, and the first is told
    correct(page, 4, "anna, too")
    expect(page.get_by_text("Row 2, label was changed meanwhile: was “anna”, is now “ben”.")).to_be_visible()
    settled(page)
    assert labels(reference)[1:5] == ["ben", "a", "b", "anna, too"]

    # Undo takes back one's own
    correct(other, 7, "ben, too")
    expect(other.get_by_text("3 cells corrected by hand.")).to_be_visible()
    settled(other)
    page.get_by_role("button", name="Undo the last correction").click()
    expect(page.get_by_text("Row 5, label: “anna, too”")).to_have_count(0)
    settled(page)
    assert [labels(reference)[row] for row in (1, 4, 7)] == ["ben", "a", "ben, too"]
    page.get_by_role("button", name="Undo the last correction").click()
    expect(page.get_by_text("It was changed meanwhile to “ben”, which stays.")).to_be_visible()
    settled(page)
    assert [labels(reference)[row] for row in (1, 4, 7)] == ["ben", "a", "ben, too"]
    assert console_errors == []


def test_I01_what_is_half_typed_outlives_the_changes_of_others(page: Page, other: Page, reference: str):
    open_rows(page, reference)
    open_rows(other, reference)
    correct(other, 0, "ben")
    expect(other.get_by_text("1 cell corrected by hand.")).to_be_visible()
    correct(page, 1, "anna")
    begin_cell(page, page.get_by_test_id("stDataFrame").last, 5, "half typed")  # before the app has answered
    expect(page.get_by_text("Row 1, label was changed meanwhile: was “a”, is now “ben”.")).to_be_visible()
    settled(page)
    expect(page.locator(".gdg-input")).to_have_value("half typed")
    page.keyboard.press("Enter")
    expect(page.get_by_text("3 cells corrected by hand.")).to_be_visible()
    assert [labels(reference)[row] for row in (0, 1, 5)] == ["ben", "anna", "half typed"]
    cells = page.get_by_test_id("stDataFrame").last.get_by_role("gridcell", include_hidden=True)
    expect(cells.filter(has_text="ben")).to_have_count(1)  # the table shows it, too
