"""Loss, rows, tokens, padding and speed between two points, against numbers worked out by hand."""

import dataclasses
import math
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from core.training.batches.encoding import SimilarLengths
from core.training.plan.plan import Plan
from core.training.run import callbacks, checkpoints, records
from core.training.run.callbacks import Reporter
from core.training.run.failures import TrainingFailed
from core.training.run.network import open_network
from core.training.run.prepare import prepare
from core.training.run.ranks import Ranks
from core.training.run.step_metrics import Point, StepMetrics
from core.training.run.trainer import LabTrainer
from core.training.tasks import task_of
from tests.tiny_training import tiny_plan, train_here, without_dropout  # noqa: F401


class Beside(Ranks):
    """One of two ranks; the other gave `other`."""

    def __init__(self, other: tuple[float, int, int, int]) -> None:
        super().__init__(0, 2)
        object.__setattr__(self, "_other", other)

    def gather(self, value: Any) -> list[Any]:
        return [value, self._other]


def mask(*lengths: int) -> torch.Tensor:
    return torch.tensor([[1] * length + [0] * (max(lengths) - length) for length in lengths])


def filled() -> StepMetrics:
    step_metrics = StepMetrics()
    step_metrics.add(4, torch.tensor(0.5), mask(3, 1))  # two parts of one step: shares of its loss
    step_metrics.add(4, torch.tensor(0.25), mask(2, 2))
    step_metrics.add(5, torch.tensor(1.25), mask(5))
    return step_metrics


def test_a_step_s_parts_are_added_and_steps_averaged() -> None:
    step_metrics = filled()
    assert step_metrics.take(Ranks()) == Point(loss=(0.75 + 1.25) / 2, rows=5, tokens=13, slots=15)
    step_metrics.add(6, torch.tensor(2.0), mask(1))
    assert step_metrics.take(Ranks()) == Point(loss=2.0, rows=1, tokens=1, slots=1)  # nothing is counted twice


def test_ranks_losses_are_averaged_and_their_tokens_added() -> None:
    assert filled().take(Beside((3.0, 7, 20, 30))) == Point(loss=(1.0 + 3.0) / 2, rows=12, tokens=33, slots=45)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_D07_the_first_step_that_is_not_finite_is_named(value: float) -> None:
    step_metrics = filled()
    for step in (6, 7):
        step_metrics.add(step, torch.tensor(value), mask(1))
    with pytest.raises(TrainingFailed, match="step 6"):
        step_metrics.take(Ranks())


def test_what_is_counted_is_what_the_step_has_read(plan: Plan, tiny_model_folder: Path) -> None:
    """The loader fetches a batch ahead; it belongs to the step that learns from it. The last batch is not full."""
    plan = dataclasses.replace(
        plan, model=without_dropout(tiny_model_folder), epochs=1.0, batch_size=20, accumulation=4
    )
    run, _ = train_here(plan)
    events = [event for event in run.events() if event["kind"] == "train"]
    per_row = [event["tokens_per_second"] / event["examples_per_second"] for event in events]
    task = task_of(plan.task)
    prepared = prepare(plan, task)
    batches = task.encode(open_network(plan, task, prepared.label_names)[1], prepared.train, plan)
    order = list(SimilarLengths(batches.lengths, plan.batch_size, plan.seed))
    steps = [order[start : start + 20] for start in range(0, len(order), 20)]
    assert [len(step) for step in steps] == [20, 20, 8]
    assert per_row == pytest.approx([batches.lengths[step].mean() for step in steps], rel=0.01)
    parts = [[batches.lengths[step[start : start + 5]] for start in range(0, len(step), 5)] for step in steps]
    slots = [sum(len(part) * part.max() for part in of_step) for of_step in parts]
    padding = [1 - batches.lengths[step].sum() / taken for step, taken in zip(steps, slots, strict=True)]
    assert [event["padding_share"] for event in events] == pytest.approx(padding, abs=1e-4)


def test_evaluations_and_checkpoints_are_left_out_of_the_speed(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that goes on by a quarter of a second in each step, and by ten in whatever else takes time."""
    now = [0.0]

    def takes(seconds: float, owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def taking(*arguments: Any, **options: Any) -> Any:
            now[0] += seconds
            return original(*arguments, **options)

        monkeypatch.setattr(owner, name, taking)

    reporters: list[Reporter] = []
    monkeypatch.setattr(records, "keep_speed", lambda plan, reporter, *_: reporters.append(reporter))
    monkeypatch.setattr(callbacks, "time", SimpleNamespace(monotonic=lambda: now[0], time=time.time))
    takes(0.25, LabTrainer, "training_step")
    takes(10.0, type(task_of(plan.task)), "quick_scores")
    takes(10.0, checkpoints, "save_checkpoint")
    run, _ = train_here(dataclasses.replace(plan, epochs=1.0))  # evaluated and saved after steps 3 and 6
    events = [event for event in run.events() if event["kind"] == "train"]
    assert [event["examples_per_second"] for event in events] == [8 / 0.25] * 6
    assert events[3]["seconds_left"] == 2 * 21 / 4  # for which they count
    assert (reporters[0].step_seconds, reporters[0].session_seconds) == (1.5, 41.5)
