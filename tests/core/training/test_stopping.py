"""A stop in the middle of long work: what is unfinished is abandoned, and the run goes on as if it had not been."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from core.runs.folder import Run, create_run
from core.runs.status import read_json
from core.training.plan.plan import Plan
from core.training.run.stopping import RandomState, Stopped, interruptible
from tests.tiny_training import same_weights, tiny_plan, train_here  # noqa: F401


@pytest.fixture(autouse=True)
def looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop is looked for after each part of a step."""
    monkeypatch.setattr("core.training.run.callbacks.LOOK_SECONDS", 0.0)


def stop_in_part(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Ask for a stop while the `number`-th part of a step, counted from 1, is being worked off."""
    from core.training.run.trainer import LabTrainer

    original, calls = LabTrainer.training_step, []

    def training_step(self: LabTrainer, *arguments: object, **options: object) -> torch.Tensor:
        calls.append(1)
        if len(calls) == number:
            (self._checkpoint_folder.parent / "STOP").touch()
        return original(self, *arguments, **options)

    monkeypatch.setattr(LabTrainer, "training_step", training_step)


def stop_in_evaluation(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Ask for a stop while the first batch of the `number`-th evaluation is scored, and let it not be the last one."""
    from core.training.run.callbacks import Reporter

    evaluations = []
    original, original_batch = Reporter.evaluating, Reporter.on_scored_batch

    def evaluating(self: Reporter) -> object:
        evaluations.append(0)
        return original(self)

    def on_scored_batch(self: Reporter, done: int) -> None:
        if evaluations:
            evaluations[-1] += 1
            if len(evaluations) == number and evaluations[-1] == 1:
                (self._folder / "STOP").touch()
        original_batch(self, done)

    monkeypatch.setattr(Reporter, "evaluating", evaluating)
    monkeypatch.setattr(Reporter, "on_scored_batch", on_scored_batch)


def measured(run: Run) -> list[tuple]:
    """What a run reported of its training, without the times."""
    kept = ("kind", "step", "loss", "gradient_norm", "accuracy", "learning_rate")
    return [tuple(event.get(name) for name in kept) for event in run.events() if event["kind"] != "note"]


def stopped_and_resumed(plan: Plan, monkeypatch: pytest.MonkeyPatch, harm: Callable[[pytest.MonkeyPatch], None]) -> Run:
    with monkeypatch.context() as patch:
        harm(patch)
        run, state = train_here(plan)
    assert state == "stopped"
    (run.path / "STOP").unlink()
    assert train_here(plan, run)[1] == "finished"
    return run


@pytest.fixture
def in_parts(plan: Plan) -> Plan:
    """Six steps an epoch, each in four parts."""
    return dataclasses.replace(plan, accumulation=4)


@pytest.mark.parametrize("part", [18, 25])  # in the fifth step, and in the first of the second epoch
def test_D06_a_step_that_a_stop_cuts_was_never_begun(
    in_parts: Plan, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    whole, _ = train_here(in_parts)
    with monkeypatch.context() as patch:
        stop_in_part(patch, part)
        run, state = train_here(in_parts)
    assert state == "stopped"
    last_whole = (part - 1) // 4
    assert read_json(run.path / "progress.json")["step"] == last_whole
    assert (run.path / "checkpoints" / f"step-{last_whole}").is_dir()
    (run.path / "STOP").unlink()
    assert train_here(in_parts, run)[1] == "finished"
    assert same_weights(whole, run)
    assert measured(run) == measured(whole)


def test_D06_a_stop_in_the_first_step_of_a_session_saves_nothing_new(
    in_parts: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stop_in_part(patch, 2)
        run, state = train_here(in_parts)
    assert state == "stopped"
    assert not (run.path / "checkpoints").exists()
    (run.path / "STOP").unlink()
    with monkeypatch.context() as patch:
        stop_in_part(patch, 9)
        assert train_here(in_parts, run)[1] == "stopped"
    (run.path / "STOP").unlink()
    before = sorted(path.stat().st_mtime_ns for path in (run.path / "checkpoints" / "step-2").iterdir())
    with monkeypatch.context() as patch:
        stop_in_part(patch, 1)
        assert train_here(in_parts, run)[1] == "stopped"
    assert before == sorted(path.stat().st_mtime_ns for path in (run.path / "checkpoints" / "step-2").iterdir())


@pytest.mark.parametrize("number", [1, 2])  # in an epoch, and between two
def test_D06_an_evaluation_that_a_stop_cuts_is_made_up_for(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    plan = dataclasses.replace(plan, batch_size=2, epochs=2.0)
    whole, _ = train_here(plan)
    assert len([event for event in whole.events() if event["kind"] == "evaluation"]) > number
    run = stopped_and_resumed(plan, monkeypatch, lambda patch: stop_in_evaluation(patch, number))
    assert same_weights(whole, run)
    assert measured(run) == measured(whole)
    assert run.metrics() == whole.metrics()


def test_D06_an_evaluation_made_up_for_twice_is_told_once(in_parts: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    in_parts = dataclasses.replace(in_parts, checkpoint_seconds=86400.0)
    whole, _ = train_here(in_parts)
    run = create_run(in_parts.to_yaml())
    for harm in (lambda patch: stop_in_evaluation(patch, 1), lambda patch: stop_in_part(patch, 2)):
        with monkeypatch.context() as patch:
            harm(patch)
            assert train_here(in_parts, run)[1] == "stopped"
        (run.path / "STOP").unlink()
    assert train_here(in_parts, run)[1] == "finished"
    assert same_weights(whole, run)
    assert measured(run) == measured(whole)


def test_D06_a_run_that_has_done_its_last_step_is_let_finish(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = train_here(plan)
    last = len([event for event in whole.events() if event["kind"] == "evaluation"])
    stop_in_evaluation(monkeypatch, last)
    run, state = train_here(plan)
    assert (state, (run.path / "STOP").exists()) == ("finished", True)
    assert run.metrics() == whole.metrics()


@pytest.mark.parametrize("work", ["prepare", "open_network", "encode"])
def test_D06_reading_loading_and_encoding_end_when_a_stop_is_asked_for(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, work: str
) -> None:
    from core.training.run import job, worker
    from core.training.tasks.sequence_classification import SequenceClassification

    run = create_run(plan.to_yaml())

    def lasts(*_: object, **__: object) -> None:
        (run.path / "STOP").touch()
        for _ in range(1200):  # as work in Python: from one call to the next
            time.sleep(0.05)

    monkeypatch.setattr(*((SequenceClassification, work) if work == "encode" else (job, work)), lasts)
    began = time.monotonic()
    assert worker.main(run.path) == 0
    assert time.monotonic() - began < 30
    outcome = read_json(run.path / "outcome.json")
    assert (outcome["state"], outcome["message"]) == ("stopped", "Stopped while it was getting ready to train.")
    assert "Resume" in outcome["remedy"]
    monkeypatch.undo()


def test_work_is_interrupted_only_while_it_may_be(tmp_path: Path) -> None:
    stop = tmp_path / "STOP"
    with interruptible(stop.exists):
        pass
    stop.touch()
    time.sleep(0.6)
    with pytest.raises(Stopped), interruptible(stop.exists):
        pytest.fail("it was begun")
    stop.unlink()
    began = time.monotonic()
    with pytest.raises(Stopped):
        work_until_stopped(stop)
    assert time.monotonic() - began < 30


def work_until_stopped(stop: Path) -> None:
    with interruptible(stop.exists):
        stop.touch()
        while True:
            sum(range(1000))


def test_a_random_state_is_that_of_every_generator() -> None:
    import random

    import numpy as np

    def draw() -> tuple:
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    before = RandomState.now()
    first = draw()
    assert draw() != first
    before.restore()
    assert draw() == first
