"""Two trainings on one device: queued, watched, the first stopped and resumed, and the app killed in between."""

import time

from playwright.sync_api import Locator, Page, expect

from core.runs.folder import Run, list_runs
from tests.browser.conftest import RunningApp, settled

LONG = "900"  # epochs: longer than the test, however fast the machine
TRAINS, WAITS, STOPPED = "This run is at work", "This run waits", "This run was stopped and can be resumed"


def start_long_run(page: Page, name: str) -> Run:
    """Start a training of the sample reviews from the form; its run."""
    known = {run.id for run in list_runs()}
    settled(page)  # a form that is still being drawn again would fold the settings up
    page.get_by_text("Change settings").click()
    epochs = page.get_by_role("spinbutton", name="Epochs")
    epochs.fill(LONG)
    epochs.press("Enter")
    expect(page.get_by_text(f"Changed: epochs {LONG}")).to_be_visible()
    settled(page)
    page.get_by_label("Name of this run").fill(name)  # and start at once: the click must not lose what was just typed
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("heading", name=f"Run {name}")).to_be_visible()
    (run,) = [run for run in list_runs() if run.id not in known]
    return run


def main(page: Page) -> Locator:
    return page.get_by_test_id("stMain")


def watch(page: Page, run: Run, name: str) -> None:
    """Go to a run by its link. Until all is drawn, the buttons below its heading are still those of the run before."""
    page.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=f"Run {name}")).to_be_visible()
    settled(page)
    assert run.id in page.url


def stop(page: Page, run: Run) -> None:
    main(page).get_by_role("button", name="Stop").click()
    expect(page.get_by_text(STOPPED)).to_be_visible(timeout=90_000)
    assert run.status().state == "stopped"


def goes_on(page: Page, run: Run, step: int) -> bool:
    """Whether a run comes beyond a step while the page is looked at."""
    deadline = time.monotonic() + 120
    while run.status().step <= step and time.monotonic() < deadline:
        page.wait_for_timeout(200)
    return run.status().step > step


def test_E06_two_runs_share_a_device_and_outlive_the_app(page: Page, app: RunningApp):
    page.goto("/fine-tune?task=sequence-classification&source=sample:reviews")
    expect(page.get_by_role("button", name="Start training")).to_be_visible()
    first = start_long_run(page, "First in line")
    expect(page.get_by_text(TRAINS)).to_be_visible(timeout=90_000)

    page.get_by_text("Start another run").click()
    second = start_long_run(page, "Second in line")
    expect(page.get_by_text(WAITS)).to_be_visible()
    expect(main(page).get_by_text("First in line").first).to_be_visible()  # who holds the device
    assert (first.status().state, second.status().state) == ("running", "queued")

    # The app is killed, not stopped: both runs go on, and a new app finds them
    app.process.kill()
    app.process.wait()
    step = first.status().step
    app.start()
    page.reload()
    expect(page.get_by_role("heading", name="Run Second in line")).to_be_visible(timeout=90_000)
    assert goes_on(page, first, step)
    assert second.status().state == "queued"

    # Stop the first: the second starts by itself
    watch(page, first, "First in line")
    stop(page, first)
    stopped = first.status()
    assert 0 < stopped.step < stopped.total_steps
    watch(page, second, "Second in line")
    expect(page.get_by_text(TRAINS)).to_be_visible(timeout=90_000)
    assert goes_on(page, second, 0)

    # Resume the first: it waits for the second, and goes on where it was when that has stopped
    page.goto(f"/fine-tune?watching={first.id}")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text(WAITS)).to_be_visible()
    watch(page, second, "Second in line")
    stop(page, second)
    assert goes_on(page, first, stopped.step)
    notes = [event.get("message", "") for event in first.events()]
    assert f"Continued from the checkpoint of step {stopped.step}." in notes
    page.goto(f"/fine-tune?watching={first.id}")
    expect(page.get_by_text(TRAINS)).to_be_visible()
    settled(page)
    stop(page, first)
    assert "Traceback" not in app.log_tail(400)
