"""The probe: measures in a process of its own, keeps what it found, and fails alone."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from core.errors import LabError
from core.runs.folder import create_run
from core.runs.status import write_json, write_status
from core.tasks import TASKS
from core.training.estimate.estimate import Measured
from core.training.estimate.shapes import shape_of
from core.training.estimate.token_lengths import Lengths, load_of
from core.training.plan.plan import Plan
from core.training.probe import probe
from tests.core.training.test_presets import COLUMNS
from tests.tiny_training import tiny_plan  # noqa: F401  a fixture

SHORT = Lengths(60, (8.0,) * 5)
PAIRS = Lengths(60, (5.0,) * 5, (12.0,) * 5)


def tiny(task: str, model: str, **more) -> Plan:
    return Plan(data="d", model=model, **COLUMNS[task], batch_size=2, max_length=24, precision="fp32", **more)


def wait(plan: Plan, lengths: Lengths, seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while probe.is_measuring(plan, lengths) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not probe.is_measuring(plan, lengths)


@pytest.fixture
def quick_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps are timed instead of eight; and the test's process keeps its threads."""
    monkeypatch.setattr("core.training.probe.steps._STEPS", 2)
    monkeypatch.setattr("core.training.probe.steps.prepare_torch", lambda: None)


@pytest.mark.parametrize("task", TASKS)
def test_a_step_of_every_task_is_measured(task: str, quick_steps, tiny_model_folder, tmp_path) -> None:
    from core.training.probe.steps import measure

    plan = tiny(task, str(tiny_model_folder))
    lengths = replace(PAIRS, sequences=2) if task == "multiple-choice" else PAIRS if plan.pair_column else SHORT
    found = measure(plan, load_of(plan, lengths), tmp_path)
    assert 0 < found.seconds_per_step < 30
    assert found.memory_bytes > 4 * shape_of(plan.model).weights


@pytest.mark.parametrize(
    "more", [{"lora_rank": 2}, {"frozen_layers": 1}, {"class_weights": "balanced"}, {"accumulation": 2}]
)
def test_what_else_a_plan_asks_for_is_measured_too(more: dict, quick_steps, tiny_model_folder, tmp_path) -> None:
    from core.training.probe.steps import measure

    plan = tiny(TASKS[0], str(tiny_model_folder), **more)
    assert measure(plan, load_of(plan, SHORT), tmp_path).seconds_per_step > 0


@pytest.mark.parametrize("more", [{"next_sentence": True}, {"from_scratch": True, "whole_words": True}])
def test_pretraining_is_measured(more: dict, quick_steps, tiny_model_folder, tmp_path) -> None:
    from core.training.probe.steps import measure

    plan = tiny("masked-language", str(tiny_model_folder), **more)
    assert measure(plan, load_of(plan, SHORT), tmp_path).seconds_per_step > 0


def test_the_rows_measured_have_the_lengths_of_the_real_ones(tiny_model_folder) -> None:
    from core.models.loading import load_for_training
    from core.training.probe.steps import _words, random_rows
    from core.training.tasks import task_of

    for name in ("sequence-classification", "question-answering", "token-classification", "multiple-choice"):
        plan = replace(tiny(name, str(tiny_model_folder)), max_length=64)
        load = replace(load_of(plan, PAIRS), sequences=2)
        task = task_of(name)
        _, tokenizer = load_for_training(plan.model, task=task.head(plan))
        rows = random_rows(plan, load, [40, 20], _words(tokenizer))
        lengths = task.encode(tokenizer, rows, plan).lengths
        assert len(lengths) == 2
        assert abs(lengths - [40, 20]).max() <= 2


def test_a_probe_measures_in_its_own_process_and_its_result_is_kept(plan: Plan) -> None:
    assert probe.measured(plan, SHORT) is None
    probe.start(plan, SHORT)
    assert probe.is_measuring(plan, SHORT)
    assert probe.measured(plan, SHORT) is None
    wait(plan, SHORT)
    found = probe.measured(plan, SHORT)
    assert isinstance(found, Measured)
    assert 0 < found.seconds_per_step < 30
    assert found.memory_bytes > 50_000_000
    same_step = replace(plan, epochs=9.0, learning_rate=1e-3, seed=1, name="other", scheduler="cosine")
    assert probe.measured(same_step, SHORT) == found
    for other in (replace(plan, batch_size=16), replace(plan, lora_rank=2), replace(plan, precision="bf16")):
        assert probe.measured(other, SHORT) is None
    assert probe.measured(plan, Lengths(60, (20.0,) * 5)) is None
    assert probe.measured(plan, replace(SHORT, rows=9_000)) == found


def test_a_failure_is_told_with_its_reason(plan: Plan, tmp_path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    wrong = replace(plan, model=str(broken))
    probe.start(wrong, SHORT)
    wait(wrong, SHORT)
    with pytest.raises(LabError, match="gpt2"):
        probe.measured(wrong, SHORT)


def test_E08_out_of_memory_ends_only_the_probe(plan: Plan) -> None:
    probe.start(plan, SHORT)
    identity = json.loads((probe._folder(plan, SHORT) / "process.json").read_text())
    os.kill(identity["pid"], signal.SIGKILL)  # as the kernel does
    wait(plan, SHORT)
    for thread in threading.enumerate():
        if thread.name == f"reap-{identity['pid']}":
            thread.join(30)
    with pytest.raises(LabError, match="memory ran out") as caught:
        probe.measured(plan, SHORT)
    assert "smaller batch size" in caught.value.remedy


def test_E08_memory_refused_by_torch_is_named(plan: Plan, monkeypatch, tmp_path) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("core.training.probe.steps.measure", refuse)
    monkeypatch.setattr(signal, "alarm", lambda seconds: None)
    monkeypatch.setattr(os, "nice", lambda by: None)
    monkeypatch.setattr(probe, "_offer_to_the_kernel", lambda: None)
    (tmp_path / "plan.yaml").write_text(plan.to_yaml())
    write_json(tmp_path / "load.json", probe.dataclasses.asdict(load_of(plan, SHORT)))
    assert probe.main(tmp_path) == 1
    assert "more memory than there is" in json.loads((tmp_path / "result.json").read_text())["problem"]


def test_a_probe_that_takes_too_long_is_ended_and_told(plan: Plan, tmp_path) -> None:
    code = (
        "import sys, core.training.probe.probe as p, core.training.probe.steps as q, time; from pathlib import Path; "
    )
    code += "p.SECONDS = 1; q.measure = lambda *a: time.sleep(60); p.main(Path(sys.argv[1]))"
    (tmp_path / "plan.yaml").write_text(plan.to_yaml())
    write_json(tmp_path / "load.json", probe.dataclasses.asdict(load_of(plan, SHORT)))
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    probe._reap(process, tmp_path)
    assert process.returncode == -signal.SIGALRM
    assert "took longer" in json.loads((tmp_path / "result.json").read_text())["problem"]


def test_while_a_training_is_active_nothing_is_measured(plan: Plan) -> None:
    run = create_run(plan.to_yaml(), name="busy")
    write_status(run.path, "queued")
    write_json(run.path / "supervisor.json", {**probe.identity(os.getpid()), "heartbeat": time.time()})
    assert run.status().is_active
    with pytest.raises(LabError, match="training is active"):
        probe.start(plan, SHORT)
    assert not probe.is_measuring(plan, SHORT)


@pytest.fixture
def sleeping(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen]:
    """Probes that do nothing, each in a process of its own; ended after the test."""
    started: list[subprocess.Popen] = []
    original = subprocess.Popen

    def popen(command: list[str], **options) -> subprocess.Popen:
        if "core.training.probe.probe" not in command:
            return original(command, **options)
        started.append(original([sys.executable, "-c", "import time; time.sleep(60)"], **options))
        return started[-1]

    monkeypatch.setattr("core.training.probe.probe.subprocess.Popen", popen)
    yield started
    for process in started:
        process.kill()
    for thread in threading.enumerate():
        if thread.name.startswith("reap-"):
            thread.join(30)


def test_two_who_measure_the_same_at_once_start_one_probe(plan: Plan, sleeping: list) -> None:
    together, problems = threading.Barrier(8), []

    def start() -> None:
        together.wait()
        try:
            probe.start(plan, SHORT)
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(sleeping) == 1
    assert probe.is_measuring(plan, SHORT)


def test_another_plan_is_not_measured_beside_the_first(plan: Plan, sleeping: list) -> None:
    probe.start(plan, SHORT)
    with pytest.raises(LabError, match="Another plan is being measured"):
        probe.start(replace(plan, batch_size=16), SHORT)
    assert len(sleeping) == 1


def test_D04_a_full_disk_is_told_when_a_probe_starts(plan: Plan, sleeping: list, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for part in ("write_atomically", "write_json", "make_room"):
        with monkeypatch.context() as patch:
            patch.setattr(f"core.training.probe.probe.{part}", full)
            with pytest.raises(LabError, match="The disk is full: nothing was measured"):
                probe.start(plan, SHORT)
        assert probe.measured(plan, SHORT) is None


def test_D04_a_disk_that_fills_up_during_a_probe_is_told_in_its_result(plan: Plan, monkeypatch, tmp_path) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("core.training.probe.steps.measure", full)
    monkeypatch.setattr(signal, "alarm", lambda seconds: None)
    monkeypatch.setattr(os, "nice", lambda by: None)
    monkeypatch.setattr(probe, "_offer_to_the_kernel", lambda: None)
    (tmp_path / "plan.yaml").write_text(plan.to_yaml())
    write_json(tmp_path / "load.json", probe.dataclasses.asdict(load_of(plan, SHORT)))
    probe.make_room(tmp_path / "result.json")
    monkeypatch.setattr("core.runs.status.write_atomically", full)  # there is no room for the result either
    assert probe.main(tmp_path) == 1
    assert "The disk is full" in json.loads((tmp_path / "result.json").read_text())["problem"]


def test_an_end_that_nobody_foresaw_is_not_taken_for_want_of_memory(plan: Plan, tmp_path) -> None:
    probe.make_room(tmp_path / "result.json")
    probe._reap(subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"]), tmp_path)
    assert "exit code 3" in json.loads((tmp_path / "result.json").read_text())["problem"]


def test_what_was_measured_long_ago_is_swept(plan: Plan, sleeping: list, workspace) -> None:
    old, new = (workspace / "probes" / name for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir(parents=True)
        write_json(folder / "result.json", {"seconds_per_step": 1.0, "memory_bytes": 1})
    long_ago = time.time() - probe.AGE_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    probe.start(plan, SHORT)
    assert not old.exists()
    assert new.exists()


def test_what_model_or_machine_do_not_allow_is_not_measured(plan: Plan, sleeping: list) -> None:
    with pytest.raises(LabError, match="this model allows 2 at most"):
        probe.start(replace(plan, frozen_layers=3), SHORT)
    assert sleeping == []
