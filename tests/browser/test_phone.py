"""On a phone, 390 px wide and touched: tool bars of tables and charts lie on no control and no legend."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import WAIT_SECONDS, RunningApp, settled

# Every button of a tool bar that lies on a control of the page, with that control.
COVERED = """() => {
  const seen = each => each.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true });
  const all = selector => [...document.querySelectorAll(selector)].filter(seen);
  const tools = all('[data-testid="stElementToolbar"] button');
  const controls = all(`[data-testid="stMain"] :is(button, input, textarea, a[href], summary, label, [role="button"],
    [role="slider"], .updatemenu-button, .legendtoggle)`).filter(
      each => !each.closest('[data-testid="stElementToolbar"]'));
  const lies = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2;
  const found = controls.filter(control => tools.some(
    tool => lies(tool.getBoundingClientRect(), control.getBoundingClientRect())));
  return [tools.length, found.map(each => each.getAttribute('aria-label') || each.textContent || each.tagName)];
}"""
VIEWS = (  # with a table below buttons, a field, a chart and a folded part
    "/datasets?show=Rows",
    "/tokens?tokens-view=Vocabulary",
    "/anatomy?anatomy-view=Compare",
    "/fill-mask?sentence=The+%5BMASK%5D+of+the+ship+sailed+for+the+%5BMASK%5D.",
)


@pytest.fixture
def phone(app: RunningApp, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(
        base_url=app.base_url, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    context.set_default_timeout(WAIT_SECONDS * 1000)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("address", VIEWS)
def test_tool_bars_cover_no_control(phone: Page, address: str):
    phone.goto(address)
    expect(phone.locator("[data-testid=stDataFrame] canvas").first).to_be_attached()
    settled(phone)
    phone.wait_for_function("document.querySelector('[data-testid=stElementToolbar] button')")
    tools, covered = phone.evaluate(COVERED)
    assert tools > 0
    assert covered == []


MAPS = ("/embeddings", "/embeddings?embedding-view=Map+of+a+data+set&map-rows=200")
OVERLAP = """() => {
  const [tools, legend] = ['.modebar', '.legend'].map(each => document.querySelector(each).getBoundingClientRect());
  return [tools.height, Math.min(tools.bottom, legend.bottom) - Math.max(tools.top, legend.top)];
}"""


@pytest.mark.parametrize("address", MAPS)
def test_the_tool_bar_of_a_map_is_seen_and_lies_above_its_legend(phone: Page, address: str):
    phone.goto(address)
    expect(phone.locator(".js-plotly-plot .legend").first).to_be_visible()
    settled(phone)
    phone.wait_for_function("document.querySelector('.modebar').getBoundingClientRect().height > 0")
    height, overlap = phone.evaluate(OVERLAP)
    assert height > 0
    assert overlap <= 2
    bar = phone.locator(".modebar-btn").first
    bar.click(trial=True)  # clipped, or below something else, it could not be
