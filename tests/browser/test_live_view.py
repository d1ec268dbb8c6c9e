"""The live page of a run in a real browser: points come in without a flicker, and curves can be taken home."""

import json
import os
import threading
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from core.runs.folder import Run, create_run
from core.runs.process import identity
from core.runs.status import write_json, write_status
from core.training.plan.plan import Plan
from tests.browser.conftest import settled

WATCHED_SECONDS = 6
# Notes the charts as they are, then looks at every frame for one that is gone, empty or greyed out.
NOTE = """() => {
  const charts = () => [...document.querySelectorAll('[data-testid="stVegaLiteChart"]')];
  const drawn = (chart) => chart.querySelector('svg path[aria-roledescription="line mark"]');
  window.first = charts().map((chart) => chart.querySelector('svg'));
  window.frames = window.blank = window.grey = 0;
  const look = () => {
    window.frames += 1;
    if (charts().length !== window.first.length || !charts().every(drawn)) window.blank += 1;
    const parts = document.querySelectorAll('[class*="st-key-ticking-"] [data-stale="true"]');
    if ([...parts].some((part) => getComputedStyle(part).opacity !== '1')) window.grey += 1;
    requestAnimationFrame(look);
  };
  look();
}"""
SAME = """() => {
  const charts = [...document.querySelectorAll('[data-testid="stVegaLiteChart"]')];
  return charts.map((chart, place) => chart.querySelector('svg') === window.first[place]);
}"""


class Training:
    """A run that goes on: this process stands for supervisor and worker."""

    def __init__(self) -> None:
        plan = Plan(data="sample:reviews", text_column="text", label_column="label", name="Live one")
        self.run: Run = create_run(plan.to_yaml(), name=plan.name)
        self._over = threading.Event()
        self._step = 0
        for _ in range(30):
            self.go_on()
        write_status(self.run.path, "running")
        self._thread = threading.Thread(target=self._work)

    def go_on(self) -> None:
        self._step += 1
        place = {"step": self._step, "epoch": self._step / 100, "seconds": float(self._step)}
        fields = {"loss": 1 / self._step, "learning_rate": 1e-4, "gradient_norm": 1.0, "examples_per_second": 9.0}
        events = [{"kind": "train", **place, **fields, "seconds_left": 99.0}]
        if self._step % 5 == 0:
            events.append({"kind": "evaluation", **place, "loss": 0.5, "accuracy": 0.5, "macro_f1": 0.4})
        with (self.run.path / "events.jsonl").open("a") as file:
            file.write("".join(json.dumps(event) + "\n" for event in events))
        write_json(self.run.path / "progress.json", {"step": self._step, "total_steps": 1_000})
        beat = {**identity(os.getpid()), "heartbeat": time.time(), "device": "cpu"}
        write_json(self.run.path / "supervisor.json", beat)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._over.wait(0.5):
            self.go_on()


@pytest.fixture
def training(workspace) -> Iterator[Training]:
    """Ends as stopped, so that no other test finds it active."""
    training = Training()
    training.start()
    yield training
    training.end()
    write_status(training.run.path, "stopped", message="Stopped by the test.")


def step_shown(page: Page) -> int:
    return int(page.get_by_text("of 1,000").first.inner_text().split()[1])


def test_points_come_in_without_a_flicker(page: Page, training: Training, console_errors: list[str]):
    page.goto(f"/runs?run={training.run.id}&more-curves=true")
    charts = page.get_by_test_id("stVegaLiteChart")
    expect(charts).to_have_count(5)
    expect(charts.last.locator("svg path[aria-roledescription='line mark']").first).to_be_attached()
    settled_step = step_shown(page)
    page.evaluate(NOTE)
    points = charts.first.locator("path[aria-roledescription='circle']")
    before = points.count()
    page.wait_for_timeout(WATCHED_SECONDS * 1_000)
    expect(page.get_by_text(f"Step {settled_step} of")).to_have_count(0)
    assert points.count() > before
    assert page.evaluate(SAME) == [True] * 5
    assert page.evaluate("[window.blank, window.grey]") == [0, 0]
    assert page.evaluate("window.frames") > WATCHED_SECONDS
    assert console_errors == []


def test_the_view_is_kept_in_the_address_and_curves_are_taken_home(page: Page, training: Training):
    page.goto(f"/runs?run={training.run.id}")
    main = page.get_by_test_id("stMain")
    expect(main.get_by_text("Loss by step")).to_be_visible()
    main.get_by_text("Epoch", exact=True).click()
    expect(main.get_by_text("Loss by epoch")).to_be_visible()
    page.reload()
    expect(main.get_by_text("Loss by epoch")).to_be_visible()
    page.get_by_test_id("stVegaLiteChart").first.hover()
    with page.expect_download() as picture:
        page.get_by_role("button", name="Download as PNG").first.click()
    assert picture.value.path().read_bytes().startswith(b"\x89PNG")
    with page.expect_download() as table:
        page.get_by_role("button", name="Curves as CSV").click()
    assert table.value.suggested_filename == f"curves-{training.run.id}.csv"
    header, first, *_ = table.value.path().read_text().splitlines()
    assert header.startswith("kind,step,epoch,seconds,loss,learning_rate")
    assert first.startswith("train,1,0.01,1,1.0,0.0001")


def test_the_live_page_ends_with_its_run(page: Page, training: Training):
    page.goto(f"/runs?run={training.run.id}")
    expect(page.get_by_text("This run is at work")).to_be_visible()
    training.end()
    write_status(training.run.path, "finished", exit_code=0)
    expect(page.get_by_test_id("stPlotlyChart").first).to_be_visible()
    expect(page.get_by_test_id("stVegaLiteChart")).to_have_count(0)
    settled(page)
