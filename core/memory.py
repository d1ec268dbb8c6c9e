"""What a process keeps in memory within a bound, shared by all its threads; what it has read from files; and giving
memory back.

Knows nothing of what is kept: models are kept by `core.models.shared`, traces by `core.explore.shared_traces`.
"""

import contextlib
import ctypes
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable
from concurrent.futures import CancelledError, Future
from dataclasses import fields, is_dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

TICK_NS = 2_000_000_000  # some file systems count time in steps of two seconds
_SAMPLE = 1_000  # items of a long list that are measured

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class ByteCache(Generic[Key, Value]):
    """Values by key, the longest unused evicted when all together take more than `most` bytes.

    - Each value is made once, while others who want the same one wait; nothing is made under a lock, so that whoever
      wants another value never waits.
    - `size_of` says how many bytes a value takes now: values may grow, so all are measured at each use. It must be
      quick.
    - The value used last stays, whatever its size: somebody is looking at it.
    - `on_evict` is called with each value that is evicted, outside the lock.
    """

    def __init__(
        self, most: int, size_of: Callable[[Value], int], on_evict: Callable[[Value], None] | None = None
    ) -> None:
        self.most = most
        self._size_of = size_of
        self._on_evict = on_evict
        self._values: OrderedDict[Key, Value] = OrderedDict()  # the one used last stands last
        self._being_made: dict[Key, Future[Value]] = {}
        self._lock = threading.Lock()

    def get(self, key: Key, make: Callable[[], Value], *, keep_if: Callable[[], bool] = lambda: True) -> Value:
        """The value of `key`, made now where there is none.

        `keep_if` is asked once the value is made, under the lock: a value it refuses is returned and not kept. What
        `make` raises is raised to all who wait for it; but where it was only interrupted (no `Exception`), the next of
        them makes the value.
        """
        while True:
            with self._lock:
                if key in self._values:
                    self._values.move_to_end(key)
                    value, evicted = self._values[key], self._shrink()
                    break
                waiting = self._being_made.get(key)
                if waiting is None:
                    own = self._being_made[key] = Future()
            if waiting is None:
                value, evicted = self._make(key, make, own, keep_if)
                break
            with contextlib.suppress(CancelledError):
                return waiting.result()
        self._notify(evicted)
        return value

    def discard(self, is_unwanted: Callable[[Key, Value], bool]) -> None:
        """Let go of all that `is_unwanted`."""
        with self._lock:
            unwanted = [key for key, value in self._values.items() if is_unwanted(key, value)]
            evicted = [self._values.pop(key) for key in unwanted]
        self._notify(evicted)

    def values(self) -> tuple[Value, ...]:
        """All that is kept, the longest unused first."""
        with self._lock:
            return tuple(self._values.values())

    def __contains__(self, key: Key) -> bool:
        return key in self._values

    def __len__(self) -> int:
        return len(self._values)

    @property
    def bytes(self) -> int:
        """What all that is kept takes now."""
        return sum(map(self._size_of, self.values()))

    def _make(
        self, key: Key, make: Callable[[], Value], own: "Future[Value]", keep_if: Callable[[], bool]
    ) -> tuple[Value, list[Value]]:
        """Make the value and keep it; returns it and what was evicted."""
        try:
            value = make()
        except BaseException as error:
            with self._lock:
                del self._being_made[key]
            if isinstance(error, Exception):
                own.set_exception(error)
            else:
                own.cancel()
            raise
        with self._lock:
            del self._being_made[key]
            if keep_if():
                self._values[key] = value
            evicted = self._shrink()
        own.set_result(value)
        return value, evicted

    def _shrink(self) -> list[Value]:
        """Take out the longest unused until the rest keeps within the bound; under the lock."""
        sizes = {key: self._size_of(value) for key, value in self._values.items()}
        total, evicted = sum(sizes.values()), []
        while total > self.most and len(self._values) > 1:
            key, value = self._values.popitem(last=False)
            total -= sizes[key]
            evicted.append(value)
        return evicted

    def _notify(self, evicted: list[Value]) -> None:
        if self._on_evict is not None:
            for value in evicted:
                self._on_evict(value)


class FileCache(Generic[Value]):
    """What was read from each of some files, read again only when the file has changed.

    A file is known by its `Stamp`. Two changes within one tick of the disk's clock leave the same one, so what was read
    of a file is kept only once that tick is over: it was changed more than `TICK_NS` ago, or, as clocks of network
    drives may run ahead, it has been seen unchanged for as long. Of those who want the same file at once, one reads it.
    The files longest unused are let go when there are more than `most`.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._files: OrderedDict[Path, _Remembered[Value]] = OrderedDict()  # the one used last stands last
        self._lock = threading.Lock()

    def get(self, path: Path, read: Callable[[], Value]) -> Value:
        """What `read` makes of the file now, or has made of it before. Raises `OSError`, and whatever `read` raises."""
        stamp, now = stamp_of(path), time.monotonic_ns()
        is_settled = time.time_ns() - max(stamp.changed_ns, stamp.touched_ns) > TICK_NS
        with self._lock:
            remembered = self._files.setdefault(path, _Remembered())
            self._files.move_to_end(path)
            while len(self._files) > self._most:
                self._files.popitem(last=False)
        with remembered.lock:
            if remembered.stamp != stamp:
                remembered.stamp, remembered.since_ns, remembered.values = stamp, now, ()
            if remembered.values:
                return remembered.values[0]
            value = read()
            if is_settled or now - remembered.since_ns > TICK_NS:
                remembered.values = (value,)
            return value


class Stamp(NamedTuple):
    """What changes when a file does: which one it is, its size in bytes, and when it was written and touched.

    The last time cannot be set by hand, as copying with times does with the other.
    """

    device: int
    inode: int
    size: int
    changed_ns: int
    touched_ns: int


def stamp_of(path: Path) -> Stamp:
    """The stamp of a file now. Raises `OSError`."""
    found = os.stat(path)
    return Stamp(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class _Remembered(Generic[Value]):
    """Of one file: the stamp seen last, since when, and what was read of it, if it is kept."""

    __slots__ = ("lock", "since_ns", "stamp", "values")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.stamp: Stamp | None = None
        self.since_ns = 0
        self.values: tuple[Value] | tuple[()] = ()


def bytes_of(value: object) -> int:
    """About how many bytes a result takes: arrays, texts, and what containers and dataclasses hold of these.

    Of a long list some items are measured, and the rest taken to be like them.
    """
    if isinstance(size := getattr(value, "nbytes", None), int):  # numpy, torch, Arrow
        return size
    if isinstance(value, dict):
        return sys.getsizeof(value) + _bytes_of_all(value.keys()) + _bytes_of_all(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return sys.getsizeof(value) + _bytes_of_all(value)
    if is_dataclass(value) and not isinstance(value, type):
        return sys.getsizeof(value) + sum(bytes_of(getattr(value, each.name)) for each in fields(value))
    return sys.getsizeof(value)


def _bytes_of_all(items: Collection[object]) -> int:
    some = list(islice(items, 0, None, max(1, len(items) // _SAMPLE)))
    return sum(map(bytes_of, some)) * len(items) // len(some) if some else 0


def release_memory() -> None:
    """Return freed memory to the system; call it after letting go of something large.

    glibc keeps what lies between blocks still in use: 60 to 250 MB after a dozen models of 90 MB were opened one after
    another. Does nothing where the C library has no `malloc_trim` (macOS, musl).
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return None
