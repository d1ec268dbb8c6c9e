"""How long each view of Fill the [MASK] lets people wait: from Enter after a new text of 32 tokens until all is drawn.

Measured in Chromium with the built-in model open, on the server's clock nothing: the end is when the new text stands in
the page, the script has run, and nothing is stale. There is no rival: the promise is half a second.
"""

import time
from collections.abc import Iterator
from statistics import median
from typing import Any

from playwright.sync_api import Page

from tests.bench._browser import chromium, fresh_app
from tests.browser.conftest import settled

LAST_WORDS = ("winter", "north", "south", "east", "west", "spring")  # one piece each; the first one warms up
VIEWS = ("Guesses", "Given words", "Layer by layer", "What it leans on", "Two models", "Surprise", "How it learned")
WORDS = (
    "{} keeper of the old lighthouse climbed its stairs every evening to light the [MASK] for all the ships at sea {}"
)
DONE = """(word) => {
  const strip = document.querySelector("[data-testid=stMain]");
  const isThere = [...strip.querySelectorAll("*")].some((each) => each.shadowRoot?.textContent.includes(word));
  const app = document.querySelector("[data-testid=stApp]");
  return isThere && app.dataset.testScriptState === "notRunning" && !document.querySelector("[data-stale=true]");
}"""


def run() -> Iterator[dict[str, Any]]:
    """Yield `fill_mask.seconds.32` of the slowest view, medians of some rounds."""
    with chromium() as browser, fresh_app() as app:
        page = browser.new_page(base_url=app.base_url)
        seconds = {view: _rounds(page, view) for view in VIEWS}
    yield {
        "name": "fill_mask.seconds.32",
        "value": round(max(median(each) for each in seconds.values()), 2),
        "unit": "seconds",
        "rival": "none: an absolute wait, of the slowest view",
        "detail": {view: [round(each, 2) for each in rounds] for view, rounds in seconds.items()},
    }


def _rounds(page: Page, view: str) -> list[float]:
    page.goto(f"/fill-mask?fill-view={view.replace(' ', '+')}")
    field = page.get_by_label("Text", exact=True)
    field.wait_for()
    settled(page)
    return [_new_text(page, word) for word in LAST_WORDS][1:]


def _new_text(page: Page, word: str) -> float:
    page.get_by_label("Text", exact=True).fill(WORDS.format("the " * 8, word))
    start = time.perf_counter()
    page.get_by_label("Text", exact=True).press("Control+Enter")
    page.wait_for_function(DONE, arg=word)
    seconds = time.perf_counter() - start
    settled(page)
    return seconds
