"""How much work a text is: floating-point operations of one forward pass, by part, counted by torch's own formulas.

Counts matrix products, where nearly all of the work is; softmax, norms and activations are left out, as in torch's
`FlopCounterMode`. A multiplication and the addition of its result are two operations. Multiplies nothing: the network
has no weights.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry
from transformers import PretrainedConfig, PreTrainedModel

from core.models.anatomy.part_names import ATTENTION, EMBEDDINGS, FEED_FORWARD, HEAD, LAYERS, POOLER, name_part
from core.models.anatomy.skeleton import example_input, skeleton

PROJECTIONS = "Attention projections"
SCORES = "Attention scores, context"
GROUPS = (EMBEDDINGS, PROJECTIONS, SCORES, FEED_FORWARD, POOLER, HEAD)
_SHORT, _LONG = 1, 2  # positions; two lengths tell how each module's work grows


@dataclass(frozen=True, slots=True)
class Work:
    """What one module does: `factor` × length ** `power` operations. Power 0: a text, 1: a token, 2: a pair."""

    path: str
    group: str
    factor: int
    power: int

    def at(self, length: int) -> int:
        """Operations for one text of `length` tokens."""
        return self.factor * length**self.power


@dataclass(frozen=True, slots=True)
class Flops:
    """The work of a forward pass over one text without padding, for any length in tokens."""

    work: tuple[Work, ...]

    def at(self, length: int) -> dict[str, int]:
        """Operations for one text of `length` tokens by group, in the order of `GROUPS`."""
        counts: Counter[str] = Counter(dict.fromkeys(GROUPS, 0))
        for work in self.work:
            counts[work.group] += work.at(length)
        return {group: count for group, count in counts.items() if count}

    def total(self, length: int) -> int:
        """Operations for one text of `length` tokens."""
        return sum(work.at(length) for work in self.work)

    def per_token(self, length: int) -> float:
        """Operations for one token in a text of `length` tokens."""
        return self.total(length) / length


def count_flops(config: PretrainedConfig, architecture: str | None = None, *, has_pooler: bool = True) -> Flops:
    """Count the work of the model that `config` describes; arguments and errors as `skeleton`.

    >>> from transformers import BertConfig
    >>> count_flops(BertConfig()).total(128)  # about 22 billion operations
    22348431360
    """
    network = skeleton(config, architecture, has_pooler=has_pooler)
    short, long = _count(network, _SHORT), _count(network, _LONG)
    work = []
    for path, count in short.items():
        power = (long[path] // count).bit_length() - 1  # twice the length is 1, 2 or 4 times the work
        work.append(Work(path, _group(network, path), count // _SHORT**power, power))
    return Flops(tuple(work))


def _group(network: PreTrainedModel, path: str) -> str:
    if not dict(network.get_submodule(path).named_parameters(recurse=False)):
        return SCORES  # the only products of two computed matrices
    name = name_part(network, path)
    if name.kind == LAYERS:
        return PROJECTIONS if ATTENTION in name.place else FEED_FORWARD
    return name.kind


def _count(network: PreTrainedModel, length: int) -> Counter[str]:
    """Operations by the path of the module that does them."""
    counter = _Counter()
    handles = []
    for path, module in network.named_modules():
        handles.append(module.register_forward_pre_hook(lambda *_, path=path: counter.running.append(path)))
        handles.append(module.register_forward_hook(lambda *_: counter.leave()))
    try:
        with torch.no_grad(), counter:
            network(input_ids=example_input(network, batch=1, length=length))
    finally:
        for handle in handles:
            handle.remove()
    return counter.counts


class _Counter(TorchDispatchMode):
    """Adds up torch's formulas under the module that is running.

    `FlopCounterMode` would tell modules apart by hooks on every module of the process, so that two people's forward
    passes would run into one another; this one sees its own thread and its own network only.
    """

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.running: list[str] = []

    def leave(self) -> None:
        """The running module is done; the one that called it goes on."""
        self.running.pop()

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None) -> Any:
        result = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func.overloadpacket)
        if formula is not None:
            self.counts[self.running[-1]] += formula(*args, **(kwargs or {}), out_val=result)
        return result
