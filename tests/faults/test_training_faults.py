"""What goes wrong with the state of a training, and what must happen: catalogue D, and E08 inside the worker."""

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import LabError
from core.runs.folder import Run, create_run
from core.runs.status import read_json, write_status
from core.training import resume
from core.training.plan.plan import Plan
from tests.tiny_training import same_weights, stop_at, tiny_plan, train_here  # noqa: F401

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def stopped_run(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run with checkpoints of steps 3 and 5, stopped at step 5 of 12."""
    with monkeypatch.context() as patch:
        stop_at(patch, 5)
        run, state = train_here(plan)
    assert state == "stopped"
    (run.path / "STOP").unlink()
    assert {path.name for path in (run.path / "checkpoints").iterdir()} == {"step-3", "step-5"}
    return run


def remove(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [remove, empty, halve, flip_a_bit])
def test_D02_every_damaged_file_is_noticed(stopped_run: Run, harm: Callable[[Path], None]) -> None:
    from core.training.run.checkpoints import damage, newest_sound

    folder = stopped_run.path / "checkpoints" / "step-5"
    names = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    assert len(names) >= 8
    for name in names:
        content = (folder / name).read_bytes()
        harm(folder / name)
        # A manifest that differs only in white space or a name is still caught: what it lists is not there.
        assert damage(folder) is not None, name
        (folder / name).write_bytes(content)
    assert damage(folder) is None
    harm(folder / "optimizer.pt")
    told: list[str] = []
    sound = newest_sound(folder.parent, on_damage=lambda path, reason: told.append(f"{path.name}: {reason}"))
    assert sound == folder.parent / "step-3"
    assert told[0].startswith("step-5: optimizer.pt")


def test_D02_a_damaged_checkpoint_is_told_and_the_result_is_the_same(stopped_run: Run, plan: Plan) -> None:
    flip_a_bit(stopped_run.path / "checkpoints" / "step-5" / "model.safetensors")
    train_here(plan, stopped_run)
    notes = [event["message"] for event in stopped_run.events() if event["kind"] == "note"]
    assert any("step 5 is damaged" in note for note in notes)
    assert "Continued from the checkpoint of step 3." in notes
    assert same_weights(stopped_run, train_here(plan)[0])


def test_D03_a_half_removed_checkpoint_is_never_chosen(stopped_run: Run, plan: Plan) -> None:
    folder = stopped_run.path / "checkpoints"
    (folder / "step-5").rename(folder / ".removing-step-5")
    (folder / ".removing-step-5" / "optimizer.pt").unlink()
    train_here(plan, stopped_run)
    assert "Continued from the checkpoint of step 3." in [event.get("message") for event in stopped_run.events()]


def test_D04_full_disk_is_named_and_the_last_checkpoint_stays(
    stopped_run: Run, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    from core.training.run import checkpoints, worker
    from core.training.run.trainer import LabTrainer

    def write(self: LabTrainer, folder: Path, random_states: dict) -> None:
        (folder / "half").write_bytes(b"x")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(LabTrainer, "_write_checkpoint", write)
        patch.setattr(os, "nice", lambda _: None)
        assert worker.main(stopped_run.path) == 1
    outcome = read_json(stopped_run.path / "outcome.json")
    assert outcome["state"] == "failed"
    assert "disk is full" in outcome["message"]
    newest = checkpoints.list_checkpoints(stopped_run.path / "checkpoints")[0]
    assert checkpoints.step_of(newest) == 5
    assert train_here(plan, stopped_run)[1] == "finished"


def test_D05_a_finished_run_takes_no_further_step(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.training.run.trainer import LabTrainer

    run, _ = train_here(plan)
    before = (run.path / "model" / "model.safetensors").read_bytes()
    monkeypatch.setattr(LabTrainer, "training_step", lambda *_, **__: pytest.fail("a step was taken"))
    assert train_here(plan, run)[1] == "finished"  # as after a kill between the last step and the scores
    assert (run.path / "model" / "model.safetensors").read_bytes() == before
    write_status(run.path, "finished")
    with pytest.raises(LabError, match="finished"):
        resume(run)


def test_a_finished_run_keeps_its_model_and_not_its_checkpoints(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.training.run import worker

    run = create_run(plan.to_yaml())
    monkeypatch.setattr(os, "nice", lambda _: None)
    assert worker.main(run.path) == 0
    assert read_json(run.path / "outcome.json")["state"] == "finished"
    assert (run.path / "model" / "model.safetensors").is_file()
    assert not (run.path / "checkpoints").exists()


def test_D06_stop_names_the_step(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.training.run import worker

    run = create_run(plan.to_yaml())
    stop_at(monkeypatch, 4)
    monkeypatch.setattr(os, "nice", lambda _: None)
    assert worker.main(run.path) == 0
    outcome = read_json(run.path / "outcome.json")
    assert (outcome["state"], outcome["message"]) == ("stopped", "Stopped at step 4.")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_D07_a_loss_that_is_no_number_fails_at_its_step(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:  # fmt: skip
    from core.training.run import worker
    from core.training.run.trainer import LabTrainer

    original = LabTrainer.compute_loss

    def compute_loss(self, *arguments, **options):
        loss = original(self, *arguments, **options)
        return loss * value if self.state.global_step == 6 else loss

    monkeypatch.setattr(LabTrainer, "compute_loss", compute_loss)
    monkeypatch.setattr(os, "nice", lambda _: None)
    run = create_run(plan.to_yaml())
    assert worker.main(run.path) == 1
    outcome = read_json(run.path / "outcome.json")
    assert outcome["state"] == "failed"
    assert "failed at step 7" in outcome["message"]
    assert "learning rate" in outcome["remedy"]
    losses = [event["loss"] for event in run.events() if event["kind"] == "train"]
    assert len(losses) == 6
    assert min(losses) > 0


@pytest.mark.parametrize("change", [{"learning_rate": 1e-3}, {"batch_size": 4}, {"epochs": 3.0}])
def test_D08_a_changed_plan_does_not_continue(stopped_run: Run, plan: Plan, change: dict) -> None:
    (stopped_run.path / "plan.yaml").write_text(dataclasses.replace(plan, **change).to_yaml(), encoding="utf-8")
    with pytest.raises(LabError, match=next(iter(change))):
        train_here(plan, stopped_run)


def test_D08_changed_data_does_not_continue(stopped_run: Run, plan: Plan) -> None:
    with Path(plan.data).open("a", encoding="utf-8") as file:
        file.write("one more good film,good\n")
    with pytest.raises(LabError, match="data file"):
        train_here(plan, stopped_run)


def test_D09_after_a_resume_everything_covers_the_whole_run(stopped_run: Run, plan: Plan) -> None:
    with (stopped_run.path / "events.jsonl").open("a") as file:
        file.write('{"kind": "train", "step": 6, "loss": 9.9}\n{"kind": "tra')  # killed after step 6
    train_here(plan, stopped_run)
    train = [event for event in stopped_run.events() if event["kind"] == "train"]
    assert [event["step"] for event in train] == list(range(1, 13))
    assert 9.9 not in [event["loss"] for event in train]
    assert [e["step"] for e in stopped_run.events() if e["kind"] == "evaluation"] == [3, 6, 9, 12]

    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is no JSON")

    for path in [*stopped_run.path.glob("*.json*"), *stopped_run.path.glob("evaluation/*.json")]:
        lines = path.read_text("utf-8").splitlines() if path.suffix == ".jsonl" else [path.read_text("utf-8")]
        for line in lines:
            if line and not line.endswith('"tra'):
                json.loads(line, parse_constant=refuse)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried …"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    ],
)
def test_E08_out_of_memory_in_the_worker_is_named(tmp_path: Path, error: Exception) -> None:
    from core.training.run.failures import explain

    problem = explain(error, tmp_path, 12)
    assert "out of memory at step 12" in problem.problem
    assert "batch size" in problem.remedy


def test_D01_where_evaluations_are_rare_a_kill_costs_the_steps_since_a_checkpoint_between_them(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.training.run import callbacks
    from core.training.run.trainer import LabTrainer

    def killed(self: LabTrainer, *arguments: object, **options: object) -> object:
        if self.state.global_step == 5:
            raise KeyboardInterrupt
        return original(self, *arguments, **options)

    original = LabTrainer.training_step
    whole, _ = train_here(plan)  # evaluated, and saved, at steps 3, 6, 9 and 12
    run = create_run(plan.to_yaml())
    with monkeypatch.context() as patch:
        patch.setattr(callbacks, "_LATE_SECONDS", 0.0)
        patch.setattr(LabTrainer, "training_step", killed)
        with pytest.raises(KeyboardInterrupt):
            train_here(plan, run)
    assert {path.name for path in (run.path / "checkpoints").iterdir()} == {"step-4", "step-5"}
    assert train_here(plan, run)[1] == "finished"
    assert same_weights(whole, run)


def test_D01_no_checkpoint_is_late_before_its_time(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.training.run import callbacks

    monkeypatch.setattr(callbacks, "_LATE_SECONDS", 0.0)
    run, _ = train_here(dataclasses.replace(plan, checkpoint_seconds=3600.0, epochs=1.0))
    assert not (run.path / "checkpoints").exists()


@pytest.mark.slow
def test_D01_killed_twenty_times_and_still_the_same_model(plan: Plan) -> None:
    """Kills spread over saves and steps; the real worker, from its newest sound checkpoint each time."""
    import random

    longer = dataclasses.replace(plan, epochs=20.0)
    whole, _ = train_here(longer)
    run = create_run(longer.to_yaml())
    chance = random.Random(0)
    for _ in range(20):
        command = [sys.executable, "-m", "core.training.run.worker", str(run.path)]
        before = read_json(run.path / "progress.json").get("updated")
        with subprocess.Popen(command, cwd=REPOSITORY) as worker:
            end = time.monotonic() + 60
            while worker.poll() is None and time.monotonic() < end:
                progress = read_json(run.path / "progress.json")
                if progress.get("phase") == "training" and progress.get("updated") != before:
                    break
                time.sleep(0.02)
            time.sleep(chance.random() * 0.6)
            worker.kill()
    assert train_here(longer, run)[1] == "finished"
    assert same_weights(whole, run)
