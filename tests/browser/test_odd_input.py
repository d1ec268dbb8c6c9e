"""What people really type and upload: no page answers with a stack trace, a warning, or by running the text."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import settled

EVIL = "</script><img src=x onerror=alert(1)>"
TEXTS = (
    "",
    "   ",
    "😀🎉👩‍👩‍👧",
    "a" * 5_000,
    EVIL,
    "[CLS] 北京是中国的首都。 [SEP] القِطَّةُ على السَّجادة, cafe\u0301 क्षि",
    "two words",
    "word " * 10_000,
)


@pytest.fixture(autouse=True)
def _no_dialog(page: Page, console_errors: list[str]):
    """The text was never run as a script."""
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    yield
    assert dialogs == []
    assert console_errors == []


def assert_calm(page: Page) -> None:
    settled(page)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    assert page.locator("img[src='x']").count() == 0


@pytest.mark.parametrize(
    ("path", "heading"),
    [
        ("/tokens", "Tokens"),
        pytest.param("/fill-mask", "Fill the [MASK]", marks=pytest.mark.slow),
        pytest.param("/inside-a-layer", "Inside a layer", marks=pytest.mark.slow),
        ("/attention", "Attention"),
    ],
)
def test_F01_F02_F03_F04_any_text(page: Page, path: str, heading: str):
    page.goto(path)
    expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    field = page.get_by_label("Text", exact=True)
    expect(page.get_by_role("group").get_by_role("button").first).to_be_visible()
    for text in TEXTS:
        field.fill(text)
        field.press("Control+Enter")
        page.wait_for_timeout(300)
        assert_calm(page)
        if not text.strip():
            expect(page.get_by_text(re.compile("Type a (few words|sentence)")).first).to_be_visible()
        elif heading == "Tokens":
            expect(page.get_by_text(" tokens").first).to_be_visible()
        elif heading == "Inside a layer":
            expect(page.get_by_text(re.compile("looks mostly at|spreads its attention"))).to_be_visible()
    page.reload()  # the address must not have grown beyond what a browser sends
    expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    assert_calm(page)


@pytest.mark.parametrize(
    ("name", "content", "answer"),
    [
        ("empty.csv", b"", "The file is empty"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "PNG"),
        ("one.csv", b"text\none\ntwo\nthree\n", "Choose the column that holds the label"),
        (
            f"{EVIL[:8]}.csv".replace("/", ""),
            f'text,label\n"{EVIL}",{EVIL}\na,b\nc,b\n"{EVIL} x",{EVIL}\n'.encode(),
            "4 rows",
        ),
    ],
    ids=["empty file", "PNG renamed", "one column", "script in cells and labels"],
)
def test_A10_A16_C07_any_file(page: Page, tmp_path: Path, name: str, content: bytes, answer: str):
    file = tmp_path / name
    file.write_bytes(content)
    page.goto("/datasets")
    expect(page.get_by_text("400 rows, 2 columns")).to_be_visible()
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)
    expect(page.get_by_text("3 rows" if name == "one.csv" else answer).first).to_be_visible()  # it has arrived
    settled(page)
    page.get_by_test_id("stMain").get_by_text("Labels", exact=True).click()
    expect(page.get_by_text(answer).first).to_be_visible()
    for view in ("Lengths", "Extremes", "Repeats", "Rows"):
        page.get_by_test_id("stMain").get_by_text(view, exact=True).click()
        expect(page.get_by_role("radio", name=view)).to_be_checked()
        assert_calm(page)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Fine-tune").click()
    expect(page.get_by_role("heading", name="Fine-tune")).to_be_visible()
    assert_calm(page)
