"""On a phone, 390 px wide and touched: tool bars of tables lie on no control."""

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
