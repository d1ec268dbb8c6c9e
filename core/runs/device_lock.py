"""The slots of a device, taken in the order in which people came. Knows no device itself, and counts no cards.

A device has slots: the processor one, graphics cards one each. A process that wants some of them holds a ticket,
`locks/<device>/waiting/<time>-<pid>`, which names its run and how many it wants. The oldest ticket takes that many
`locks/<device>/<slot>.lock`, all or none, and moves to `locks/<device>/holding`. Nobody overtakes, so whoever wants
every card gets them once they are free. The kernel drops the locks of a process when it ends, however it ends.
"""

import fcntl
import json
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

from core.workspace import workspace


class DeviceLock:
    """The right to use `count` of the `slots` of a device, for the run with the id `run`.

    `try_acquire` until it answers True; `release`, or end the process, to pass them on. Raises `ValueError` for more
    slots than there are, which would wait for ever.
    """

    def __init__(self, device: str, *, count: int = 1, slots: Sequence[str] = ("0",), run: str = "") -> None:
        if not 1 <= count <= len(slots):
            raise ValueError(f"{count} of {len(slots)} slots")
        self._device = device
        self._count = count
        self._all_slots = tuple(slots)
        self._held: dict[str, int] = {}
        waiting = ticket_folder(device, "waiting")
        for folder in (waiting, ticket_folder(device, "holding")):
            folder.mkdir(parents=True, exist_ok=True)
        self._ticket_path = waiting / f"{time.time_ns():020d}-{os.getpid()}"
        staged = waiting / f".{self._ticket_path.name}"
        self._ticket: int | None = os.open(staged, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._ticket, fcntl.LOCK_EX)
            os.write(self._ticket, json.dumps({"run": run, "count": count}).encode("utf-8"))
            staged.rename(self._ticket_path)  # seen only once it is locked and complete
        except OSError:  # the disk is full
            staged.unlink(missing_ok=True)
            os.close(self._ticket)
            raise

    @property
    def slots(self) -> tuple[str, ...]:
        """The slots held now."""
        return tuple(self._held)

    def try_acquire(self) -> bool:
        """Take the slots if enough are free and nobody who came earlier still waits. Returns at once."""
        if self._held:
            return True
        if any(ticket.name < self._ticket_path.name for ticket in living_tickets(self._device, "waiting")):
            return False
        free: dict[str, int] = {}
        for slot in self._all_slots:
            path = _folder(self._device) / f"{_plain(slot)}.lock"
            if len(free) < self._count and (lock := try_lock_file(path)) is not None:
                free[slot] = lock
        if len(free) < self._count:
            for lock in free.values():
                os.close(lock)
            return False
        self._held = free
        self._ticket_path = self._ticket_path.rename(ticket_folder(self._device, "holding") / self._ticket_path.name)
        return True

    def release(self) -> None:
        """Pass the slots on, or give up waiting. Harmless when it was done before."""
        self._ticket_path.unlink(missing_ok=True)
        for lock in self._held.values():
            os.close(lock)
        self._held = {}
        if self._ticket is not None:
            os.close(self._ticket)
            self._ticket = None


def ticket_folder(device: str, state: str) -> Path:
    """Where the tickets of those lie who are "waiting" for a device, or "holding" slots of it."""
    return _folder(device) / state


def living_tickets(device: str, state: str) -> list[Path]:
    """Those tickets, oldest first. What a dead owner left behind is removed."""
    return [ticket for ticket in sorted(ticket_folder(device, state).glob("[0-9]*")) if _is_held(ticket)]


def try_lock_file(path: Path) -> int | None:
    """Lock a file for this process; the descriptor to keep, or None when another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    if _try_flock(descriptor, fcntl.LOCK_EX):
        return descriptor
    os.close(descriptor)
    return None


def _folder(device: str) -> Path:
    return workspace() / "locks" / _plain(device)


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", name) or "device"


def _is_held(ticket: Path) -> bool:
    """Whether the owner of a ticket lives. The lock is shared, so that two who look do not take each other for it."""
    try:
        descriptor = os.open(ticket, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        if not _try_flock(descriptor, fcntl.LOCK_SH):
            return True
        ticket.unlink(missing_ok=True)
        return False
    finally:
        os.close(descriptor)


def _try_flock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
