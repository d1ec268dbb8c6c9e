"""A training outlives the page and the app, and stops when told to."""

import re
import time

from playwright.sync_api import Page, expect

from core.runs.folder import open_run
from core.training import launch
from core.training.plan.plan import Plan
from tests.browser.conftest import RunningApp
from tests.browser.test_journey import points


def test_E01_the_app_is_restarted_and_the_run_goes_on(page: Page, app: RunningApp):
    plan = Plan(
        data="sample:reviews", text_column="text", label_column="label", name="Long one", epochs=60.0, batch_size=8
    )
    run = launch(plan)
    page.goto(f"/fine-tune?watching={run.id}")
    expect(page.get_by_role("heading", name="Run Long one")).to_be_visible()
    expect(page.get_by_text("Training loss", exact=True)).to_be_visible(timeout=90_000)
    before, step = points(page, "Loss"), run.status().step

    app.restart()
    assert run.status().state == "running"
    page.reload()
    expect(page.get_by_role("heading", name="Run Long one")).to_be_visible()
    expect(page.get_by_text("Page not found")).to_have_count(0)
    expect(page.get_by_text("Training loss", exact=True)).to_be_visible()
    deadline = time.monotonic() + 60
    while points(page, "Loss") <= before and time.monotonic() < deadline:
        page.wait_for_timeout(200)
    assert points(page, "Loss") > before
    assert run.status().step > step

    page.get_by_test_id("stMain").get_by_role("button", name="Stop").click()
    expect(page.get_by_text("This run was stopped and can be resumed")).to_be_visible(timeout=90_000)
    stopped = open_run(run.id).status()
    assert stopped.state == "stopped"
    assert 0 < stopped.step < stopped.total_steps
    assert any((run.path / "checkpoints").iterdir())

    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text(re.compile("This run (is at work|waits)"))).to_be_visible()
    deadline = time.monotonic() + 90
    while run.status().step <= stopped.step and time.monotonic() < deadline:
        page.wait_for_timeout(200)
    assert run.status().step > stopped.step
    assert any("Continued from" in event.get("message", "") for event in run.events())
    page.get_by_test_id("stMain").get_by_role("button", name="Stop").click()
    expect(page.get_by_text("This run was stopped and can be resumed")).to_be_visible(timeout=90_000)
