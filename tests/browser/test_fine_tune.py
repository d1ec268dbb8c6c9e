"""The form of Fine-tune as a person uses it: handed on from Datasets, turned, reopened by its link."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import settled


@pytest.fixture
def tags(tmp_path: Path) -> Path:
    """Sentences with a tag for each word, one a line."""
    lines = (f"Anna B-PER\nwent O\nto O\nRome B-LOC\nin O\n{1900 + number} O\n" for number in range(40))
    path = tmp_path / "tags.conll"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_task_is_handed_on_turned_and_reopened(page: Page, tags: Path, console_errors: list[str]):
    page.goto("/datasets?task=token-classification")
    expect(page.get_by_role("heading", name="Datasets")).to_be_visible()
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(tags)
    page.get_by_role("link", name="Train on this data").click()
    expect(page.get_by_text("40 sentences with 3 tags")).to_be_visible()
    expect(page.get_by_role("combobox", name="What the model should learn")).to_have_value("Tag words")
    expect(page.get_by_text("20 steps")).to_be_visible()

    # A knob that is turned makes the preset a custom one, and what was opened stays open
    page.get_by_text("Change settings").click()
    epochs = page.get_by_role("spinbutton", name="Epochs")
    epochs.fill("4")
    epochs.press("Enter")
    expect(page.get_by_text("Changed: epochs 4 instead of 5")).to_be_visible()
    settled(page)
    expect(epochs).to_be_visible()
    expect(page.get_by_text("16 steps")).to_be_visible()

    # Out of its limits it is refused by the field itself, and nothing is taken over
    epochs.fill("5000")
    epochs.press("Enter")
    settled(page)
    expect(page.get_by_text("16 steps")).to_be_visible()
    epochs.fill("4")
    epochs.press("Enter")

    # The link alone brings all of it back
    link = page.url
    page.goto("/tokens")
    expect(page.get_by_role("heading", name="Tokens")).to_be_visible()
    page.goto(link)
    expect(page.get_by_text("Changed: epochs 4 instead of 5")).to_be_visible()
    expect(page.get_by_text("16 steps")).to_be_visible()
    page.get_by_role("button", name="Undo the changes").click()
    expect(page.get_by_text("20 steps")).to_be_visible()
    settled(page)
    assert "changed=" not in page.url
    assert [error for error in console_errors if "404" not in error] == []
