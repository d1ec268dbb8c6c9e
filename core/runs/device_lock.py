"""One run at a time on a device; the others wait in the order in which they came. Knows no device itself.

Each waiting process holds a ticket, `locks/<device>.queue/<time>-<pid>`, locked as long as its owner lives; the one
whose ticket is the oldest takes `locks/<device>.lock`. The kernel drops both when the process ends, however it ends.
"""

import fcntl
import os
import re
import time
from pathlib import Path

from core.workspace import workspace


class DeviceLock:
    """The right to use a device. `try_acquire` until it answers True; `release`, or end the process, to pass it on."""

    def __init__(self, device: str) -> None:
        name = re.sub(r"[^A-Za-z0-9.-]", "-", device) or "device"
        locks = workspace() / "locks"
        self._queue = locks / f"{name}.queue"
        self._queue.mkdir(parents=True, exist_ok=True)
        self._lock: int | None = None
        self._lock_path = locks / f"{name}.lock"
        self._ticket_path = self._queue / f"{time.time_ns():020d}-{os.getpid()}"
        staged = self._queue / f".{self._ticket_path.name}"
        self._ticket: int | None = os.open(staged, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(self._ticket, fcntl.LOCK_EX)
        staged.rename(self._ticket_path)  # seen only once it is locked

    def try_acquire(self) -> bool:
        """Take the device if it is free and nobody came earlier. Returns at once."""
        if self._lock is not None:
            return True
        for ticket in sorted(self._queue.glob("[0-9]*")):
            if ticket.name >= self._ticket_path.name:
                break
            if self._is_held(ticket):
                return False
        lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o644)
        if not _try_flock(lock):
            os.close(lock)
            return False
        self._lock = lock
        return True

    def release(self) -> None:
        """Pass the device on. Harmless when it was never taken."""
        self._ticket_path.unlink(missing_ok=True)
        for descriptor in (self._lock, self._ticket):
            if descriptor is not None:
                os.close(descriptor)
        self._lock = self._ticket = None

    def _is_held(self, ticket: Path) -> bool:
        """Whether the owner of another ticket lives; the ticket of a dead one is removed."""
        try:
            descriptor = os.open(ticket, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            if not _try_flock(descriptor):
                return True
            ticket.unlink(missing_ok=True)
            return False
        finally:
            os.close(descriptor)


def try_lock_file(path: Path) -> int | None:
    """Lock a file for this process; the descriptor to keep, or None when another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    if _try_flock(descriptor):
        return descriptor
    os.close(descriptor)
    return None


def _try_flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
