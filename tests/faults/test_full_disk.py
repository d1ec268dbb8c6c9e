"""A full disk, wherever it strikes a run: catalogue D04. Nothing is lost, and the disk is named.

Most of it happens on a small disk of its own (tmpfs), which only an administrator may mount; a process that may make no
new file stands in for it elsewhere.
"""

import contextlib
import dataclasses
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import LabError
from core.runs.device_lock import DeviceLock
from core.runs.executors import LocalExecutor
from core.runs.folder import OUTCOME, Run, create_run, list_runs
from core.runs.status import BEAT, make_room, read_json, write_status
from core.training import launch, resume
from core.training.plan.plan import Plan
from core.workspace import PROJECT_ROOT
from tests.tiny_training import tiny_plan  # noqa: F401
from tests.waiting import wait_for

FULL = OSError(28, "No space left on device")
FILL = """
import os, pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
with (folder / "filler").open("ab", buffering=0) as file:
    try:
        while file.write(bytes(4096)): pass
    except OSError:
        pass
"""
NO_NEW_FILES = """
import errno, os, pathlib
open_file = pathlib.Path.open
def refuse(path, mode="r", *rest, **more):
    if "x" in mode or "+" in mode and (path.parent / "blocked").exists():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return open_file(path, mode, *rest, **more)
pathlib.Path.open = refuse
"""


def full(*_: object, **__: object) -> None:
    raise FULL


def fill(disk: Path) -> None:
    with (disk / "filler").open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass


def submit(run: Run, code: str, *arguments: str) -> None:
    command = [sys.executable, "-c", code, str(run.path), *arguments]
    LocalExecutor().submit(run, command, device="cpu")


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The workspace, on a disk of 8 MB."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only an administrator may mount a disk")
    monkeypatch.setenv("BERTLAB_WORKSPACE", str(path))
    yield path
    subprocess.run(["umount", "--lazy", str(path)], check=True)


def test_D04_a_training_on_a_disk_that_fills_up_is_named_and_goes_on_when_there_is_room(disk: Path, plan: Plan) -> None:
    run = launch(dataclasses.replace(plan, epochs=6.0))
    wait_for(lambda: list((run.path / "checkpoints").glob("step-*")))
    fill(disk)
    status = run.wait()
    assert (status.state, status.exit_code) == ("failed", 1)
    assert status.message.startswith("The disk is full")
    assert list((run.path / "checkpoints").glob("step-*"))
    (disk / "filler").unlink()
    assert resume(run).wait().state == "finished"
    notes = [event["message"] for event in run.events() if event["kind"] == "note"]
    assert any(note.startswith("Continued from the checkpoint of step") for note in notes)


def test_D04_a_run_whose_worker_is_killed_on_a_full_disk_is_not_lost(disk: Path) -> None:
    run = create_run("plan")
    submit(run, f"{FILL}\ntime.sleep(2.5); os.kill(os.getpid(), 9)")
    wait_for((run.path / "filler").exists)
    seen = []

    def look(status: object) -> None:
        seen.append(read_json(run.path / BEAT)["heartbeat"])

    status = run.wait(on_change=look)
    assert (status.state, status.exit_code) == ("failed", -9)
    assert max(seen) - min(seen) > 1  # the heart went on beating


def test_D04_a_run_that_finishes_while_the_disk_is_full_has_finished(disk: Path) -> None:
    run = create_run("plan")
    tell = "from core.runs.status import write_record; write_record(folder / 'outcome.json', {'state': 'finished'})"
    submit(run, f"{FILL}\nsys.path.insert(0, {str(PROJECT_ROOT)!r}); {tell}")
    assert run.wait().state == "finished"


def test_D04_no_run_is_made_on_a_full_disk(disk: Path) -> None:
    assert list_runs() == []
    fill(disk)
    with pytest.raises(LabError, match="disk is full") as caught:
        create_run("plan")
    assert "Make room" in caught.value.remedy
    assert list((disk / "runs").iterdir()) == []


def test_D04_a_run_that_is_resumed_on_a_full_disk_is_refused_and_stays_as_it_was(disk: Path) -> None:
    run = create_run("plan")
    submit(run, "raise SystemExit(7)")
    before = run.wait()
    assert before.state == "failed"
    fill(disk)
    for _ in range(2):
        with pytest.raises(LabError, match="disk is full"):
            submit(run, "pass")
        assert run.status() == before
    (disk / "filler").unlink()
    submit(run, "raise SystemExit(8)")
    assert run.wait().exit_code == 8


def test_D04_half_a_new_run_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def full_at_the_third(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 3:
            raise FULL

    monkeypatch.setattr("os.fsync", full_at_the_third)
    with pytest.raises(LabError, match="disk is full"):
        create_run("plan", output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("state", ["stopped", "queued"])
def test_D04_a_disk_that_fills_up_during_a_launch(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = create_run("plan")
    write_status(run.path, state, message="Stopped at step 3.")
    before = run.status()
    monkeypatch.setattr("subprocess.Popen", full)
    with pytest.raises(LabError, match="disk is full"):
        submit(run, "pass")
    if state == "stopped":
        assert run.status() == before
    else:  # a new one: nobody will ever start it
        assert run.status().state == "failed"
        assert "disk is full" in run.status().message


def supervise(run: Run, code: str) -> subprocess.Popen:
    """A supervisor that may make no new file; nor change an old one while there is one called "blocked"."""
    for record in (OUTCOME, BEAT):
        make_room(run.path / record)
    program = f"{NO_NEW_FILES}\nimport sys; from core.runs.supervisor import main; sys.exit(main())"
    worker = [sys.executable, "-c", f"import pathlib, sys; folder = pathlib.Path(sys.argv[1]); {code}", str(run.path)]
    command = [sys.executable, "-c", program, str(run.path), "--device", "cpu", "--", *worker]
    return subprocess.Popen(command, cwd=PROJECT_ROOT, stderr=subprocess.DEVNULL)


def test_D04_a_supervisor_that_may_make_no_new_file_says_how_the_run_ended() -> None:
    run = create_run("plan")
    with supervise(run, "sys.exit(7)"):
        pass
    assert (run.status().state, run.status().exit_code) == ("failed", 7)


def test_D04_a_supervisor_that_may_write_nothing_waits_for_room_and_then_says_how_the_run_ended() -> None:
    run = create_run("plan")
    with supervise(run, "(folder / 'blocked').touch(); sys.exit(7)") as supervisor:
        wait_for((run.path / "blocked").exists)
        device = DeviceLock("cpu")
        wait_for(device.try_acquire)  # others need not wait for it
        device.release()
        assert supervisor.poll() is None
        assert run.status().state == "running"
        (run.path / "blocked").unlink()
    assert (run.status().state, run.status().exit_code) == ("failed", 7)


def test_D04_checkpoints_stay_until_it_is_written_that_the_run_has_finished() -> None:
    run = create_run("plan")
    checkpoint = run.path / "checkpoints" / "step-1"
    checkpoint.mkdir(parents=True)
    tell = """(folder / 'outcome.json').write_text('{"state": "finished"}')"""
    with supervise(run, f"{tell}; (folder / 'blocked').touch()"):
        wait_for((run.path / "blocked").exists)
        time.sleep(0.5)
        assert (run.status().state, checkpoint.exists()) == ("running", True)
        (run.path / "blocked").unlink()
    assert run.status().state == "finished"
    assert not checkpoint.parent.exists()


def test_D04_a_supervisor_that_cannot_even_begin_names_the_disk() -> None:
    run = create_run("plan")
    (run.path / "blocked").touch()
    with supervise(run, "sys.exit(7)") as supervisor:
        wait_for(lambda: (run.path / "supervisor.lock").exists())
        time.sleep(0.5)
        assert supervisor.poll() is None
        (run.path / "blocked").unlink()
    assert (run.status().state, run.status().exit_code) == ("failed", 1)
    assert run.status().message.startswith("The disk is full")
