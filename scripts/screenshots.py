"""Takes the pictures of the README from the running app: `.venv/bin/python scripts/screenshots.py`.

Starts an app of its own with an empty workspace, trains on a sample, and saves docs/pictures/*.png. Needs Chromium.
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, expect, sync_playwright  # noqa: E402

from tests.browser.conftest import CHROMIUM_FLAGS, RunningApp, find_chromium, settled  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
TRAINING_MILLISECONDS = 10 * 60_000


def main() -> None:
    """Take every picture, light for most and dark for one."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        app = RunningApp.fresh(Path(folder))
        app.start()
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_FLAGS)
        try:
            take_all(browser, app.base_url)
        finally:
            browser.close()
            app.stop()


def take_all(browser: Browser, base_url: str) -> None:
    """Visit the pages one after the other, as a person would, and photograph each."""
    light = browser.new_context(base_url=base_url, viewport={"width": 1280, "height": 800}, color_scheme="light")
    dark = browser.new_context(base_url=base_url, viewport={"width": 1280, "height": 800}, color_scheme="dark")
    page = light.new_page()
    for name, path, words in (
        ("home", "/", "On this machine"),
        ("tokens", "/tokens", "21 tokens"),
        ("anatomy", "/anatomy", "Freeze the embeddings"),
        ("datasets", "/datasets?data=sample%3Aquestions&show=Lengths", "Longest (words)"),
    ):
        page.goto(path)
        expect(page.get_by_text(words)).to_be_visible(timeout=60_000)
        settled(page)
        if name == "datasets":  # its views stand below the choice of columns
            page.get_by_text("All numbers").scroll_into_view_if_needed()
        page.wait_for_timeout(500)
        page.screenshot(path=PICTURES / f"{name}.png")
    page.goto("/inside-a-layer?model=teaching&layer=1&stages=scores")
    expect(page.locator(".grid")).to_be_visible(timeout=60_000)
    settled(page)
    page.locator(".grid").scroll_into_view_if_needed()
    page.wait_for_timeout(1_000)
    page.screenshot(path=PICTURES / "inside-a-layer.png")
    for name, picture in (("attention", ".attention"), ("embeddings", ".js-plotly-plot")):
        page.goto(f"/{name}")
        expect(page.locator(picture).first).to_be_visible(timeout=60_000)
        settled(page)
        page.locator(picture).first.evaluate("(each) => each.scrollIntoView({block: 'center'})")
        page.wait_for_timeout(3_000)
        page.screenshot(path=PICTURES / f"{name}.png")
    night = dark.new_page()
    night.goto("/fill-mask")
    expect(night.get_by_text("Answers per mask")).to_be_visible(timeout=60_000)
    settled(night)
    night.wait_for_timeout(500)
    night.screenshot(path=PICTURES / "fill-mask.png")

    page.goto("/fine-tune?data=sample%3Aquestions")
    page.get_by_label("Name of this run").fill("Library questions")
    page.get_by_label("Name of this run").press("Tab")
    settled(page)
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text("Validation accuracy")).to_be_visible(timeout=TRAINING_MILLISECONDS)
    page.wait_for_timeout(12_000)
    page.screenshot(path=PICTURES / "fine-tune.png")
    expect(page.get_by_text("This run is done")).to_be_visible(timeout=TRAINING_MILLISECONDS)
    page.get_by_role("link", name="See the scores and try it").click()
    expect(page.get_by_text("Per class", exact=True)).to_be_visible()
    settled(page)
    page.wait_for_timeout(500)
    page.screenshot(path=PICTURES / "runs.png")


if __name__ == "__main__":
    main()
