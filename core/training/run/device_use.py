"""How much memory this training holds and how busy its device is. Asks the card's driver, else the system."""

import os
import time
from typing import Any

import psutil
import torch

from core.machine import gpu_use, process_memory

_ASK_SECONDS = 5.0  # the driver is asked by starting a program


class DeviceUse:
    """`now()` gives what an event says of the device: memory in bytes, and utilisation as a share, None if unknown."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first answer is always 0
        self._asked = 0.0
        self._utilisation: float | None = None

    def now(self) -> dict[str, Any]:
        """On a card the memory that torch holds there; else that of this process. Utilisation since the last call."""
        if torch.cuda.is_available():
            memory = torch.cuda.memory_reserved()
            if time.monotonic() - self._asked >= _ASK_SECONDS:
                self._asked = time.monotonic()
                cards = gpu_use()
                self._utilisation = cards[0].utilisation if cards else None
        else:
            memory = process_memory(os.getpid())
            self._utilisation = min(1.0, self._process.cpu_percent() / 100 / torch.get_num_threads())
        share = None if self._utilisation is None else round(self._utilisation, 3)
        return {"memory_bytes": memory, "utilisation": share}
