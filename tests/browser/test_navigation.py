"""From page to page by the links at the side and by the browser's history, with no other click in between."""

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import settled

EXPLORE = ("Inside a layer", "Attention", "Embeddings", "Inside a layer", "Tokens", "Anatomy", "Fill the [MASK]")
OTHERS = ("Datasets", "Fine-tune", "Runs", "Attention", "Home")


def walk(page: Page, *names: str) -> None:
    for name in names:
        page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", level=1, name="BERT Lab" if name == "Home" else name)).to_be_visible()
        settled(page)
        expect(page.get_by_test_id("stException")).to_have_count(0)


@pytest.mark.slow
def test_every_page_opens_from_every_other(page: Page, console_errors: list[str]):
    page.goto("/")
    walk(page, *EXPLORE, *OTHERS)
    assert console_errors == []


def test_a_model_chosen_by_a_link_goes_along(page: Page):
    page.goto("/tokens?model=teaching")
    settled(page)
    walk(page, "Attention", "Inside a layer")
    expect(page.get_by_test_id("stSidebar")).to_contain_text("Teaching BERT")


ADDRESSES = (
    "tokens",
    "anatomy",
    "inside-a-layer",
    "attention",
    "embeddings",
    "fill-mask",
    "datasets",
    "fine-tune",
    "runs",
)


def entries(page: Page) -> int:
    return page.evaluate("history.length")


def title(page: Page) -> str:
    settled(page)
    return page.get_by_role("heading", level=1).inner_text()


def test_each_page_opened_is_one_entry_of_the_history_and_back_leads_to_the_page_before(page: Page):
    page.goto("/tokens?model=teaching&layer=1")  # chosen values are written into each page's address
    settled(page)
    passed = ["Tokens"]
    for name in ("Anatomy", "Inside a layer", "Attention", "Embeddings", "Fill the [MASK]", "Datasets", "Runs"):
        before = entries(page)
        walk(page, name)
        page.wait_for_timeout(300)  # an entry too many may come late
        assert entries(page) == before + 1, name
        passed.append(name)
    for name in reversed(passed[:-1]):
        page.go_back()
        expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
        assert title(page) == name
    page.go_forward()
    expect(page.get_by_role("heading", level=1, name=passed[1])).to_be_visible()


def test_a_page_opened_by_its_address_is_one_entry(page: Page):
    page.goto("/")
    expect(page.get_by_role("heading", level=1, name="BERT Lab")).to_be_visible()
    settled(page)
    for address in ADDRESSES:
        before = entries(page)
        page.goto(f"/{address}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        settled(page)
        page.wait_for_timeout(300)
        assert entries(page) == before + 1, address


@pytest.mark.parametrize(
    ("address", "views"),
    [
        ("tokens", ("Tokens", "What was cut", "Vocabulary")),
        ("attention", ("Lines", "Summary", "Compare")),
    ],
)
def test_a_view_is_one_entry_and_back_and_forward_restore_it(page: Page, address: str, views: tuple[str, ...]):
    page.goto(f"/{address}")

    def is_shown(view: str) -> None:
        expect(page.get_by_role("radiogroup", name="Show").get_by_role("radio", name=view, exact=True)).to_be_checked()
        settled(page)

    is_shown(views[0])
    for view in views[1:]:
        before = entries(page)
        page.get_by_role("radiogroup", name="Show").get_by_role("radio", name=view, exact=True).click()
        is_shown(view)
        page.wait_for_timeout(300)
        assert entries(page) == before + 1
    for view in reversed(views[:-1]):
        page.go_back()  # at once: the browser's word counts, however fresh the choice is
        is_shown(view)
    for view in views[1:]:
        page.go_forward()
        is_shown(view)


def test_a_page_that_is_left_keeps_its_address_also_of_names_that_the_next_one_has_too(page: Page):
    page.goto("/attention?attention-view=One+head&whole-words=true")
    switch = page.get_by_test_id("stMain").get_by_role("switch", name="Whole words", exact=True)
    expect(switch).to_be_checked()
    settled(page)
    page.wait_for_timeout(300)
    address, before = page.url, entries(page)
    walk(page, "Embeddings")
    expect(switch).not_to_be_checked()
    page.wait_for_timeout(300)
    assert entries(page) == before + 1
    page.go_back()
    expect(page.get_by_role("heading", level=1, name="Attention")).to_be_visible()
    expect(switch).to_be_checked()
    settled(page)
    page.wait_for_timeout(300)
    assert parse_qs(urlsplit(page.url).query) == parse_qs(urlsplit(address).query)
