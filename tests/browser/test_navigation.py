"""From page to page by the links at the side, with no other click in between."""

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


def test_every_page_opens_from_every_other(page: Page, console_errors: list[str]):
    page.goto("/")
    walk(page, *EXPLORE, *OTHERS)
    assert console_errors == []


def test_a_model_chosen_by_a_link_goes_along(page: Page):
    page.goto("/tokens?model=teaching")
    settled(page)
    walk(page, "Attention", "Inside a layer")
    expect(page.get_by_test_id("stSidebar")).to_contain_text("Teaching BERT")
