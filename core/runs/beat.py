"""Signs of life: every process that works on a run gives one each second, and the run's supervisor watches them.

A sign is a small file, `beats/<name>`, which a thread of the process keeps writing: a long step, a compilation or a
million texts do not silence it, a frozen process (SIGSTOP, a debugger, a disk that does not answer) does not write.
Whether a process lives is seen from changes of its file alone, as the clocks of two machines differ.
"""

import contextlib
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BEATS = "beats"
BEAT_SECONDS = 1.0
RANK = "rank-"  # begins the name of a process that trains, before its number
ENDING_SECONDS = 600.0  # how long a worker that is ending may be at one piece of work, such as saving a large model
_SILENT = "has given no sign of life for a while: it may be paused, or wait for a disk that does not answer."
_ALL_SILENT = "have given no sign of life for a while: they may be paused, or wait for a disk that does not answer."
_BYTES = 160  # of a sign, always: on a full disk it is written over the last one


class Beat:
    """The sign of this process. It is given between `start` and `stop`, and not at all where nobody watches."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / BEATS / name
        self._count = 0
        self._moves = 0
        self._is_ending = False
        self._part_seconds = 0.0
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Give the first sign now, and one a second from then on, until the process ends."""
        self._write()
        self._thread = threading.Thread(target=self._keep_writing, name="beat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Give no more signs. The last one stays, for as long as the process takes to end."""
        if self._thread is not None:
            self._done.set()
            self._thread.join()

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Give signs meanwhile."""
        self.start()
        try:
            yield
        finally:
            self.stop()

    def takes(self, seconds: float) -> None:
        """A piece of work, during which no stop can be answered, took so long; the longest counts."""
        self._part_seconds = max(self._part_seconds, seconds)

    def end(self) -> None:
        """From here on the process does what has to be finished, as after the last step, and is let finish it."""
        self._is_ending = True
        self.move()

    def move(self) -> None:
        """The work got on. Called while the process is ending, when nobody can stop it."""
        self._moves += 1

    def _keep_writing(self) -> None:
        while not self._done.wait(BEAT_SECONDS):
            self._write()

    def _write(self) -> None:
        self._count += 1
        sign = {
            "pid": os.getpid(),
            "count": self._count,
            "moves": self._moves,
            "ending": self._is_ending,
            "part_seconds": round(self._part_seconds, 3),
        }
        with contextlib.suppress(OSError):  # the run was deleted
            self._path.parent.mkdir(exist_ok=True)
            file = os.open(
                self._path, os.O_WRONLY | os.O_CREAT, 0o644
            )  # opened each time: other machines see it at once
            try:
                os.write(file, json.dumps(sign).encode("ascii").ljust(_BYTES))
            except OSError:  # a full disk: its time is a sign as well
                os.utime(file)
            finally:
                os.close(file)


@dataclass(slots=True)
class _Known:
    """The last sign of a process, and when it, and what it tells of the work, last changed (monotonic seconds)."""

    sign: dict[str, Any]
    version: int
    heard: float
    moved: float


class Watch:
    """What a supervisor knows of the processes of its run. They count as silent `silent_seconds` after their last sign.

    One that has never given a sign counts as silent, too, so that a worker that freezes while it starts is noticed.
    """

    def __init__(self, folder: Path, *, silent_seconds: float) -> None:
        self._folder = folder / BEATS
        self._silent_seconds = silent_seconds
        self._known: dict[str, _Known] = {}
        self._began = time.monotonic()
        shutil.rmtree(self._folder, ignore_errors=True)  # of an earlier life

    def check(self) -> None:
        """Read all signs."""
        now = time.monotonic()
        try:
            names = sorted(os.listdir(self._folder))
        except OSError:
            names = []
        for name in names:
            version, sign = _read(self._folder / name)
            known = self._known.get(name)
            if known is None:
                self._known[name] = _Known(sign, version, now, now)
            elif version != known.version:
                sign = sign or known.sign  # it is just being written
                has_moved = sign.get("moves") != known.sign.get("moves")
                self._known[name] = _Known(sign, version, now, now if has_moved else known.moved)

    def silence(self) -> str:
        """Which processes are silent, in words for people; empty when none is."""
        now = time.monotonic()
        silent = [name for name, known in self._known.items() if now - known.heard > self._silent_seconds]
        if not silent:
            is_late = not self._known and now - self._began > self._silent_seconds
            return f"The training process {_SILENT}" if is_late else ""
        if len(self._known) == 1:
            return f"The training process{self._number(silent[0])} {_SILENT}"
        who = ", ".join(f"{_title(name)}{self._number(name)}" for name in silent)
        return f"Of the processes of this training, {who} {_SILENT if len(silent) == 1 else _ALL_SILENT}"

    def _number(self, name: str) -> str:
        number = self._known[name].sign.get("pid")
        return f" (process id {number})" if isinstance(number, int) else ""

    def may_take(self, since: float, grace_seconds: float) -> bool:
        """Whether a worker that was asked to stop at `since` (monotonic) may still be at work.

        For the grace time, or as long as it takes between two looks for a stop; one that has what it must finish
        before it, as long as that gets on. A silent one: for the grace time.
        """
        now = time.monotonic()
        patience = grace_seconds
        if not self.silence():
            for known in self._known.values():
                if known.sign.get("ending") is True:
                    patience = max(patience, ENDING_SECONDS)
                    since = max(since, known.moved)
                patience = max(patience, 3 * _seconds(known.sign.get("part_seconds")))
        return now - since <= patience


def _read(path: Path) -> tuple[int, dict[str, Any]]:
    """What changes with each sign, and the sign; empty where it is being written or had no room."""
    version = 0
    try:
        with path.open("rb") as file:
            version = os.fstat(file.fileno()).st_mtime_ns
            sign = json.loads(file.read())
    except (OSError, ValueError):
        return version, {}
    return version, sign if isinstance(sign, dict) else {}


def _title(name: str) -> str:
    number = name.removeprefix(RANK)
    return f"number {int(number) + 1}" if number.isdecimal() else "the one that starts them"


def _seconds(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return min(float(value), ENDING_SECONDS) if is_number else 0.0
