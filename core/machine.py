"""What this machine has and what is in use: processor, memory, disk, graphics cards. Asked without importing torch.

Of the NVIDIA cards those count that CUDA_VISIBLE_DEVICES leaves to this process. On a machine with cards of several
kinds nvidia-smi counts them in the same order as CUDA only where CUDA_DEVICE_ORDER=PCI_BUS_ID is set.
"""

import contextlib
import functools
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

from core.workspace import workspace

Number = TypeVar("Number", int, float)

_DRIVER_SECONDS = 10.0  # a cold driver with many cards takes a while


@dataclass(frozen=True, slots=True)
class Machine:
    """Sizes in bytes; `gpus` holds one name for each NVIDIA card that this process may use."""

    processor: str
    cores: int
    memory_bytes: int
    gpus: tuple[str, ...]
    disk_free_bytes: int

    @property
    def device(self) -> str:
        """What training will run on, in words."""
        if not self.gpus:
            return f"Processor ({self.cores} {'core' if self.cores == 1 else 'cores'})"
        return self.gpus[0] if len(self.gpus) == 1 else f"{len(self.gpus)} × {self.gpus[0]}"


@dataclass(frozen=True, slots=True)
class CardUse:
    """A card and its use now; `id` is what CUDA_VISIBLE_DEVICES calls it. None is what the driver does not tell."""

    id: str
    name: str
    memory_bytes: int | None
    used_bytes: int | None
    utilisation: float | None  # share of the last moment in which it computed, 0 to 1


def machine() -> Machine:
    """Describe this machine as it is now."""
    return Machine(
        processor=_processor(),
        cores=usable_cores(),
        memory_bytes=psutil.virtual_memory().total,
        gpus=_visible_gpus(),
        disk_free_bytes=shutil.disk_usage(workspace()).free,
    )


def usable_cores() -> int:
    """The cores this process may use, which in a container can be fewer than the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpu_use() -> tuple[CardUse, ...]:
    """The cards this process may use, with their memory and load, by one call of nvidia-smi (some 50 ms and more).

    Empty without cards, and when the driver does not answer in time.
    """
    try:
        rows = _ask_driver("name,uuid,memory.total,memory.used,utilization.gpu")
    except (OSError, subprocess.SubprocessError):
        return ()
    if any(len(row) != 5 for row in rows):
        return ()
    cards = ((card, rows[place]) for card, place in _visible([row[1] for row in rows]))
    return tuple(
        CardUse(card, name, _scaled(total, 2**20), _scaled(used, 2**20), _scaled(load, 0.01))
        for card, (name, _, total, used, load) in cards
    )


def cuda_names(count: int) -> tuple[str, ...]:
    """What CUDA calls the first `count` cards this process may use: the names in CUDA_VISIBLE_DEVICES, or 0, 1, ….

    Fewer where CUDA_VISIBLE_DEVICES names fewer.
    """
    named = _named_cards()
    return tuple(map(str, range(count))) if named is None else named[:count]


def process_memory(pid: int) -> int:
    """Bytes of resident memory of a process and of all that it started (shared pages count twice), 0 if gone."""
    total = 0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for member in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):  # it ended while we counted
                total += member.memory_info().rss
    return total


@functools.cache
def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _visible_gpus() -> tuple[str, ...]:
    """The name of each card this process may use; none when the driver does not answer, which is asked again then."""
    try:
        rows = _gpus()
    except (OSError, subprocess.SubprocessError):
        return ()
    named = _named_cards()
    if rows and named and named[0].startswith("MIG-"):  # parts of a card, which the driver lists elsewhere
        return (f"Part of {rows[0][0]}",) * len(named)
    return tuple(rows[place][0] for _, place in _visible([row[-1] for row in rows]))


@functools.cache
def _gpus() -> tuple[tuple[str, ...], ...]:
    return tuple(_ask_driver("name,uuid"))


def _ask_driver(fields: str) -> list[tuple[str, ...]]:
    """A row of `fields` for each card in this machine, from nvidia-smi; no rows where there is no such program.

    Raises `OSError` or `subprocess.SubprocessError` when it does not answer, or not in time.
    """
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader,nounits"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=_DRIVER_SECONDS, check=True)
    return [tuple(map(str.strip, line.split(","))) for line in answer.stdout.splitlines() if line.strip()]


def _visible(uuids: Sequence[str]) -> Iterator[tuple[str, int]]:
    """For each card this process may use, what CUDA calls it and its place among `uuids`, those of all cards."""
    named = _named_cards()
    for card in cuda_names(len(uuids)) if named is None else named:
        known = (place for place, uuid in enumerate(uuids) if card == str(place) or uuid.startswith(card))
        if (place := next(known, None)) is None:
            return  # CUDA stops at the first name that it does not know
        yield card, place


def _named_cards() -> tuple[str, ...] | None:
    """The cards that CUDA_VISIBLE_DEVICES names, read as CUDA reads it; None when it is not set and all may be used.

    Names are numbers, or begin with GPU- or MIG-; the list ends before the first that is none, and naming one twice
    leaves no card at all.
    """
    setting = os.environ.get("CUDA_VISIBLE_DEVICES")
    if setting is None:
        return None
    prefix = setting[:4] if setting[:4] in ("GPU-", "MIG-") else ""
    named: list[str] = []
    for entry in setting.split(","):
        number = re.match(r"\s*\+?(\d+)", entry)
        if prefix and entry.startswith(prefix):
            named.append(entry)
        elif number and not prefix:
            named.append(str(int(number[1])))
        else:
            break
    return tuple(named) if len(set(named)) == len(named) else ()


def _scaled(value: str, unit: Number) -> Number | None:
    """A number as the driver writes it, times `unit`, of the kind of `unit`; None for “[N/A]” and the like."""
    return type(unit)(float(value) * unit) if re.fullmatch(r"[\d.]+", value) else None
