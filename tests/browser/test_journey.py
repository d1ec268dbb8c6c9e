"""The whole journey in a real browser: look inside, upload a table, watch a training, try what it learned."""

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from core.data.sources.references import open_table
from core.runs.folder import list_runs
from tests.browser.conftest import RunningApp, settled

LEARNING_MINUTES = 6


@pytest.fixture
def customer_csv(tmp_path: Path) -> Path:
    """A table as a person would bring it: columns of their own names, quotes and line breaks in cells."""
    table = open_table("sample:reviews")
    path = tmp_path / "customers.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "comment", "verdict"])
        for number, (text, label) in enumerate(zip(table["text"], table["label"], strict=True)):
            writer.writerow([number, text.replace(". ", '.\n"Quoted" ', 1) if number % 40 == 0 else text, label])
    return path


def type_text(page: Page, label: str, text: str) -> None:
    field = page.get_by_label(label, exact=True)
    field.fill(text)
    field.press("Control+Enter")


def side_link(page: Page, name: str) -> Locator:
    return page.get_by_test_id("stSidebarNav").get_by_role("link", name=name)


def points(page: Page, title: str) -> int:
    """How many points the live curve with this title shows."""
    chart = page.get_by_test_id("stVegaLiteChart").filter(has_text=title)
    return chart.locator("path[aria-roledescription='point'], path[aria-roledescription='circle']").count()


def test_look_upload_train_watch_try(page: Page, app: RunningApp, customer_csv: Path, console_errors: list[str]):
    # Home → Tokens
    page.goto("/")
    expect(page.get_by_role("heading", name="BERT Lab")).to_be_visible()
    page.get_by_role("link", name="Cut a sentence into tokens").click()
    type_text(page, "Text", "Reading tea leaves is unscientific.")
    token = page.get_by_role("button", name="leaves", exact=True)
    token.hover()
    expect(page.get_by_text(re.compile(r"leaves · position 3 · id \d+ · characters 12 to 18"))).to_be_visible()
    expect(page.get_by_text("11 tokens")).to_be_visible()

    # Fill the [MASK], typed and by a click
    side_link(page, "Fill the [MASK]").click()
    type_text(page, "Text", "Paris is the capital of [MASK].")
    expect(page.locator(".js-plotly-plot").first).to_contain_text("france")
    page.get_by_role("button", name="capital", exact=True).click()
    expect(page.get_by_text("You hid “capital”")).to_be_visible()
    expect(page.get_by_text("All masks together")).to_be_visible()

    # Datasets: upload
    side_link(page, "Datasets").click()
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(customer_csv)
    expect(page.get_by_text("400 rows, 3 columns: id, comment, verdict")).to_be_visible()
    page.get_by_test_id("stMain").get_by_text("Labels", exact=True).click()
    expect(page.locator(".js-plotly-plot").first).to_contain_text("positive")

    # Fine-tune on what was uploaded
    page.get_by_role("link", name="Train on this data").click()
    expect(page.get_by_text("400 single texts in 2 classes")).to_be_visible()
    page.get_by_label("Name of this run").fill("Customer verdicts")
    page.get_by_label("Name of this run").press("Tab")
    settled(page)
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("heading", name="Run Customer verdicts")).to_be_visible()

    # At least three new points while it runs
    expect(page.get_by_text("Training loss", exact=True)).to_be_visible(timeout=90_000)
    first = points(page, "Loss")
    run = list_runs()[0]
    while points(page, "Loss") < first + 3:
        assert run.status().is_active, f"the run ended before three more points came: {run.status()}"
        page.wait_for_timeout(200)

    # A reload loses nothing
    before = points(page, "Loss")
    page.reload()
    expect(page.get_by_role("heading", name="Run Customer verdicts")).to_be_visible()
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()
    assert points(page, "Loss") >= before
    expect(page.get_by_text("finished", exact=True).first).to_be_visible(timeout=LEARNING_MINUTES * 60_000)

    # Runs: scores, and a sentence of one's own
    page.get_by_role("link", name="See the scores and try it").click()
    expect(page.get_by_role("heading", name="Customer verdicts")).to_be_visible()
    scores = run.metrics()
    assert scores["accuracy"] >= scores["majority_accuracy"] + 0.15
    expect(page.get_by_test_id("stMetric").filter(has_text="Accuracy")).to_contain_text(f"{scores['accuracy']:.1%}")
    page.get_by_test_id("stMain").get_by_text("Try it", exact=True).click()
    type_text(page, "A text of your own", "A lovely place, kind people, and the soup was wonderful.")
    expect(page.get_by_text("The model says: positive")).to_be_visible()

    # A finished run is a model for Explore
    page.get_by_role("link", name="Open this model in Tokens").click()
    expect(page.get_by_role("heading", name="Tokens")).to_be_visible()
    expect(page.get_by_test_id("stSidebar").get_by_text("Run: Customer verdicts").first).to_be_visible()
    settled(page)
    assert "Traceback" not in app.log.read_text("utf-8")
    assert [error for error in console_errors if "404" not in error] == []
