"""Run folders, events, processes and the device lock, without any training."""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import memory
from core.errors import LabError
from core.runs.device_lock import DeviceLock
from core.runs.events import EventWriter, forget_after, read_events
from core.runs.executors import LocalExecutor
from core.runs.folder import Run, create_run, delete_run, list_runs, open_run
from core.runs.process import identity, is_alive
from core.runs.queue import DeviceQueue, queue_of
from core.runs.resources import Resources
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


def test_slots_are_taken_all_or_none_and_nobody_overtakes() -> None:
    cards = ("0", "1", "GPU-7/a")
    one = DeviceLock("cuda", slots=cards)
    two, three, late = (DeviceLock("cuda", slots=cards, count=count) for count in (2, 3, 1))
    assert one.try_acquire()
    assert one.slots == ("0",)
    assert not late.try_acquire()
    assert not three.try_acquire()
    assert two.try_acquire()
    assert two.slots == ("1", "GPU-7/a")
    one.release()
    assert not late.try_acquire()  # a card is free, and one who wants all came earlier
    assert not three.try_acquire()
    two.release()
    assert not late.try_acquire()
    assert three.try_acquire()
    assert not late.try_acquire()
    three.release()
    assert late.try_acquire()
    late.release()


def test_more_slots_than_there_are_would_wait_for_ever() -> None:
    for count in (0, 3):
        with pytest.raises(ValueError, match="of 2 slots"):
            DeviceLock("cuda", count=count, slots=("0", "1"))
    assert queue_of("cuda").waiting == ()


@given(st.data())
def test_slots_in_any_order_of_events(data: st.DataObject) -> None:
    """Whoever comes, asks, leaves or dies: no slot is held twice, and slots are had in the order of coming."""
    cards = tuple(map(str, range(data.draw(st.integers(1, 4), "cards"))))
    device = f"cuda-{time.time_ns()}"
    came: list[DeviceLock] = []
    served: list[DeviceLock] = []
    left: list[DeviceLock] = []
    for event in data.draw(st.lists(st.sampled_from(["come", "ask", "ask", "release", "die"]), max_size=25), "events"):
        here = [lock for lock in came if lock not in left]
        if event == "come":
            came.append(DeviceLock(device, count=data.draw(st.integers(1, len(cards))), slots=cards))
        elif here:
            lock = data.draw(st.sampled_from(here))
            if event == "ask" and lock not in served and lock.try_acquire():
                assert len(lock.slots) == lock._count
                earlier = came[: came.index(lock)]
                assert all(other in served or other in left for other in earlier)
                served.append(lock)
            elif event == "release":
                lock.release()
                left.append(lock)
            elif event == "die":  # what the kernel does: locks go, files stay
                for descriptor in (lock._ticket, *lock._held.values()):
                    os.close(descriptor)
                left.append(lock)
        held = [slot for lock in served if lock not in left for slot in lock.slots]
        assert len(set(held)) == len(held)
    for lock in came:
        if lock not in left:
            lock.release()
    last = DeviceLock(device, count=len(cards), slots=cards)
    assert last.try_acquire()
    last.release()


def test_a_queue_names_who_holds_and_who_waits_in_order() -> None:
    before = time.time()
    assert queue_of("cuda") == DeviceQueue("cuda", (), ())
    cards = ("0", "1")
    locks = [DeviceLock("cuda", count=count, slots=cards, run=run) for run, count in (("a", 1), ("b", 2), ("c", 1))]
    assert locks[0].try_acquire()
    queue = queue_of("cuda")
    assert [(ticket.run, ticket.count) for ticket in queue.holding] == [("a", 1)]
    assert [(ticket.run, ticket.count) for ticket in queue.waiting] == [("b", 2), ("c", 1)]
    assert before <= queue.holding[0].since <= queue.waiting[0].since <= time.time()
    assert [queue.place(run) for run in "abcd"] == [None, 1, 2, None]
    assert queue_of("cpu").holding == ()
    locks[1].release()  # gave up
    assert [ticket.run for ticket in queue_of("cuda").waiting] == ["c"]
    assert locks[2].try_acquire()
    assert [ticket.run for ticket in queue_of("cuda").holding] == ["a", "c"]
    for lock in locks:
        lock.release()
    assert queue_of("cuda") == DeviceQueue("cuda", (), ())
    assert not list(locks[0]._ticket_path.parents[1].rglob("*-*"))


def test_terms_survive_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    resources = Resources("cuda", count=2, of=4, attempts=3, grace_seconds=1.5)
    parser = argparse.ArgumentParser()
    Resources.add_options(parser)
    assert Resources.from_options(parser.parse_args(resources.options())) == resources
    assert Resources.from_options(parser.parse_args([])) == Resources()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert resources.slots == ("0", "1", "2", "3")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-c,GPU-a,GPU-b,GPU-d")
    assert resources.slots == ("GPU-c", "GPU-a", "GPU-b", "GPU-d")
    assert Resources("cpu").slots == ("0",)


def test_a_supervisor_refuses_more_slots_than_there_are(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "core.runs.supervisor", str(tmp_path), "--count", "2", "--of", "1", "--", "true"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    assert refused.returncode == 2
    assert "2 of 1 slots" in refused.stderr


def _submit(run: Run, code: str, **options: float) -> None:
    LocalExecutor(**options).submit(run, [sys.executable, "-c", code, str(run.path)], device="cpu")


def test_supervisor_runs_a_command_and_keeps_its_word() -> None:
    run = create_run("p")
    outcome = json.dumps({"state": "finished", "message": "", "remedy": ""})
    code = f"import sys, pathlib; print('hello'); pathlib.Path(sys.argv[1], 'outcome.json').write_text({outcome!r})"
    _submit(run, code)
    status = run.wait()
    assert (status.state, status.exit_code) == ("finished", 0)
    assert run.log_tail() == "hello"
    assert status.started <= status.updated <= time.time()


def test_supervisor_explains_a_silent_failure() -> None:
    run = create_run("p")
    _submit(run, "raise SystemExit(7)")
    status = run.wait()
    assert (status.state, status.exit_code) == ("failed", 7)
    assert "7" in status.message
    assert status.remedy


def test_the_worker_gets_the_cards_of_its_slots_and_the_number_of_its_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,3")
    run = create_run("p")
    code = "import os; print(os.environ['CUDA_VISIBLE_DEVICES'], os.environ['BERTLAB_ATTEMPT'])"
    _submit(run, code)
    run.wait()
    assert run.log_tail() == "5,3 0"  # the processor has none to give, and takes none away
    run = create_run("p")
    options = Resources("cuda", count=1, of=2).options()
    command = [sys.executable, "-m", "core.runs.supervisor", str(run.path), *options, "--", sys.executable, "-c", code]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[3])
    assert run.log_tail() == "5 0"


def test_a_claim_to_have_finished_needs_a_clean_exit() -> None:
    run = create_run("p")
    outcome = json.dumps({"state": "finished"})
    code = f"import sys, pathlib; pathlib.Path(sys.argv[1], 'outcome.json').write_text({outcome!r}); sys.exit(3)"
    _submit(run, code)
    assert run.wait().state == "failed"


def test_status_of_damaged_files_is_an_answer(tmp_path: Path) -> None:
    for content in (b"", b"{", b"[]", b'{"state": 7}', b'{"state": "finished", "exit_code": "x", "started": "y"}'):
        (tmp_path / "status.json").write_bytes(content)
        (tmp_path / "progress.json").write_bytes(b'{"step": "many", "epoch": null, "seconds": 1e400}')
        assert Run(tmp_path).status().state in ("lost", "finished")
    write_json(tmp_path / "supervisor.json", {"pid": -1})
    assert Run(tmp_path).status().step == 0


def test_a_name_is_read_again_only_when_its_file_has_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "TICK_NS", 0)
    run = create_run("", name="One", output=tmp_path / "run")
    assert run.name == "One"
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", lambda path: pytest.fail("read again"))
        assert run.name == "One"
    write_json(run.path / "data.json", {"name": "Two", "row_ids": {"train": [0]}})
    assert run.name == "Two"
    (run.path / "data.json").write_text("{")
    assert run.name == "run"
    (run.path / "data.json").unlink()
    assert run.name == "run"
