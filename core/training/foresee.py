"""What a training will take: steps exactly, time and memory about. Needs no torch; reads only a model's config.

Time is floating-point operations (6 per weight and piece) over the speed of earlier runs on this machine, kept in
`workspace/speed.json`; before there are any, over a cautious guess.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import LabError
from core.machine import machine
from core.models.catalogue import locate
from core.runs.status import read_json, write_json
from core.training.plan import Plan
from core.training.precision import processor_has_bf16
from core.workspace import workspace

START_SECONDS = 8.0  # starting a process, importing, loading the model, saving it at the end
# Floating-point operations per second; on a processor per core.
_GUESSED_FLOPS = {"cpu-fp32": 3.5e10, "cpu-bf16": 6e10, "cuda-fp32": 1e13, "cuda-bf16": 5e13}
_GUESSED_PIECES = 40  # of a text whose length is not known
_SAMPLE = 500  # texts looked at to estimate their length
_BERT_BASE = {"hidden_size": 768, "num_hidden_layers": 12, "intermediate_size": 3072, "vocab_size": 30522}


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which steps a training takes."""

    steps_per_epoch: int
    steps: int
    evaluate_every: int  # steps


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a plan will take. `seconds` and `memory_bytes` are rough: say "about"."""

    steps: int
    evaluations: int
    seconds: float
    memory_bytes: int


def schedule(plan: Plan, train_rows: int) -> Schedule:
    """The steps for so many training rows, as the Trainer counts them."""
    per_epoch = math.ceil(train_rows / plan.batch_size)
    steps = max(1, math.ceil(plan.epochs * per_epoch))
    return Schedule(per_epoch, steps, evaluate_every=max(1, round(per_epoch / plan.evaluations_per_epoch)))


def foresee(plan: Plan, rows: int, *, mean_pieces: float | None = None) -> Foreseen:
    """Steps, evaluations, time and memory of a plan for a data file with so many rows.

    `mean_pieces` is the mean length of a text in pieces, where it is known (the profile has it).
    """
    held_out = 0.0
    if plan.validation_data is None:  # with a validation file everything else trains; see `prepare`
        held_out = 0.2 if plan.test_data is None else 0.1
    train_rows = max(1, round(rows * (1 - held_out)))
    steps = schedule(plan, train_rows)
    evaluations = math.ceil(steps.steps / steps.evaluate_every)
    pieces = min(plan.max_length, mean_pieces or _GUESSED_PIECES)
    trained = steps.steps * plan.batch_size * pieces
    scored = evaluations * 0.1 * rows * pieces / 3  # a forward pass is a third of a training step
    weights, encoder = count_weights(plan.model)
    device, cores = ("cuda", 1) if machine().gpus else ("cpu", machine().cores)
    speed = _known_speeds().get(_key(device, _precision(plan, device)))
    if speed is None:
        speed = _GUESSED_FLOPS[_key(device, _precision(plan, device))] * cores
    seconds = START_SECONDS + 6 * encoder * (trained + scored) / speed
    return Foreseen(steps.steps, evaluations, seconds, memory_bytes=16 * weights + _activation_bytes(plan))


def estimate_pieces(texts: Sequence[str], pairs: Sequence[str] | None = None) -> float:
    """About how many pieces a text (or pair) takes on average, special tokens included: by the words of a sample.

    English takes about 1.3 pieces a word; scripts without spaces about one a character.
    """
    every = max(1, len(texts) // _SAMPLE)
    parts = [list(texts[::every]), *([] if pairs is None else [list(pairs[::every])])]
    counts = [max(1.3 * len(text.split()), len(text) / 6) for part in parts for text in part]
    return 2 + sum(counts) / max(1, len(parts[0]))


def remember_speed(*, device: str, precision: str, encoder_weights: int, pieces_per_second: float) -> None:
    """Keep what a finished training reached, for the next estimate: the mean of the last and the one before."""
    speeds, key = _known_speeds(), _key(device, precision)
    reached = 6 * encoder_weights * pieces_per_second
    speeds[key] = (speeds[key] + reached) / 2 if key in speeds else reached
    write_json(workspace() / "speed.json", speeds)


def count_weights(model: str) -> tuple[int, int]:
    """About how many weights a model has, all and those of its layers, by its configuration; BERT-base's if unknown."""
    width, layers, inner, vocabulary = _shape(model)
    encoder = layers * (4 * width * width + 2 * width * inner)
    return encoder + width * (vocabulary + 512), encoder


def _activation_bytes(plan: Plan) -> int:
    """Bytes of activations of a full batch at its longest."""
    width, layers, inner, _ = _shape(plan.model)
    return layers * plan.batch_size * min(plan.max_length, 512) * 4 * (10 * width + 3 * inner)


def _shape(model: str) -> tuple[int, int, int, int]:
    """Hidden size, layers, intermediate size and vocabulary of a model."""
    config = _config(model)
    width = int(config.get("hidden_size") or config.get("dim") or 768)
    layers = int(config.get("num_hidden_layers") or config.get("n_layers") or 12)
    inner = int(config.get("intermediate_size") or config.get("hidden_dim") or 4 * width)
    return width, layers, inner, int(config.get("vocab_size") or 30522)


def _config(reference: str) -> dict[str, Any]:
    try:
        folder = locate(reference)
        content = json.loads((folder / "config.json").read_text("utf-8")) if folder is not None else _BERT_BASE
    except (LabError, OSError, ValueError):
        return _BERT_BASE
    return content if isinstance(content, dict) else _BERT_BASE


def _precision(plan: Plan, device: str) -> str:
    if plan.precision != "auto":
        return plan.precision
    return "bf16" if device == "cuda" or processor_has_bf16() else "fp32"


def _key(device: str, precision: str) -> str:
    return f"{device}-{precision}"


def _known_speeds() -> dict[str, float]:
    content = read_json(workspace() / "speed.json")
    return {key: float(value) for key, value in content.items() if isinstance(value, int | float) and value > 0}
