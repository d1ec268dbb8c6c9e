"""What this machine has: processor, memory, disk, graphics cards. Asked without importing torch, so Home is fast."""

import functools
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

from core.workspace import workspace


@dataclass(frozen=True, slots=True)
class Machine:
    """Sizes in bytes; `gpus` holds one name per NVIDIA card."""

    processor: str
    cores: int
    memory_bytes: int
    gpus: tuple[str, ...]
    disk_free_bytes: int

    @property
    def device(self) -> str:
        """What training will run on, in words."""
        if not self.gpus:
            return f"Processor ({self.cores} cores)"
        return self.gpus[0] if len(self.gpus) == 1 else f"{len(self.gpus)} × {self.gpus[0]}"


def machine() -> Machine:
    """Describe this machine as it is now."""
    return Machine(
        processor=_processor(),
        cores=usable_cores(),
        memory_bytes=psutil.virtual_memory().total,
        gpus=_gpus(),
        disk_free_bytes=shutil.disk_usage(workspace()).free,
    )


def usable_cores() -> int:
    """The cores this process may use, which in a container can be fewer than the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


@functools.cache
def _gpus() -> tuple[str, ...]:
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    if shutil.which(command[0]) is None:
        return ()
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip() for line in answer.stdout.splitlines() if line.strip())
