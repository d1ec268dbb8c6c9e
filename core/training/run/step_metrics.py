"""What the steps since the last point came to: loss, rows and tokens read, the room they took. Writes nothing.

Adding a step waits neither for the device nor for other ranks; only a point does.
"""

from dataclasses import dataclass

import numpy as np
import torch

from core.training.run.failures import not_finite
from core.training.run.ranks import Ranks


@dataclass(frozen=True, slots=True)
class Point:
    """Over all ranks. `loss` is the mean of the steps', each weighing its parts and ranks as its gradient does.

    `rows` of batches (texts, pairs, windows or questions with choices), with `tokens`, were read by the network; with
    padding they took `slots`.
    """

    loss: float
    rows: int
    tokens: int
    slots: int


class StepMetrics:
    """Collects parts of steps: of one step as many as it accumulates."""

    def __init__(self) -> None:
        self._parts: list[tuple[int, torch.Tensor, int, torch.Tensor, int]] = []

    def add(self, step: int, loss: torch.Tensor, mask: torch.Tensor) -> None:
        """One part of a step: its share of the step's loss (), and the attention mask of what it read."""
        self._parts.append((step, loss, len(mask), mask.sum(), mask.numel()))

    def forget_after(self, step: int) -> None:
        """Leave out the parts of a step that was abandoned: `step` is the last whole one."""
        self._parts = [part for part in self._parts if part[0] <= step]

    def take(self, ranks: Ranks) -> Point:
        """The point of what was added since the last; every rank must ask for it after the same step.

        Raises `TrainingFailed` naming the first step whose loss is not finite.
        """
        steps, shares, rows, tokens, slots = zip(*self._parts, strict=True)
        losses = torch.stack(shares).float().cpu().numpy()
        wrong = np.flatnonzero(~np.isfinite(losses))
        if len(wrong):
            raise not_finite(steps[wrong[0]], float(losses[wrong[0]]))
        self._parts.clear()
        own = float(losses.sum()) / len(set(steps)), sum(rows), int(torch.stack(tokens).sum()), sum(slots)
        loss, *counts = map(sum, zip(*ranks.gather(own), strict=True))
        return Point(loss / ranks.count, *counts)  # gradients are averaged over ranks, not added up
