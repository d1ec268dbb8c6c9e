"""What a training will take: steps exactly, time and memory about. Needs no torch; reads only a model's config.

Time is floating-point operations (6 per weight and token) over the speed of earlier runs on this machine, or what a
probe measured (`core.training.probe.probe`).
"""

import math
from dataclasses import dataclass

from core.data.decisions.preparation import Preparation
from core.tasks import spec_of
from core.training.estimate.shapes import Shape, shape_of
from core.training.estimate.speeds import device_here
from core.training.estimate.token_lengths import Lengths, load_of
from core.training.plan.plan import Plan

START_SECONDS = 8.0  # starting a process, importing, loading the model, saving it at the end
_PROCESS_BYTES = 800_000_000  # Python, torch and its libraries
_FITTING = 0.9  # the share of a device's memory that a training may take


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which steps a training takes."""

    steps_per_epoch: int
    steps: int
    evaluate_every: int  # steps


@dataclass(frozen=True, slots=True)
class Measured:
    """What a probe found for one shape of step."""

    seconds_per_step: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a plan will take. `seconds` and `memory_bytes` are rough: say "about".

    `memory_bytes`: of one card, or of all processes on a processor. `source`: "measured" by a probe, "learnt" from
    earlier trainings here, or "guessed". `there_bytes`: of the device.
    """

    steps: int
    evaluations: int
    seconds: float
    memory_bytes: int
    source: str
    there_bytes: int

    @property
    def fits(self) -> bool:
        """Whether the device has this memory, with a little left for others."""
        return self.memory_bytes <= _FITTING * self.there_bytes


def schedule(plan: Plan, train_rows: int) -> Schedule:
    """The steps for so many training rows (or windows of rows), as the Trainer counts them."""
    per_epoch = math.ceil(train_rows / plan.batch_size)
    steps = max(1, math.ceil(plan.epochs * per_epoch))
    return Schedule(per_epoch, steps, evaluate_every=max(1, round(per_epoch / plan.evaluations_per_epoch)))


def estimate(plan: Plan, lengths: Lengths, measured: Measured | None = None) -> Estimate:
    """Steps, evaluations, time and memory of a plan for rows of such lengths."""
    load, shape, device = load_of(plan, lengths), shape_of(plan.model), device_here(plan.precision)
    train, validation, test = _parts(plan, lengths.rows)
    positions = max(1, round(train * load.windows))
    steps, per_step = schedule(plan, positions), min(plan.batch_size, positions)
    evaluations = math.ceil(steps.steps / steps.evaluate_every)
    scored = (evaluations * validation + test) * load.windows  # positions
    sharing = plan.processes if device.kind == "cpu" else 1  # its cores and its memory; each has a card of its own
    if measured is not None:  # of one process, alone
        seconds = measured.seconds_per_step * sharing
        training, scoring = steps.steps * seconds, scored * seconds / plan.batch_size / 3
        memory, source = measured.memory_bytes, "measured"
    else:
        trained = {"task": plan.task, "frozen_layers": plan.frozen_layers, "lora_rank": plan.lora_rank}
        forward, backward = work_per_token(shape, tokens=load.tokens, **trained)
        flops = device.flops * plan.processes / sharing
        seconds_per_operation = load.sequences * load.tokens / flops  # of each position, for one operation a token
        training = steps.steps * per_step * seconds_per_operation * (forward + backward)
        scoring = scored * seconds_per_operation * forward
        texts = math.ceil(per_step / (plan.accumulation * plan.processes)) * load.sequences
        memory = memory_of(shape, texts=texts, tokens=load.longest, kind=device.kind, **trained)
        source = "learnt" if device.is_learnt else "guessed"
    return Estimate(
        steps=steps.steps,
        evaluations=evaluations,
        seconds=START_SECONDS + training + scoring,
        memory_bytes=memory * sharing,
        source=source,
        there_bytes=device.memory_bytes,
    )


def work_per_token(
    shape: Shape, *, task: str, tokens: float, frozen_layers: int = 0, lora_rank: int = 0
) -> tuple[float, float]:
    """Floating-point operations for each token of a text of so many: forward, and backward.

    Two for each weight forward, as many for the gradient of the activations and, of weights that are trained, for
    theirs; attention multiplies each token with all others, twice. Nothing is computed backward below the lowest layer
    that is trained.
    """
    forward = 2 * shape.encoder_weights + 4 * shape.layers * shape.width * tokens
    learning = max(0, shape.layers - frozen_layers) / shape.layers
    backward = forward * learning * (1 if lora_rank else 2)
    if spec_of(task).predicts_vocabulary:  # each token is compared with the whole vocabulary
        head = 2 * shape.width * (shape.vocabulary + shape.width)
        return forward + head, backward + 2 * head
    return forward, backward


def memory_of(
    shape: Shape, *, task: str, texts: int, tokens: int, kind: str, frozen_layers: int = 0, lora_rank: int = 0
) -> int:
    """Bytes that a training takes at its largest step: `texts` of `tokens` at once on a device of this kind.

    Weights, and of those that are trained the gradient and the two means of Adam; on a processor also the best weights
    so far. Activations are kept for the layers that are trained.
    """
    frozen = min(frozen_layers, shape.layers)
    trained = shape.weights
    if lora_rank:
        trained = 4 * lora_rank * shape.width * (shape.layers - frozen)
    elif frozen:
        trained = (shape.layers - frozen) * shape.layer_weights
    held = (8 if kind == "cpu" else 4) * shape.weights + 12 * trained
    layers = shape.layers - frozen + 1  # one more: what passes through a frozen layer
    activations = layers * texts * tokens * 4 * (10 * shape.width + 3 * shape.inner)
    if spec_of(task).predicts_vocabulary:  # logits with softmax and gradient
        activations += 12 * texts * tokens * shape.vocabulary
    return _PROCESS_BYTES + held + activations


def _parts(plan: Plan, rows: int) -> tuple[float, float, float]:
    """Rows that train, validate and test, as `core.training.run.prepare` divides them. A file's own are not counted."""
    if plan.validation_data is not None:
        return rows, 0.1 * rows, 0.1 * rows
    splits = Preparation.from_json(plan.preparation).splits
    if splits is not None and plan.test_data is None:
        train, validation, test = (len(getattr(splits, name).rows) for name in ("train", "validation", "test"))
        return train, validation, test
    return (0.9 if plan.test_data is not None else 0.8) * rows, 0.1 * rows, 0.1 * rows
