"""Signs of life of a run's processes, and what the supervisor makes of them."""

import os
import time
from pathlib import Path

import pytest

from core.runs import beat
from core.runs.beat import BEATS, Beat, Watch


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beat, "BEAT_SECONDS", 0.05)


def silence_of(watch: Watch) -> str:
    watch.check()
    return watch.silence()


def test_one_that_gives_signs_is_not_silent_and_one_that_gives_no_more_is(tmp_path: Path) -> None:
    watch = Watch(tmp_path, silent_seconds=0.4)
    assert silence_of(watch) == ""
    with Beat(tmp_path, "rank-0").kept():
        for _ in range(20):
            assert silence_of(watch) == ""
            time.sleep(0.05)
    assert silence_of(watch) == ""
    time.sleep(0.5)
    assert silence_of(watch).startswith(f"The training process (process id {os.getpid()}) has given no sign of life")


def test_a_sign_that_is_just_being_written_is_a_sign_and_changes_nothing_else(tmp_path: Path) -> None:
    watch, worker = Watch(tmp_path, silent_seconds=60), Beat(tmp_path, "rank-0")
    worker.end()
    worker._write()
    watch.check()
    (tmp_path / BEATS / "rank-0").write_text('{"pid": 12, "cou')
    watch.check()
    assert watch.may_take(time.monotonic() - 100, 1.0)


def test_one_that_never_gives_a_sign_is_silent(tmp_path: Path) -> None:
    watch = Watch(tmp_path, silent_seconds=0.2)
    time.sleep(0.3)
    assert silence_of(watch).startswith("The training process has given no sign of life")


def test_of_several_the_silent_ones_are_named(tmp_path: Path) -> None:
    watch = Watch(tmp_path, silent_seconds=0.4)
    silent = [Beat(tmp_path, name) for name in ("rank-1", "rank-2")]
    silent[0]._write()
    with Beat(tmp_path, "rank-0").kept(), Beat(tmp_path, "launcher-0").kept():
        assert silence_of(watch) == ""
        time.sleep(0.5)
        assert f"training, number 2 (process id {os.getpid()}) has given" in silence_of(watch)
        silent[1]._write()
        watch.check()
        time.sleep(0.5)
        words = silence_of(watch)
        assert words.count("process id") == 2
        assert "number 3" in words
        assert "have given" in words
        silent[0]._write()
        silent[1]._write()
        assert silence_of(watch) == ""


def test_signs_of_an_earlier_life_are_none(tmp_path: Path) -> None:
    Beat(tmp_path, "rank-7")._write()
    watch = Watch(tmp_path, silent_seconds=60)
    watch.check()
    assert not (tmp_path / BEATS).exists()


def test_on_a_full_disk_signs_are_given_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(beat.os, "write", no_room)
    watch = Watch(tmp_path, silent_seconds=0.4)
    with Beat(tmp_path, "rank-0").kept():
        for _ in range(20):
            assert silence_of(watch) == ""
            time.sleep(0.05)


def test_a_deleted_run_stays_deleted(tmp_path: Path) -> None:
    gone = tmp_path / "run"
    with Beat(gone, "rank-0").kept():
        time.sleep(0.2)
    assert not gone.exists()


def test_a_stop_waits_for_the_grace_time_for_long_parts_and_for_what_must_be_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beat, "ENDING_SECONDS", 5.0)
    watch, worker = Watch(tmp_path, silent_seconds=60), Beat(tmp_path, "rank-0")

    def may_take(seconds: float) -> bool:
        """Whether a worker asked to stop so many seconds ago may still be at work."""
        worker._write()
        watch.check()
        return watch.may_take(time.monotonic() - seconds, 1.0)

    assert (may_take(0.5), may_take(1.5)) == (True, False)
    worker.move()
    assert not may_take(1.5)  # one that is not ending may get on for ever
    worker.takes(1.0)
    assert (may_take(2.5), may_take(3.5)) == (True, False)
    worker.end()
    assert may_take(100)
    with monkeypatch.context() as patch:
        later = time.monotonic() + 4
        patch.setattr(beat.time, "monotonic", lambda: later)
        assert may_take(0)
        patch.setattr(beat.time, "monotonic", lambda: later + 2)
        assert not may_take(10)  # nothing has moved
        worker.move()
        assert may_take(10)


def test_a_silent_one_has_the_grace_time_only(tmp_path: Path) -> None:
    watch, worker = Watch(tmp_path, silent_seconds=0.2), Beat(tmp_path, "rank-0")
    worker.end()
    worker._write()
    watch.check()
    assert watch.may_take(time.monotonic() - 5, 1.0)
    time.sleep(0.3)
    assert not watch.may_take(time.monotonic() - 5, 1.0)
