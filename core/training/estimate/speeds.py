"""What trains on this machine: how fast it computes, as finished trainings found it, and how much it holds.

Kept in `workspace/speed.json`. Needs no torch.
"""

from dataclasses import dataclass

from core.machine import gpu_use, machine
from core.runs.status import read_json, write_json
from core.training.estimate.precision import processor_has_bf16
from core.workspace import workspace

# Floating-point operations per second; on a processor per core.
_GUESSED_FLOPS = {"cpu-fp32": 3.5e10, "cpu-bf16": 6e10, "cuda-fp32": 1e13, "cuda-bf16": 5e13, "cuda-fp16": 5e13}
_GUESSED_CARD_BYTES = 8_000_000_000


@dataclass(frozen=True, slots=True)
class Device:
    """Where a training will run: `kind` is "cuda" or "cpu", `flops` floating-point operations a second, `count` how
    many there are, `cores` those of the processor. `is_learnt`: the speed comes from trainings here, not from a guess.
    """

    kind: str
    precision: str
    flops: float
    memory_bytes: int
    count: int = 1
    is_learnt: bool = False
    cores: int = 1


def device_here(precision: str = "auto") -> Device:
    """The device of this machine, as trainings with this precision found it; those with "auto" above all where that is
    asked for, because what a card makes of it only torch can tell."""
    here, known = machine(), _known_speeds()
    kind = "cuda" if here.gpus else "cpu"
    learnt = known.get(_key(kind, precision))
    if precision == "auto":
        precision = "bf16" if kind == "cuda" or processor_has_bf16() else "fp32"
    learnt = learnt or known.get(_key(kind, precision))
    guess = _GUESSED_FLOPS.get(_key(kind, precision), _GUESSED_FLOPS["cpu-fp32"])
    memory = here.memory_bytes
    if kind == "cuda":
        sizes = [card.memory_bytes for card in gpu_use() if card.memory_bytes]
        memory = min(sizes, default=_GUESSED_CARD_BYTES)
    return Device(
        kind=kind,
        precision=precision,
        flops=learnt or guess * (1 if kind == "cuda" else here.cores),
        memory_bytes=memory,
        count=max(1, len(here.gpus)),
        is_learnt=learnt is not None,
        cores=here.cores,
    )


def remember_speed(*, device: str, precision: str, operations_per_second: float) -> None:
    """Keep what a finished training with this precision, or "auto", reached, for the next estimate: the mean of the
    last and the one before."""
    speeds, key, reached = _known_speeds(), _key(device, precision), operations_per_second
    speeds[key] = (speeds[key] + reached) / 2 if key in speeds else reached
    write_json(workspace() / "speed.json", speeds)


def _key(device: str, precision: str) -> str:
    return f"{device}-{precision}"


def _known_speeds() -> dict[str, float]:
    content = read_json(workspace() / "speed.json")
    return {key: float(value) for key, value in content.items() if isinstance(value, int | float) and value > 0}
