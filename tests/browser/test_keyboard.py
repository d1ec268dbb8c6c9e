"""By keyboard through every page and view: Tab comes to everything and out again, a set of buttons is one stop.

What Streamlit's own widgets do with keys is not judged beyond that nothing holds the focus.
"""

from __future__ import annotations

import re
from collections import Counter
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import settled
from tests.finished_runs import CLASSES, FinishedRun, _trained, finished_run  # noqa: F401  fixtures

# Our components by their root, and at how many places Tab may stop in each.
STOPS = {
    ".strip": 2,  # the tokens, “Save PNG”
    ".matrix": 2,  # the grid, “Save PNG”
    ".heads[role=grid]": 1,
    ".arithmetic": 2,  # the order, the products
    ".attention": 9,  # heads, all, none, two to save, the threshold, queries, keys, and what is pinned
    ".blocks": 4,  # long texts scroll
}
# Where the focus is: a number for the element, its name, and the component it stands in (by number and root).
FOCUS = """(roots) => {
    const numbers = (window.numbers ??= new Map());
    const numberOf = (element) => numbers.get(element) ?? numbers.set(element, numbers.size).get(element);
    let element = document.activeElement;
    while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
    if (!element || element === document.body || element === document.documentElement) return null;
    const shadow = element.getRootNode();
    const root = shadow === document ? null : roots.find((name) => shadow.querySelector(name));
    const words = element.getAttribute("aria-label") || element.textContent || element.id || "";
    const name = `${element.tagName} ${element.getAttribute("role") ?? ""} ${words.trim().slice(0, 40)}`;
    return { number: numberOf(element), name, root: root ?? "", host: root ? numberOf(shadow.host) : -1 };
}"""
# The components on the page that are in sight, by number and root.
COMPONENTS = """(roots) => {
    const numbers = (window.numbers ??= new Map());
    const numberOf = (element) => numbers.get(element) ?? numbers.set(element, numbers.size).get(element);
    return [...document.querySelectorAll("*")].flatMap((host) => {
        const root = host.shadowRoot && roots.find((name) => host.shadowRoot.querySelector(name));
        const stops = root ? [...host.shadowRoot.querySelectorAll("button, [tabindex='0']")] : [];
        return stops.some((stop) => stop.checkVisibility()) ? [[numberOf(host), root]] : [];
    });
}"""
MOST_PRESSES = 400
# Streamlit's tables, whose cells Tab goes through, and pages within a page.
SEVERAL_PRESSES = ("CANVAS", "TD gridcell", "IFRAME")


def walk(page: Page, key: str) -> list[dict]:
    """Press a key until the focus leaves the page; where it came to. Fails where it stays."""
    places: list[dict] = []
    while (place := (page.keyboard.press(key), page.evaluate(FOCUS, list(STOPS)))[1]) is not None:
        if places and place["number"] == places[-1]["number"] and not place["name"].startswith(SEVERAL_PRESSES):
            pytest.fail(f"{key} stays at {place['name']}")
        places.append(place)
        if len(places) > MOST_PRESSES:
            pytest.fail(f"{key} never leaves the page: {[place['name'] for place in places[-20:]]}")
    return places


def stops_in(places: list[dict]) -> dict[tuple[int, str], int]:
    """In how many different elements of each component the focus was."""
    found = {(place["number"], place["host"], place["root"]) for place in places if place["root"]}
    return Counter((host, root) for _, host, root in found)


def walk_out_and_back(page: Page) -> None:
    """From wherever the focus is to the end of the page, and back to its beginning past everything."""
    onward = walk(page, "Tab")
    back = walk(page, "Shift+Tab")
    for stops in (stops_in(onward), stops_in(back)):
        assert all(count <= STOPS[root] for (_, root), count in stops.items()), stops
    there = {tuple(each) for each in page.evaluate(COMPONENTS, list(STOPS))}
    assert there <= set(stops_in(back)), there - set(stops_in(back))
    outside = {place["number"]: place["name"] for place in onward if not place["root"]}
    missed = outside.keys() - {place["number"] for place in back}
    assert not missed, [outside[number] for number in missed]


@pytest.mark.parametrize(
    "address",
    [
        *("", "tokens", "inside-a-layer?open-all=true", "attention"),
        *(pytest.param(each, marks=pytest.mark.slow) for each in ("anatomy", "embeddings", "fill-mask", "datasets")),
    ],
)
def test_tab_goes_through_every_view_of_a_page_and_back(page: Page, address: str):
    page.goto(f"/{address}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    walk_every_view(page)


def test_tab_goes_through_every_view_of_training_and_back(page: Page, finished_run: FinishedRun):  # noqa: F811
    run = finished_run(CLASSES)
    for address in ("fine-tune", f"runs?run={run.id}"):
        page.goto(f"/{address}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        walk_every_view(page)


def walk_settled(page: Page) -> None:
    """Walk the page once nothing on it moves; twice where a busy machine was still drawing it."""
    settled(page)
    page.wait_for_timeout(300)  # a click reaches the script a moment later
    settled(page)
    try:
        walk_out_and_back(page)
    except (AssertionError, pytest.fail.Exception):
        page.wait_for_timeout(2_000)
        settled(page)
        page.evaluate("document.activeElement.blur()")
        walk_out_and_back(page)


def walk_every_view(page: Page) -> None:
    walk_settled(page)
    views = page.get_by_role("radiogroup", name="Show").get_by_role("radio")
    for number in range(1, views.count()):
        views.nth(number).click()
        expect(views.nth(number)).to_be_checked()
        walk_settled(page)


def focused(page: Page) -> str:
    place = page.evaluate(FOCUS, list(STOPS))
    return place["name"] if place else ""


def press(page: Page, *keys: str) -> str:
    """Press keys one after the other; what has the focus then."""
    for key in keys:
        page.keyboard.press(key)
    return focused(page)


@pytest.mark.parametrize(("view", "count"), [("Lines", 12), ("Compare", 2)])
def test_heads_threshold_and_tokens_are_worked_by_keys(page: Page, view: str, count: int):
    page.goto(f"/attention?attention-view={view}&heads=0,1,2")
    lines = page.locator(".attention")
    heads = lines.locator(".heads button")
    expect(heads).to_have_count(count)
    settled(page)
    heads.first.focus()
    page.keyboard.press("ArrowRight")
    expect(heads.nth(1)).to_be_focused()
    page.keyboard.press("Space")
    expect(heads.nth(1)).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("Enter")
    expect(heads.nth(1)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("End")
    expect(heads.last).to_be_focused()
    assert press(page, "Shift+Tab") != ""
    expect(lines.locator(":focus")).to_have_count(0)
    page.keyboard.press("Tab")
    expect(heads.last).to_be_focused()  # where one left
    assert press(page, "Tab", "Tab", "Tab", "Tab").startswith("BUTTON  Save SVG")
    page.keyboard.press("Tab")
    slider = lines.locator("input[type=range]")
    expect(slider).to_be_focused()
    before = lines.locator("output").text_content()
    for _ in range(40):
        page.keyboard.press("ArrowRight")
    expect(lines.locator("output")).not_to_have_text(before)
    page.keyboard.press("Tab")
    queries = lines.locator(".queries .token")
    expect(queries.first).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(queries.nth(1)).to_have_attribute("aria-selected", "true")
    expect(lines.locator(".readout")).to_contain_text("Esc clears the pins")
    page.keyboard.press("Tab")
    expect(lines.locator(".keys .token").first).to_be_focused()
    page.keyboard.press("Tab")
    expect(lines.locator(".readout button").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(lines.locator('[aria-selected="true"]')).to_have_count(0)
    heads.last.focus()
    assert press(page, "Escape") == ""


def test_tokens_are_one_stop_with_arrows_inside(page: Page):
    page.goto("/fill-mask?masked=The+cat+sat+on+the+mat.")
    strip = page.locator(".strip").first
    tokens = strip.get_by_role("button")
    expect(tokens.nth(5)).to_be_visible()
    settled(page)
    tokens.first.focus()
    page.keyboard.press("ArrowRight")
    expect(tokens.nth(1)).to_be_focused()
    page.keyboard.press("End")
    expect(tokens.last).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(strip.locator(".mask")).not_to_have_count(0)
    settled(page)
    expect(tokens.nth(2)).to_be_focused()  # the strip was drawn again, and one goes on from there
    page.keyboard.press("Tab")
    expect(strip.locator(":focus")).to_have_count(0)
    page.keyboard.press("Shift+Tab")
    expect(tokens.nth(2)).to_be_focused()
    assert press(page, "Escape") == ""


def test_a_text_from_right_to_left_goes_on_to_the_left(page: Page):
    page.goto("/tokens?text=" + quote("שלום עולם"))
    tokens = page.locator(".strip button")
    expect(tokens.nth(3)).to_be_visible()
    settled(page)
    tokens.first.focus()
    page.keyboard.press("ArrowLeft")
    expect(tokens.nth(1)).to_be_focused()


def test_pictures_of_heads_are_one_stop_and_lie_in_rows(page: Page):
    page.goto("/attention?attention-view=All+heads")
    grid = page.get_by_role("grid", name=re.compile("head", re.IGNORECASE))
    picture = grid.get_by_role("button", name="layer 1, head 1", exact=True)
    expect(picture).to_be_visible()
    settled(page)
    expect(grid.get_by_role("row")).to_have_count(7)  # six layers, below the numbers of the heads
    picture.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(grid.get_by_role("button", name="layer 3, head 2", exact=True)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.get_by_text("In layer 2, head 2 (layer.1 head 1 in code)")).to_be_visible()


def test_a_matrix_and_its_products_are_left_by_tab_and_by_escape(page: Page):
    page.goto("/inside-a-layer?stages=scores")
    expect(page.locator(".terms tbody tr").first).to_be_visible()
    settled(page)
    grid = page.locator(".matrix .grid").last
    grid.focus()
    assert press(page, "Escape") == ""
    grid.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    expect(page.locator(".matrix .grid:focus")).to_have_count(0)
    order = page.locator(".order button")
    order.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(order.last).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Tab")
    expect(page.locator(".scroll")).to_be_focused()
