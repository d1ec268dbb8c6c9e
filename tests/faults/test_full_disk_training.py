"""Fault D04 inside a training: what a full disk may cost it, what must not end it, and what is left behind."""

import dataclasses
import errno
import os
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from core.runs.folder import create_run
from core.runs.status import read_json
from core.training.estimate.speeds import device_here
from core.training.plan.plan import Plan
from core.training.run import callbacks, job, worker
from tests.tiny_training import same_weights, tiny_plan, train_here  # noqa: F401

FULL = OSError(errno.ENOSPC, "No space left on device")


class Half:
    """Saves half of itself, then raises."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def save_pretrained(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "model.safetensors").write_bytes(b"half")
        raise self._error


class Whole:
    backend_tokenizer = Tokenizer(WordLevel())

    def save_pretrained(self, folder: Path) -> None:
        (folder / "config.json").write_text("{}")


@pytest.mark.parametrize("error", [FULL, RuntimeError("I/O error: No space left on device"), KeyboardInterrupt()])
def test_D04_a_model_that_could_not_be_saved_leaves_nothing_and_keeps_the_old(
    tmp_path: Path, error: BaseException
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    job.save_model(folder / "model", Whole(), Whole())
    with pytest.raises(type(error)):
        job.save_model(folder / "model", Half(error), Whole())
    assert [path.name for path in folder.rglob("*")] == ["model", "config.json"]


def test_D04_what_a_kill_left_of_a_model_goes_with_the_next_start(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    run = create_run(plan.to_yaml())
    for name in (".staged-model", ".removing-model"):
        (run.path / name).mkdir()
        (run.path / name / "model.safetensors").write_bytes(b"half")
    left: list[Path] = []
    original = job.open_network

    def open_network(*arguments: Any) -> Any:
        left.extend(run.path.glob(".*-model"))
        return original(*arguments)

    monkeypatch.setattr(job, "open_network", open_network)
    train_here(plan, run)
    assert left == []  # they go before the first step, which may need the room
    assert (run.path / "model" / "model.safetensors").stat().st_size > 4


def test_D04_progress_and_events_outlast_a_disk_that_is_full_for_a_moment(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = dataclasses.replace(plan, checkpoint_seconds=3600.0)
    whole, _ = train_here(plan)
    refused: list[str] = []
    steps: list[int] = []  # done so far
    write_json, append, on_step_end = callbacks.write_json, callbacks.EventWriter.append, callbacks.Reporter.on_step_end

    def count(self: callbacks.Reporter, args: Any, state: Any, control: Any, **rest: Any) -> None:
        steps.append(state.global_step)
        on_step_end(self, args, state, control, **rest)

    def refuse(what: str) -> None:
        if steps and steps[-1] in (3, 4, 5):  # the evaluation of step 3 falls in
            refused.append(what)
            raise FULL

    def write(path: Path, content: Any) -> None:
        refuse(path.name)
        write_json(path, content)

    def write_event(self: callbacks.EventWriter, event: dict) -> None:
        refuse(event["kind"])
        append(self, event)

    monkeypatch.setattr(callbacks.Reporter, "on_step_end", count)
    monkeypatch.setattr(callbacks, "_PROGRESS_SECONDS", 0.0)
    monkeypatch.setattr(callbacks, "write_json", write)
    monkeypatch.setattr(callbacks.EventWriter, "append", write_event)
    run, state = train_here(plan)
    assert state == "finished"
    assert set(refused) == {"progress.json", "train"}
    kept, expected = (
        [(event["kind"], event.get("step"), event.get("loss")) for event in each.events()] for each in (run, whole)
    )
    assert kept == expected
    assert same_weights(run, whole)
    assert read_json(run.path / "progress.json")["step"] == 12


def test_D04_events_that_a_checkpoint_stands_on_must_be_written(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a resume they would never come again: the training ends in words, and goes on from the one before."""
    append = callbacks.EventWriter.append

    def write_event(self: callbacks.EventWriter, event: dict) -> None:
        if event.get("step", 0) >= 5:
            raise FULL
        append(self, event)

    run = create_run(plan.to_yaml())
    monkeypatch.setattr(os, "nice", lambda _: None)
    with monkeypatch.context() as patch:
        patch.setattr(callbacks.EventWriter, "append", write_event)
        assert worker.main(run.path) == 1
    outcome = read_json(run.path / "outcome.json")
    assert "disk is full: the training could not write its files at step 6" in outcome["message"]
    assert [path.name for path in (run.path / "checkpoints").iterdir()] == ["step-3"]
    assert train_here(plan, run)[1] == "finished"
    assert [event["step"] for event in run.events() if event["kind"] == "train"] == list(range(1, 13))


def test_D04_no_room_for_the_speed_costs_an_estimate_and_not_the_model(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remember(**_: Any) -> None:
        raise FULL

    monkeypatch.setattr("core.training.run.records.remember_speed", remember)
    assert train_here(dataclasses.replace(plan, epochs=4.0))[1] == "finished"


def test_D05_a_resume_with_nothing_left_to_train_says_nothing_about_speed(plan: Plan) -> None:
    longer = dataclasses.replace(plan, epochs=4.0)  # 24 steps: enough to tell a speed
    run, _ = train_here(longer)
    speed = device_here("fp32")
    assert speed.is_learnt
    assert train_here(longer, run)[1] == "finished"
    assert device_here("fp32") == speed
