"""The running app and a real Chromium: fixtures `app`, `page`, `foreign_requests`, `console_errors`.

A test opens a page with `page.goto("/tokens")`, waits for the content it expects, and calls `settled(page)` before it
judges the rest. A request to any host but the app's fails the test. Starts no browser of Playwright's own.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent
START_SECONDS = 60
# The machine that runs the tests may be small and busy, so a wait is long; a test that passes does not use it up.
WAIT_SECONDS = 45
expect.set_options(timeout=WAIT_SECONDS * 1000)

CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    # No name and no address but the app's resolves: what slips past the page's own record still leaves nothing.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever lies in this folder carries the mark `browser`."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass
class RunningApp:
    """The app as a process of its own, with its own workspace; `log` collects what it prints."""

    port: int
    workspace: Path
    log: Path
    process: subprocess.Popen | None = field(default=None, init=False)

    @classmethod
    def fresh(cls, folder: Path) -> "RunningApp":
        """An app that is not started yet, on a free port, with an empty workspace and its log in `folder`."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        (folder / "workspace").mkdir(parents=True)
        return cls(port=port, workspace=folder / "workspace", log=folder / "app.log")

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, script: str = "app.py") -> None:
        """Start the app and wait until it answers; raises `RuntimeError` with its last words when it does not."""
        command = [sys.executable, "-m", "streamlit", "run", script]
        command += ["--server.port", str(self.port), "--server.headless", "true"]
        environment = os.environ | {"BERTLAB_WORKSPACE": str(self.workspace), "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + START_SECONDS
        while not self.healthy():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the app did not start:\n{self.log_tail()}")
            time.sleep(0.1)

    def healthy(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.base_url}/_stcore/health", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        """End the app, by its own id; runs that it launched go on, as they do for people."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def restart(self) -> None:
        """What a person does after a crash or an update: same port, same workspace, new process."""
        self.stop()
        self.start()

    def log_tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """One running app for all browser tests. `app.base_url`, `app.workspace`, `app.log_tail()`, `app.restart()`."""
    app = RunningApp.fresh(tmp_path_factory.mktemp("app"))
    app.start()
    yield app
    app.stop()


@pytest.fixture(autouse=True)
def workspace(app: RunningApp, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In a browser test the workspace is the app's, so that the test can look at what the app wrote."""
    monkeypatch.setenv("BERTLAB_WORKSPACE", str(app.workspace))
    return app.workspace


@pytest.fixture(autouse=True)
def quiet_log(app: RunningApp) -> Iterator[None]:
    """What the app prints while people use it holds no traceback and no warning."""
    before = app.log.stat().st_size
    yield
    printed = app.log.read_bytes()[before:].decode("utf-8", "replace")
    if re.search(r"Traceback|warning", printed, re.IGNORECASE):
        pytest.fail(f"the app printed:\n{printed[-3000:]}", pytrace=False)


def find_chromium() -> str | None:
    """The program that CHROMIUM names, or the first known one on the PATH."""
    named = os.environ.get("CHROMIUM")
    candidates = [named] if named else ["chromium", "chromium-browser", "google-chrome"]
    return next(filter(None, map(shutil.which, candidates)), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium a test file. Not a session long: Playwright keeps an event loop that other tests must not meet."""
    program = find_chromium()
    if program is None:
        pytest.fail("no Chromium found: run `make browser`, or name one in CHROMIUM", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def context(app: RunningApp, browser: Browser) -> Iterator[BrowserContext]:
    """What the tabs of one test file share: the scripts that the browser has loaded and compiled, and nothing else."""
    context = browser.new_context(base_url=app.base_url, viewport={"width": 1280, "height": 800}, accept_downloads=True)
    context.set_default_timeout(WAIT_SECONDS * 1000)
    yield context
    context.close()


@pytest.fixture
def foreign_requests() -> list[str]:
    """Addresses that the page asked for and that are not the app's."""
    return []


@pytest.fixture
def console_errors() -> list[str]:
    """What the page wrote to the browser's console as an error, and exceptions nobody caught."""
    return []


@pytest.fixture
def page(
    app: RunningApp,
    context: BrowserContext,
    foreign_requests: list[str],
    console_errors: list[str],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> Iterator[Page]:
    """A fresh tab, 1280 x 800, with nothing stored. Leaves a picture in the test's folder when the test failed."""

    def note_request(url: str) -> None:
        if urlsplit(url).scheme not in ("data", "blob", "about") and urlsplit(url).netloc != f"127.0.0.1:{app.port}":
            foreign_requests.append(url)

    def note_console(entry: ConsoleMessage) -> None:
        # Opened at /page, Streamlit first looks for its server below /page and then at the root: no fault of the app.
        looking = entry.location["url"].endswith(("/_stcore/health", "/_stcore/host-config"))
        if entry.type == "error" and not looking:
            console_errors.append(entry.text)

    listeners = {
        "request": lambda asked: note_request(asked.url),
        "page": lambda tab: tab.on("websocket", lambda channel: note_request(channel.url)),
        "console": note_console,
        "weberror": lambda uncaught: console_errors.append(str(uncaught.error)),
    }
    for event, listener in listeners.items():
        context.on(event, listener)
    page = context.new_page()
    stored = {"origin": app.base_url, "storageTypes": "cookies,local_storage,indexeddb"}
    context.new_cdp_session(page).send("Storage.clearDataForOrigin", stored)
    yield page
    if getattr(request.node, "failed", False) and not page.is_closed():
        picture = tmp_path / "failure.png"
        page.screenshot(path=picture)
        request.node.add_report_section("teardown", "picture", str(picture))
    for tab in context.pages:
        tab.close()
    for event, listener in listeners.items():
        context.remove_listener(event, listener)
    if foreign_requests:
        pytest.fail(f"the page reached outside the app: {foreign_requests}", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    """Add the app's last words to the report of a failed test, and let `page` know that it failed."""
    report = yield
    if report.when == "call" and report.failed and HERE in item.path.parents:
        item.failed = True
        app = item.funcargs.get("app")
        if isinstance(app, RunningApp):
            report.sections.append(("the app's log", app.log_tail()))
    return report


def settled(page: Page) -> None:
    """Wait until the script has run and nothing on the page is stale or a placeholder.

    Call it after waiting for the content that the last action must bring: right after a click the app still says that
    it is not running.
    """
    expect(page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]')).to_be_attached()
    expect(page.locator('[data-stale="true"]')).to_have_count(0)
    expect(page.locator('[data-testid="stSkeleton"]')).to_have_count(0)
