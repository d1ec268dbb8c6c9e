"""From a messy file to a training: upload, mend the mapping, fix, undo, correct, split, hand on."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.data.decisions.preparation import Preparation
from core.data.sources.references import open_table
from tests.browser.conftest import settled

ROW_HEIGHT = 35  # px of a table's row


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    """Reviews with another column first, doubles, a row without a text, and labels that need a name."""
    table = open_table("sample:reviews")
    lines = ["source,comment,verdict"]
    for number, (text, label) in enumerate(zip(table["text"], table["label"], strict=True)):
        cell = text.replace('"', '""')
        lines.append(f'shop {number % 7},"{cell}",{label}')
    lines += [*lines[1:6], "shop 1,,positive"]
    path = tmp_path / "shop.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label).first.click()
    page.get_by_role("option", name=option, exact=True).click()
    settled(page)


def show(page: Page, view: str) -> None:
    page.get_by_test_id("stMain").get_by_text(view, exact=True).first.click()
    settled(page)


def test_mend_split_and_hand_on(page: Page, messy: Path, console_errors: list[str]):
    page.goto("/datasets")
    expect(page.get_by_role("heading", name="Datasets")).to_be_visible()
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(messy)
    expect(page.get_by_text("406 rows, 3 columns: source, comment, verdict")).to_be_visible()
    settled(page)
    content_hash = open_table(messy).content_hash

    # The mapping: chosen wrongly, told at once, and mended
    choose(page, "Label", "source")
    choose(page, "Label", "verdict")
    expect(page.get_by_text("has no text in row 406").first).to_be_visible()

    # The health card: two fixes, one undone
    page.get_by_role("button", name="Drop rows without a text").click()
    expect(page.get_by_text("406 rows in the file, 405 left")).to_be_visible()
    settled(page)  # the buttons below move while the page is drawn
    page.get_by_role("button", name="Drop exact duplicates").first.click()
    expect(page.get_by_text("406 rows in the file, 400 left")).to_be_visible()
    page.get_by_role("button", name="Undo the last fix").click()
    expect(page.get_by_text("406 rows in the file, 405 left")).to_be_visible()

    # A label corrected in the table
    show(page, "Rows")
    page.get_by_label("Search all columns").fill("shop 3")
    page.get_by_label("Search all columns").press("Enter")
    expect(page.get_by_text("406 rows of 406")).to_have_count(0)
    settled(page)
    before = Preparation.of(content_hash).edits
    assert before is None
    table = page.get_by_test_id("stDataFrame").last
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    page.mouse.click(box["x"] + box["width"] - 60, box["y"] + 1.5 * ROW_HEIGHT)
    page.keyboard.press("Enter")
    page.locator(".gdg-input").fill("mixed")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 cell corrected by hand.")).to_be_visible()
    (edit,) = Preparation.of(content_hash).edits
    assert (edit.column, edit.after) == ("verdict", "mixed")
    page.get_by_role("button", name="Undo the last correction").click()
    expect(page.get_by_text("1 cell corrected by hand.")).to_have_count(0)

    # Splits, kept by row
    show(page, "Splits")
    page.get_by_role("button", name="Keep these splits").click()
    expect(page.get_by_text("These splits are kept for this file")).to_be_visible()
    settled(page)

    # On to training, with everything that was decided
    page.get_by_role("link", name="Train on this data").click()
    expect(page.get_by_text("405 single texts in 2 classes: negative, positive")).to_be_visible()
    expect(page.get_by_text("The splits kept on the page Datasets are used.")).to_be_visible()
    kept = Preparation.of(content_hash)
    assert [step.kind for step in kept.recipe.steps] == ["drop_empty"]
    assert sum(len(part.rows) for part in (kept.splits.train, kept.splits.validation, kept.splits.test)) == 405
    assert [error for error in console_errors if "404" not in error] == []


def test_every_view_of_a_sample_is_drawn(page: Page, console_errors: list[str]):
    page.goto("/datasets?data=sample%3Aquestions")
    expect(page.get_by_text("420 rows, 2 columns")).to_be_visible()
    for view, words in (
        ("Labels", "Always answering"),
        ("Lengths", "All numbers"),
        ("Extremes", "Longest"),
        ("Typical words", "Monroe et al. 2008"),
        ("Repeats", "Nearly the same text"),
        ("Scripts and signs", "Vocabulary used"),
        ("Splits", "Keep these splits"),
        ("Health", "looked at"),
    ):
        show(page, view)
        expect(page.get_by_text(words).first).to_be_visible()
    assert console_errors == []
