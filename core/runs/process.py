"""Telling processes apart for certain, and ending a whole tree of them. Knows no run."""

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

_SET_DEATH_SIGNAL = 1  # prctl(PR_SET_PDEATHSIG)
_SET_CHILD_SUBREAPER = 36  # prctl(PR_SET_CHILD_SUBREAPER)
_WATCH_SECONDS = 0.5


def identity(pid: int) -> dict[str, Any]:
    """What makes a process itself and no other: its number, its start and the boot it belongs to.

    The start is counted in clock ticks since the boot on Linux, so that setting the clock changes nothing, and in
    seconds elsewhere. Raises `psutil.NoSuchProcess` when there is no such process.
    """
    return {"pid": pid, "create_time": _start(pid), "boot": _boot()}


def is_alive(known: Mapping[str, Any]) -> bool:
    """Whether the process that `identity` described still runs: a reused number or a reboot means no."""
    try:
        pid = int(known["pid"])
        return known["boot"] == _boot() and abs(float(known["create_time"]) - _start(pid)) < 0.5 and not _is_zombie(pid)
    except (KeyError, TypeError, ValueError, OverflowError, psutil.Error):
        return False


def die_with_parent(parent: int) -> None:
    """End this process when the process `parent`, which started it, is gone. Called by the child, first thing."""
    _prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it went before the line above
        os._exit(1)

    def watch() -> None:  # where the kernel has no such signal
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()


def adopt_orphans() -> None:
    """Make this process the parent of descendants whose own parent ends, so that a sweep finds all (Linux)."""
    _prctl(_SET_CHILD_SUBREAPER, 1)


def guard() -> None:
    """Split this process in two: the child goes on in a session of its own, the parent only watches over it.

    When the child is gone, however it ended, the parent ends whatever the child left running, in any session (Linux),
    and exits with the child's code. TERM and INT are passed on. Call it before there are threads and locks.
    """
    adopt_orphans()
    child = os.fork()
    if child == 0:
        os.setsid()
        return

    def pass_on(number: int, frame: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    _, status = os.waitpid(child, 0)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # the child's number may soon be a stranger's
    end_descendants(grace_seconds=0)
    sys.exit(os.waitstatus_to_exitcode(status))


def end_descendants(*, grace_seconds: float) -> int:
    """End every process below this one and in its session: TERM first, KILL after `grace_seconds`.

    Returns how many there were. psutil compares start times before each signal, so a reused number is never hit.
    """
    first = _descendants()
    if grace_seconds > 0:
        _signal_all(first, signal.SIGTERM)
        psutil.wait_procs(first, timeout=grace_seconds)
    for _ in range(20):  # a dying parent may leave one more behind
        remaining = _descendants()
        if not remaining:
            break
        _signal_all(remaining, signal.SIGKILL)
        psutil.wait_procs(remaining, timeout=1)
        _reap()
    return len(first)


def wake_descendants() -> None:
    """Let every process below this one that is paused (SIGSTOP) go on."""
    for process in _descendants():
        with contextlib.suppress(psutil.Error):
            if process.status() == psutil.STATUS_STOPPED:
                process.send_signal(signal.SIGCONT)


def wake(known: Mapping[str, Any]) -> None:
    """Let the process that `identity` described go on if it is paused; a stranger with its number is left alone."""
    if is_alive(known):
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(int(known["pid"]))
            if process.status() == psutil.STATUS_STOPPED:
                process.send_signal(signal.SIGCONT)


def _descendants() -> list[psutil.Process]:
    own = psutil.Process()
    found = {child.pid: child for child in own.children(recursive=True)}
    if own.pid == os.getsid(0):  # never look around in the session of a terminal
        for process in psutil.process_iter():
            try:
                if process.pid != own.pid and os.getsid(process.pid) == own.pid:
                    found.setdefault(process.pid, process)
            except OSError:
                continue
    return [process for process in found.values() if not _is_zombie(process.pid)]


def _signal_all(processes: list[psutil.Process], number: int) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.Error:
            continue


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _start(pid: int) -> float:
    if sys.platform == "linux":
        try:
            fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        except OSError as error:
            raise psutil.NoSuchProcess(pid) from error
        return float(fields[19])  # field 22 of proc(5): starttime
    return psutil.Process(pid).create_time()


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
    except OSError:
        return f"{psutil.boot_time():.0f}"


def _is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, int(value), 0, 0, 0)
