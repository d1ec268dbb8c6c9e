"""The app and a Chromium to measure it with, as the browser tests start them."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.conftest import CHROMIUM_FLAGS, RunningApp, find_chromium


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium, closed at the end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def fresh_app(script: str = "app.py") -> Iterator[RunningApp]:
    """A Streamlit server with an empty workspace, the app by default; stopped and swept away at the end."""
    with tempfile.TemporaryDirectory() as folder:
        app = RunningApp.fresh(Path(folder))
        app.start(script)
        try:
            yield app
        finally:
            app.stop()
