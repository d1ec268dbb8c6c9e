"""Heeding a stop in the middle of long work: the work is abandoned, and all ranks agree that it is. Saves nothing."""

import _thread
import contextlib
import random
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import numpy as np
import torch

from core.training.run.ranks import Ranks

LOOK_SECONDS = 0.25
_SIGNAL = signal.SIGUSR1  # never sent: it only stands for the wish, inside of this process

Found = TypeVar("Found")


class Stopped(BaseException):
    """What was being done is abandoned, as a stop was asked for. No `Exception`: nobody may take it for a fault."""


@contextlib.contextmanager
def interruptible(is_wanted: Callable[[], bool]) -> Iterator[None]:
    """Raise `Stopped` within the block, wherever it is, once `is_wanted()`: as Ctrl-C raises `KeyboardInterrupt`.

    For work that may end at any moment, such as reading and cutting texts, where a kill does no harm either. Outside of
    the main thread nothing is interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    done = threading.Event()

    def on_signal(number: int, frame: object) -> None:
        if not done.is_set() and is_wanted():
            done.set()  # once: what cleans up after it must not be interrupted
            raise Stopped

    def watch() -> None:
        while not done.wait(LOOK_SECONDS):
            if is_wanted():
                _thread.interrupt_main(_SIGNAL)

    before = signal.signal(_SIGNAL, on_signal)
    watcher = threading.Thread(target=watch, name="watch-stop", daemon=True)
    watcher.start()
    try:
        if is_wanted():
            raise Stopped
        yield
    finally:
        done.set()
        watcher.join()
        signal.signal(_SIGNAL, before)


def unless_stopped(is_wanted: Callable[[], bool], ranks: Ranks, work: Callable[[], Found]) -> Found:
    """What `work` gives, which must not use the group. Raises `Stopped` on all ranks when one has abandoned it."""
    try:
        with interruptible(is_wanted):
            found = work()
    except Stopped:
        ranks.gather(True)
        raise
    if any(ranks.gather(False)):
        raise Stopped
    return found


@dataclass(frozen=True, slots=True)
class RandomState:
    """The state of every generator that a training draws from: Python's, numpy's, torch's, and those of the cards."""

    python: Any
    numpy: Any
    processor: torch.Tensor
    cards: list[torch.Tensor]

    @classmethod
    def now(cls) -> Self:
        """The states at this moment."""
        cards = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return cls(random.getstate(), np.random.get_state(), torch.get_rng_state(), cards)

    def restore(self) -> None:
        """Let all generators go on from here."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)
        torch.set_rng_state(self.processor)
        if self.cards:
            torch.cuda.set_rng_state_all(self.cards)
