"""Run folders, events, processes and the device lock, without any training."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.errors import LabError
from core.runs.device_lock import DeviceLock
from core.runs.events import EventWriter, forget_after, read_events
from core.runs.executors import LocalExecutor
from core.runs.folder import Run, create_run, delete_run, list_runs, open_run
from core.runs.process import identity, is_alive
from core.runs.status import write_json, write_status


def test_a_new_run_is_listed_opened_and_deleted() -> None:
    first = create_run("plan: 1", name="Film reviews ★")
    second = create_run("plan: 2")
    os.utime(first.path / "plan.yaml", (1, 1))
    assert [run.id for run in list_runs()] == [second.id, first.id]
    assert "film-reviews" in first.id
    assert open_run(first.id).name == "Film reviews ★"
    assert open_run(first.path).plan_text() == "plan: 1"
    write_status(first.path, "finished")
    delete_run(first)
    assert [run.id for run in list_runs()] == [second.id]
    assert not first.path.exists()


def test_an_active_run_is_not_deleted() -> None:
    run = create_run("p")
    with pytest.raises(LabError, match="active"):
        delete_run(run)
    assert run.path.exists()


def test_output_folder_must_be_empty(tmp_path: Path) -> None:
    run = create_run("p", output=tmp_path / "new" / "folder")
    assert run.plan_text() == "p"
    with pytest.raises(LabError, match="not empty"):
        create_run("p", output=run.path)


def test_events_are_strict_json_lines(tmp_path: Path) -> None:
    with EventWriter(tmp_path) as events:
        events.append({"kind": "train", "step": 1, "loss": 0.5})
        events.note("ü\n")
        with pytest.raises(ValueError, match="JSON compliant"):
            events.append({"loss": float("nan")})
    assert read_events(tmp_path) == [{"kind": "train", "step": 1, "loss": 0.5}, {"kind": "note", "message": "ü\n"}]


def test_events_after_a_step_are_forgotten_and_notes_kept(tmp_path: Path) -> None:
    with EventWriter(tmp_path) as events:
        for step in (1, 2, 3):
            events.append({"kind": "train", "step": step})
        events.note("here")
    forget_after(tmp_path, 2)
    assert read_events(tmp_path) == [
        *({"kind": "train", "step": s} for s in (1, 2)),
        {"kind": "note", "message": "here"},
    ]


def test_log_tail(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert run.log_tail(3) == ""
    (tmp_path / "train.log").write_bytes(b"".join(f"line {i}\n".encode() for i in range(100_000)) + b"\xff last")
    assert run.log_tail(2) == "line 99999\n\ufffd last"


def test_identity_knows_living_and_dead() -> None:
    assert is_alive(identity(os.getpid()))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        known = identity(child.pid)
        assert is_alive(known)
        child.kill()
        time.sleep(0.1)
        assert not is_alive(known)  # a zombie, not yet reaped
    assert not is_alive(known)
    assert not is_alive({})
    assert not is_alive({"pid": "x", "create_time": [], "boot": None})


def test_device_is_passed_on_in_the_order_of_coming() -> None:
    first, second, third = DeviceLock("cpu"), DeviceLock("cpu"), DeviceLock("cpu")
    assert first.try_acquire()
    assert not third.try_acquire()
    assert not second.try_acquire()
    assert DeviceLock("cuda").try_acquire()
    first.release()
    assert not third.try_acquire()
    assert second.try_acquire()
    second.release()
    assert third.try_acquire()
    third.release()


def _submit(run: Run, code: str, **options: float) -> None:
    LocalExecutor(**options).submit(run, [sys.executable, "-c", code, str(run.path)], device="cpu")


def test_supervisor_runs_a_command_and_keeps_its_word() -> None:
    run = create_run("p")
    outcome = json.dumps({"state": "finished", "message": "", "remedy": ""})
    code = f"import sys, pathlib; print('hello'); pathlib.Path(sys.argv[1], 'outcome.json').write_text({outcome!r})"
    _submit(run, code)
    status = LocalExecutor().wait(run)
    assert (status.state, status.exit_code) == ("finished", 0)
    assert run.log_tail() == "hello"
    assert status.started <= status.updated <= time.time()


def test_supervisor_explains_a_silent_failure() -> None:
    run = create_run("p")
    _submit(run, "raise SystemExit(7)")
    status = LocalExecutor().wait(run)
    assert (status.state, status.exit_code) == ("failed", 7)
    assert "7" in status.message
    assert status.remedy


def test_a_claim_to_have_finished_needs_a_clean_exit() -> None:
    run = create_run("p")
    outcome = json.dumps({"state": "finished"})
    code = f"import sys, pathlib; pathlib.Path(sys.argv[1], 'outcome.json').write_text({outcome!r}); sys.exit(3)"
    _submit(run, code)
    assert LocalExecutor().wait(run).state == "failed"


def test_status_of_damaged_files_is_an_answer(tmp_path: Path) -> None:
    for content in (b"", b"{", b"[]", b'{"state": 7}', b'{"state": "finished", "exit_code": "x", "started": "y"}'):
        (tmp_path / "status.json").write_bytes(content)
        (tmp_path / "progress.json").write_bytes(b'{"step": "many", "epoch": null, "seconds": 1e400}')
        assert Run(tmp_path).status().state in ("lost", "finished")
    write_json(tmp_path / "supervisor.json", {"pid": -1})
    assert Run(tmp_path).status().step == 0
