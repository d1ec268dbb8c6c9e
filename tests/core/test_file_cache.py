"""What was read from files is read again when, and only when, a file may have changed."""

import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from core import memory
from core.memory import FileCache

HOUR_NS = 3_600_000_000_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_text("one")
    return path


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch):
    """Moves the clocks of the process on by some seconds."""
    passed = SimpleNamespace(ns=0)
    clocks = SimpleNamespace(
        time_ns=lambda: time.time_ns() + passed.ns, monotonic_ns=lambda: time.monotonic_ns() + passed.ns
    )
    monkeypatch.setattr(memory, "time", clocks)

    def move(seconds: float) -> None:
        passed.ns += int(seconds * 1e9)

    return move


class Reader:
    """Reads a file through a cache, and counts how often it was really read."""

    def __init__(self, path: Path, most: int = 10) -> None:
        self.path, self.cache, self.reads = path, FileCache(most), 0

    def __call__(self, path: Path | None = None) -> str:
        path = path or self.path

        def read() -> str:
            self.reads += 1
            return path.read_text()

        return self.cache.get(path, read)


def test_a_file_that_does_not_change_is_read_once(file: Path, later):
    reader = Reader(file)
    later(3)
    assert [reader() for _ in range(5)] == ["one"] * 5
    assert reader.reads == 1


def test_what_was_written_a_moment_ago_is_read_each_time(file: Path, later, monkeypatch: pytest.MonkeyPatch):
    """A second change within one tick of the disk's clock leaves size and times as they were."""
    stamp = memory.stamp_of(file)
    monkeypatch.setattr(memory, "stamp_of", lambda path: stamp)
    reader = Reader(file)
    assert reader() == "one"
    file.write_text("two")
    assert reader() == "two"
    later(3)
    assert (reader(), reader()) == ("two", "two")
    assert reader.reads == 3


@pytest.mark.parametrize("change", ["in place", "replaced", "touched"])
def test_a_file_that_changed_is_read_again(file: Path, later, change: str):
    reader = Reader(file)
    later(3)
    assert reader() == "one"
    before = file.stat()
    if change == "in place":
        file.write_text("two")
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif change == "replaced":
        other = file.with_name("other")
        other.write_text("two")
        other.replace(file)
    else:
        os.utime(file)
    assert reader() == ("one" if change == "touched" else "two")
    assert reader.reads == 2


def test_a_clock_that_runs_ahead_only_delays_what_is_kept(file: Path, later, monkeypatch: pytest.MonkeyPatch):
    real = memory.stamp_of

    def ahead(path: Path) -> memory.Stamp:
        found = real(path)
        return found._replace(changed_ns=found.changed_ns + HOUR_NS, touched_ns=found.touched_ns + HOUR_NS)

    monkeypatch.setattr(memory, "stamp_of", ahead)
    reader = Reader(file)
    assert (reader(), reader()) == ("one", "one")
    later(3)
    assert [reader() for _ in range(4)] == ["one"] * 4
    assert reader.reads == 3
    file.write_text("two")
    assert reader() == "two"


def test_the_file_longest_unused_is_let_go(tmp_path: Path, later):
    files = [tmp_path / name for name in "abc"]
    for path in files:
        path.write_text(path.name)
    reader = Reader(files[0], most=2)
    later(3)
    assert [reader(path) for path in (*files, files[2], files[1], files[0])] == ["a", "b", "c", "c", "b", "a"]
    assert reader.reads == 4


def test_an_error_is_not_kept(file: Path, later):
    cache: FileCache[str] = FileCache(10)
    later(3)

    def fail() -> str:
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        cache.get(file, fail)
    assert cache.get(file, file.read_text) == "one"
    file.unlink()
    with pytest.raises(FileNotFoundError):
        cache.get(file, file.read_text)


def test_of_those_who_want_one_file_one_reads_it_and_others_do_not_wait_for_another(file: Path, later):
    cache: FileCache[str] = FileCache(10)
    later(3)
    other = file.with_name("other")
    other.write_text("two")
    os.utime(other, (1, 1))
    begun, go_on, reads = threading.Event(), threading.Event(), []

    def slowly() -> str:
        reads.append(file)
        begun.set()
        assert go_on.wait(10)
        return file.read_text()

    threads = [threading.Thread(target=cache.get, args=(file, slowly)) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    assert cache.get(other, other.read_text) == "two"
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert len(reads) == 1
