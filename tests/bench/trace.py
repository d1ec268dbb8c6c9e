"""What a trace costs beside a plain forward pass of the built-in model, at 32, 128 and 512 tokens.

The rival is the same network run once with nothing asked of it but its logits, in SDPA, its fastest attention. A trace
is timed alone (`alone`: hidden states kept, nothing derived) and, as the figure, with every one of its tensors read.
"""

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import torch

from core import open_model, tokenize, trace
from core.explore.tokens import model_inputs

ROUNDS = 15


def run() -> Iterator[dict[str, Any]]:
    """Yield `trace.slowdown.32`, `.128` and `.512`: every tensor of a trace / a plain forward pass, in seconds."""
    torch.set_num_threads(1)  # as the app does
    model, fast = open_model("builtin"), open_model("builtin", attention="sdpa")
    for length in (32, 128, 512):
        tokens = tokenize(model, "word " * (length - 2))
        inputs = model_inputs(model, tokens)

        def plain(network: torch.nn.Module, inputs: dict[str, torch.Tensor] = inputs) -> None:
            with torch.inference_mode():
                network(**inputs)

        def everything(tokens=tokens) -> None:
            traced = trace(model, tokens)
            for name in traced.names():
                traced[name]

        times = _interleaved(
            {
                "plain, SDPA": lambda: plain(fast.network),
                "plain, eager": lambda: plain(model.network),
                "alone": lambda tokens=tokens: trace(model, tokens),
                "every tensor": everything,
            }
        )
        yield {
            "name": f"trace.slowdown.{length}",
            "value": round(times["every tensor"] / times["plain, SDPA"], 2),
            "unit": "times",
            "rival": "the same network's plain forward pass with SDPA",
            "detail": {f"milliseconds, {name}": round(seconds * 1000, 1) for name, seconds in times.items()}
            | {"alone / plain": round(times["alone"] / times["plain, SDPA"], 2)},
        }


def _interleaved(contenders: dict[str, Callable[[], None]]) -> dict[str, float]:
    """The median seconds of each, taken in turns so that a busy moment hits all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(ROUNDS + 1):
        for name, contender in contenders.items():
            start = time.perf_counter()
            contender()
            if number:  # the first round warms up
                seconds[name].append(time.perf_counter() - start)
    return {name: median(values) for name, values in seconds.items()}
