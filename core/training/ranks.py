"""The processes that train one model together (ranks), and what they agree on. One process alone is a group of one.

Messages go over gloo on the processor, gradients over whatever the Trainer uses. Starts no process: see `launcher`.
"""

import datetime
import os
from dataclasses import dataclass
from typing import Any

import torch.distributed as dist

WAIT_SECONDS = 900.0  # a rank that has not been heard of for so long is given up (BERTLAB_RANK_SECONDS)


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
