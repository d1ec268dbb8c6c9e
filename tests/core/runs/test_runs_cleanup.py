"""What was cut short is swept up, and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

from core.runs.cleanup import clean_up
from core.runs.executors import LocalExecutor
from core.runs.folder import create_run, delete_run, list_runs
from core.runs.status import read_json, write_status
from core.workspace import PROJECT_ROOT, remove_folder

KILLED = """
import os, pathlib, sys
os.fsync = lambda descriptor: os.kill(os.getpid(), 9)
from core.workspace import write_atomically
write_atomically(pathlib.Path(sys.argv[1]), "half")
"""


def fill(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "file").write_text("x")
    return folder


@pytest.fixture
def leftovers(workspace: Path) -> list[Path]:
    """Half a removal of a run and of the checkpoints of a finished one; a write that was killed, here and there."""
    finished = create_run("plan")
    write_status(finished.path, "finished")
    (workspace / "uploads" / "hash").mkdir(parents=True)
    for folder in (finished.path, workspace / "uploads" / "hash"):
        assert subprocess.run(
            [sys.executable, "-c", KILLED, folder / "a.csv"], cwd=PROJECT_ROOT, check=False
        ).returncode
    return [
        fill(workspace / "runs" / ".removing-20260101-000000-abcd"),
        fill(finished.path / "checkpoints" / "step-3").parent,
        fill(finished.path / ".removing-checkpoints"),
        *workspace.rglob(".a.csv.*"),
    ]


@pytest.fixture
def kept(workspace: Path) -> list[Path]:
    stopped = create_run("plan")
    write_status(stopped.path, "stopped")
    names = [".a.csv.0123456789abcde", ".a.csv.0123456789abcdeg", "a.csv.0123456789abcdef", "plan.yaml", "status.json"]
    for name in names[:3]:
        (stopped.path / name).touch()
    outside = fill(workspace.parent / "outside") / ".a.csv.0123456789abcdef"
    outside.touch()
    (stopped.path / "link").symlink_to(outside.parent)
    return [fill(stopped.path / "checkpoints" / "step-3"), outside, *(stopped.path / name for name in names)]


def test_D03_leftovers_older_than_a_day_are_removed(
    leftovers: list[Path], kept: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(leftovers) == 5
    runs = list_runs()
    clean_up()
    assert all(path.exists() for path in (*leftovers, *kept))  # somebody may be at work on them
    monkeypatch.setattr("core.runs.cleanup.AGE_SECONDS", -1.0)
    clean_up()
    assert not any(path.exists() for path in leftovers)
    assert all(path.exists() for path in kept)
    assert list_runs() == runs


def test_D03_a_launch_sweeps_first(leftovers: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.runs.cleanup.AGE_SECONDS", -1.0)
    run = create_run("plan")
    LocalExecutor().submit(run, [sys.executable, "-c", ""], device="cpu")
    assert not any(path.exists() for path in leftovers)
    run.wait()


def test_D03_what_cannot_be_removed_is_no_error(leftovers: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("core.runs.cleanup.AGE_SECONDS", -1.0)
    for name in ("os.rename", "os.unlink", "os.rmdir"):
        monkeypatch.setattr(name, refuse)
    clean_up()
    assert all(path.exists() for path in leftovers)


def test_a_folder_is_removed_with_what_an_earlier_removal_left(tmp_path: Path) -> None:
    folder = fill(tmp_path / "folder")
    fill(tmp_path / ".removing-folder")
    remove_folder(folder)
    assert list(tmp_path.glob("*folder*")) == []
    remove_folder(folder)


def test_a_deleted_run_leaves_nothing(workspace: Path) -> None:
    run = create_run("plan")
    write_status(run.path, "finished")
    fill(workspace / "runs" / f".removing-{run.id}")
    delete_run(run)
    assert list((workspace / "runs").iterdir()) == []


def test_D03_a_run_deleted_while_it_is_swept_costs_no_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    run = create_run("plan")
    write_status(run.path, "finished")

    def read(path: Path) -> dict:
        content = read_json(path)
        delete_run(run)
        return content

    monkeypatch.setattr("core.runs.cleanup.read_json", read)
    clean_up()
    assert not run.path.exists()
