"""How long people wait: the first paint of Home on a fresh server, then switching between pages.

Measured in Chromium, from asking for the page (or clicking its link) until its heading and content stand still. The
rival of the first paint is Streamlit itself with a page that only says hello, started the same way.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Page

from tests.bench._browser import chromium, fresh_app
from tests.browser.conftest import settled

ROUNDS = 3
PAGES = ("Tokens", "Fill the [MASK]", "Datasets", "Fine-tune", "Runs", "Home")


def run() -> Iterator[dict[str, Any]]:
    """Yield `start.first_paint_seconds` and `start.page_switch_seconds` (the slowest page's median)."""
    paints: dict[str, list[float]] = {"ours": [], "hello": []}
    switches: dict[str, list[float]] = {name: [] for name in PAGES}
    with chromium() as browser, tempfile.TemporaryDirectory() as folder:
        hello = Path(folder) / "hello.py"
        hello.write_text("import streamlit as st\nst.title('Hello')\n")
        for _ in range(ROUNDS):
            for name, script in (("hello", str(hello)), ("ours", "app.py")):
                with fresh_app(script) as app:
                    page = browser.new_page(base_url=app.base_url)
                    paints[name].append(_first_paint(page))
                    if name == "ours":
                        _switch(page, switches)
                    page.close()
    yield {
        "name": "start.first_paint_seconds",
        "value": round(median(paints["ours"]), 2),
        "unit": "seconds",
        "rival": "a Streamlit page with one heading",
        "detail": {name: [round(each, 2) for each in values] for name, values in paints.items()},
    }
    yield {
        "name": "start.page_switch_seconds",
        "value": round(max(median(values) for values in switches.values()), 2),
        "unit": "seconds",
        "rival": "none: an absolute wait",
        "detail": {name: [round(each, 2) for each in values] for name, values in switches.items()},
    }


def _first_paint(page: Page) -> float:
    start = time.perf_counter()
    page.goto("/")
    page.get_by_role("heading", level=1).wait_for()
    settled(page)
    return time.perf_counter() - start


def _switch(page: Page, switches: dict[str, list[float]]) -> None:
    """Visit every page once so that the model is open, then once more against the clock."""
    for is_timed in (False, True):
        for name in PAGES:
            start = time.perf_counter()
            page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
            heading = "BERT Lab" if name == "Home" else name
            page.get_by_role("heading", level=1, name=heading).wait_for()
            settled(page)
            if is_timed:
                switches[name].append(time.perf_counter() - start)
