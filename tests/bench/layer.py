"""How long Inside a layer lets people wait: from Enter after a new text of 32 tokens until its first stage is there.

Measured in Chromium with the built-in model open. Beside it stands the same page when only the layer or the head
changes, where no forward pass is run. There is no rival: the promise is one second.
"""

import time
from collections.abc import Iterator
from statistics import median
from typing import Any

from playwright.sync_api import Page

from tests.bench._browser import chromium, fresh_app
from tests.browser.conftest import settled

ROUNDS = 5


def run() -> Iterator[dict[str, Any]]:
    """Yield `layer.first_stage_seconds.32`, the median of some rounds."""
    with chromium() as browser, fresh_app() as app:
        page = browser.new_page(base_url=app.base_url)
        page.goto("/inside-a-layer")
        page.locator(".grid").wait_for()
        settled(page)
        texts = [_new_text(page, f"{number} " + "word " * 29) for number in range(ROUNDS)]
        layers = [_changed(page, "Layer", number) for number in range(2, ROUNDS + 2)]
        heads = [_changed(page, "Head", number) for number in range(2, ROUNDS + 2)]
    yield {
        "name": "layer.first_stage_seconds.32",
        "value": round(median(texts), 2),
        "unit": "seconds",
        "rival": "none: an absolute wait",
        "detail": {
            "a new text": [round(each, 2) for each in texts],
            "another layer": [round(each, 2) for each in layers],
            "another head": [round(each, 2) for each in heads],
        },
    }


def _new_text(page: Page, text: str) -> float:
    field = page.get_by_label("Text", exact=True)
    field.fill(text)
    start = time.perf_counter()
    field.press("Enter")
    word = text.split()[0]
    page.get_by_role("group", name="Choose a token").get_by_role("button", name=word, exact=True).wait_for()
    page.locator(".focus", has_text=word).wait_for()
    seconds = time.perf_counter() - start
    settled(page)
    return seconds


def _changed(page: Page, label: str, number: int) -> float:
    group = page.get_by_test_id("stMain").get_by_role("radiogroup", name=label)
    start = time.perf_counter()
    group.get_by_role("radio", name=str(number), exact=True).click()
    page.get_by_text(f"{label.lower()} {number}").first.wait_for()
    settled(page)
    return time.perf_counter() - start
