"""The processes that train one model together (ranks), and what they agree on. One process alone is a group of one.

Messages go over gloo on the processor, gradients over whatever the Trainer uses. Starts no process: see `launcher`.
"""

import contextlib
import datetime
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch.distributed as dist

from core.errors import LabError

WAIT_SECONDS = 900.0  # a rank that has not been heard of for so long is given up (BERTLAB_RANK_SECONDS)
_SIGN_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Ranks:
    """Rank `rank` of `count`. Every method but the properties must be called by all ranks, in the same order."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """The one that writes files and decides what depends on the clock."""
        return self.rank == 0

    def decide(self, decision: Any) -> Any:
        """The first rank's value, for all."""
        if self.count == 1:
            return decision
        box = [decision]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def gather(self, value: Any) -> list[Any]:
        """The values of all ranks, in their order, for all."""
        if self.count == 1:
            return [value]
        values: list[Any] = [None] * self.count
        dist.all_gather_object(values, value)
        return values

    def require_same(self, facts: dict[str, Any]) -> None:
        """Raises `LabError` on all ranks, with the names of the facts that are not the same on each of them."""
        seen = self.gather(facts)
        different = [name for name in facts if any(other[name] != facts[name] for other in seen)]
        if different:
            raise LabError(
                f"The processes of this training differ in {' and in '.join(different)}: they did not read the same.",
                "Leave data and model alone while a run starts, see that every machine has the same ones, and start it "
                "again.",
            )

    def first_alone(self, work: Callable[[], None]) -> None:
        """Let the first rank do `work` while the others wait for it, for hours if need be.

        Signs of life in between keep the bound: a rank that freezes is given up as everywhere. Raises what `work`
        raises, on the first rank; the others are ended with it (see `launcher`). `work` must not use the group.
        """
        if self.count == 1:
            work()
        elif self.is_first:
            with self._signs_of_life():
                work()
            self.decide(False)
        else:
            while self.decide(None):  # true as long as the first is at work
                pass

    @contextlib.contextmanager
    def _signs_of_life(self) -> Iterator[None]:
        done = threading.Event()

        def give_signs() -> None:
            with contextlib.suppress(RuntimeError):  # somebody is gone: the next message of this rank will raise it
                while not done.wait(_SIGN_SECONDS):
                    self.decide(True)

        signs = threading.Thread(target=give_signs, daemon=True)
        signs.start()
        try:
            yield
        finally:
            done.set()
            signs.join()

    def share(self, items: list[Any]) -> list[Any]:
        """This rank's part of a list that all have: every `count`-th."""
        return items[self.rank :: self.count]


def join_ranks(*, cards: bool) -> Ranks:
    """Join the group that torchrun's environment names; alone where there is none.

    `cards`: gradients travel between graphics cards (NCCL). Raises `RuntimeError` when the others do not come in time.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        return Ranks()
    seconds = float(os.environ.get("BERTLAB_RANK_SECONDS", WAIT_SECONDS))
    backend = "cpu:gloo,cuda:nccl" if cards else "gloo"
    dist.init_process_group(backend, timeout=datetime.timedelta(seconds=seconds))
    return Ranks(dist.get_rank(), count)
