"""A training whose loss has run away is told in its outcome, and no other is."""

import math
import os
import random

import pytest

from core.runs.events import EventWriter
from core.runs.folder import create_run
from core.runs.status import read_json
from core.training.plan.plan import Plan
from core.training.run.diverging import diverged


def events(*losses: float) -> list[dict]:
    return [{"kind": "train", "step": step, "loss": loss} for step, loss in enumerate(losses, 1)]


@pytest.mark.parametrize(
    "losses",
    [
        (0.7, 40.0, 300.0, 272.0),
        (math.log(64), *(30.0,) * 50),
        (0.02, *(4.0,) * 50),  # nearly perfect at first, far beyond two classes' chance at the end
        (0.7, 25.0, 9.0, 1.0, *(0.9,) * 30),  # thrown out, and back at guessing
    ],
)
def test_a_loss_that_runs_away_is_told(losses: tuple) -> None:
    problem = diverged(events(*losses))
    assert "diverged" in problem.problem
    assert f"{losses[0]:.3g}" in problem.problem
    assert "lower learning rate" in problem.remedy


@pytest.mark.parametrize(
    "losses",
    [
        (),
        (0.7,),
        tuple(4.3 * 0.9**step for step in range(60)),
        (math.log(77),) * 40,  # learns nothing: that is no explosion
        (0.01, *(0.7,) * 40),  # worse, but no worse than guessing
        (2.5, 20.0, *(1.0,) * 40),  # one bad batch, and it learned all the same
        (1.0, 0.2, 1.4, 0.1, 2.2, 0.4),
    ],
)
def test_others_are_not(losses: tuple) -> None:
    assert diverged(events(*losses)) is None


def test_noise_of_small_batches_is_no_divergence() -> None:
    for seed in range(200):
        chance = random.Random(seed)
        scores = [2e4 * chance.gauss(0, 1) ** 2 for _ in range(150)]  # squared errors of single rows, unscaled
        assert diverged(events(*(sum(chance.choices(scores, k=8)) / 8 for _ in range(60)))) is None


def test_the_outcome_of_a_run_says_so(plan_of_reviews: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.training.run import worker
    from core.training.run.job import Job

    def run_away(self: Job) -> str:
        with EventWriter(self.folder) as writer:
            for event in events(0.7, 90.0, 272.0):
                writer.append(event)
        return "finished"

    monkeypatch.setattr(Job, "run", run_away)
    monkeypatch.setattr(os, "nice", lambda _: None)
    run = create_run(plan_of_reviews.to_yaml())
    assert worker.main(run.path) == 0
    outcome = read_json(run.path / "outcome.json")
    assert outcome["state"] == "finished"
    assert "diverged: its loss began at 0.7, rose to 272 and ended at 272" in outcome["message"]
    assert outcome["remedy"]


@pytest.fixture
def plan_of_reviews() -> Plan:
    return Plan(data="sample:reviews", text_column="text", label_column="label")
