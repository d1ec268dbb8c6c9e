"""The small files of a run and its events when the disk is full: catalogue D04, without any process."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.runs.events import EventWriter, read_events
from core.runs.folder import OUTCOME, create_run
from core.runs.process import identity
from core.runs.status import BEAT, STATUS, make_room, read_json, write_record
from core.training.run.worker import leave

FULL = OSError(28, "No space left on device")


def full(*_: object, **__: object) -> None:
    raise FULL


def test_D04_an_outcome_that_is_longer_than_its_room_leaves_the_old_one(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / OUTCOME
    write_record(path, {"message": "old"})

    monkeypatch.setattr("core.runs.status.write_atomically", full)
    with pytest.raises(OSError, match="No space left"):
        write_record(path, {"message": "x" * 5000})
    assert read_json(path) == {"message": "old"}
    write_record(path, {"message": "new"})
    assert read_json(path) == {"message": "new"}
    with pytest.raises(OSError, match="No space left"):
        write_record(tmp_path / "none.json", {})


def test_D04_the_last_word_of_a_worker_goes_into_its_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for rank in ("first", "second"):
        (tmp_path / rank).mkdir()
    make_room(tmp_path / "first" / OUTCOME)
    monkeypatch.setattr("core.runs.status.write_atomically", full)
    outcomes = [{"state": "failed", "message": f"The disk is full: {i}."} for i in range(2)]
    for outcome in outcomes:  # the second rank to fail only tells that the first is gone
        leave(tmp_path / "first", outcome)
    assert read_json(tmp_path / "first" / OUTCOME) == outcomes[0]
    leave(tmp_path / "second", outcomes[0])  # started by hand, without room: told by its exit code and log alone
    assert not (tmp_path / "second" / OUTCOME).exists()


def test_D04_a_record_that_shrinks_leaves_no_tail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / STATUS
    write_record(path, {"message": "x" * 9000})

    monkeypatch.setattr("core.runs.status.write_atomically", full)
    write_record(path, {"message": "short"})
    assert read_json(path) == {"message": "short"}


def test_D04_an_event_that_finds_no_room_is_told_and_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def room_for(size: int) -> Callable[[int, bytes], int]:
        left = [size]

        def nearly_full(descriptor: int, data: bytes) -> int:
            if not left[0]:
                raise FULL
            part = data[: left[0]]
            left[0] -= len(part)
            return write(descriptor, part)

        return nearly_full

    with EventWriter(tmp_path) as events:
        events.note("first")
        with monkeypatch.context() as patch:
            patch.setattr("os.write", room_for(7))
            with pytest.raises(OSError, match="No space left"):
                events.note("second")
        events.note("third")
    assert [event["message"] for event in read_events(tmp_path)] == ["first", "third"]
    assert (tmp_path / "events.jsonl").read_bytes().count(b"\n") == 2


def test_D04_an_event_that_is_taken_in_parts_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr("os.write", lambda descriptor, data: write(descriptor, data[:5]))
    with EventWriter(tmp_path) as events:
        events.note("first")
        events.note("second")
    assert [event["message"] for event in read_events(tmp_path)] == ["first", "second"]


def test_D04_a_line_torn_by_a_killed_worker_is_ended_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "events.jsonl").write_bytes(b'{"kind": "tr')

    with monkeypatch.context() as patch:
        patch.setattr("os.write", full)
        events = EventWriter(tmp_path)
        with pytest.raises(OSError, match="No space left"):
            events.note("first")
    events.note("second")
    events.close()
    assert [event["message"] for event in read_events(tmp_path)] == ["second"]


@pytest.mark.parametrize("name", [BEAT, STATUS])
def test_D04_a_record_read_while_it_is_written_over_is_read_again(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = create_run("plan")
    write_record(run.path / STATUS, {"state": "running", "updated": time.time() - 60})
    write_record(run.path / BEAT, {**identity(os.getpid()), "heartbeat": time.time()})
    torn = [name]

    def read(path: Path) -> dict:
        if path.name in torn:
            torn.remove(path.name)
            return {}
        return read_json(path)

    monkeypatch.setattr("core.runs.status.read_json", read)
    assert run.status().state == "running"
    assert torn == []
