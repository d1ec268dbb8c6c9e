"""What happens between two steps: events, progress, evaluations, checkpoints, and the stop. Trains nothing."""

import logging
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from core.runs.events import EventWriter
from core.runs.folder import STOP
from core.runs.status import write_json
from core.training.foresee import Schedule

if TYPE_CHECKING:
    from core.training.trainer import LabTrainer

logger = logging.getLogger(__name__)

_POINTS = 150  # loss points of a run, at least
_POINT_SECONDS = 2.0  # and at least one in so many seconds, more as the run grows longer
_PROGRESS_SECONDS = 1.0


class Reporter(TrainerCallback):
    """Writes events and progress, and decides when to evaluate, save and stop. `stopped` tells that STOP was seen."""

    def __init__(
        self, folder: Path, events: EventWriter, schedule: Schedule, *, batch_size: int, checkpoint_seconds: float
    ) -> None:
        self.trainer: LabTrainer | None = None
        self.stopped = False
        self.seconds_before = 0.0  # training time of earlier sessions of this run
        self.step = 0
        self.epoch = 0.0
        self._folder = folder
        self._events = events
        self._schedule = schedule
        self._batch_size = batch_size
        self._checkpoint_seconds = checkpoint_seconds
        self._every = max(1, schedule.steps // _POINTS)
        self._began = self._last_point = self._last_checkpoint = time.monotonic()
        self._last_progress = 0.0
        self._first_step = self._last_point_step = 0
        self._learning_rate = 0.0
        self._phase = ""

    @property
    def seconds(self) -> float:
        """Training time so far, over all sessions of the run."""
        return self.seconds_before + time.monotonic() - self._began

    @property
    def session_steps(self) -> int:
        """Steps since this session began."""
        return self.step - self._first_step

    @property
    def session_seconds(self) -> float:
        """Time since this session began to train."""
        return time.monotonic() - self._began

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.step = self._first_step = self._last_point_step = state.global_step
        self.epoch = float(state.epoch or 0.0)
        self._began = self._last_point = self._last_checkpoint = time.monotonic()
        self.report("training")

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, *, optimizer: Any, **_: Any) -> None:
        self._learning_rate = float(optimizer.param_groups[0]["lr"])

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.step, self.epoch = state.global_step, float(state.epoch or 0.0)
        is_last = state.global_step >= state.max_steps
        if not is_last and (self._folder / STOP).exists():
            self.stopped = control.should_training_stop = control.should_save = True
        if is_last or state.global_step % self._schedule.evaluate_every == 0:
            control.should_evaluate = True
            if time.monotonic() - self._last_checkpoint >= self._checkpoint_seconds:
                control.should_save = True
        wait = max(_POINT_SECONDS, self.session_seconds / 300)
        is_due = state.global_step % self._every == 0 or time.monotonic() - self._last_point >= wait
        if is_due or control.should_evaluate or control.should_save:
            self._write_point()
        if time.monotonic() - self._last_progress >= _PROGRESS_SECONDS:
            self.report("training")

    def on_evaluate(self, args: Any, state: TrainerState, control: Any, metrics: dict[str, float], **_: Any) -> None:
        event = {"kind": "evaluation", "step": state.global_step, "epoch": self._rounded_epoch()}
        scores = {name: round(metrics[name], 6) for name in ("loss", "accuracy", "macro_f1")}
        self._events.append({**event, "seconds": round(self.seconds, 3), **scores})
        logger.info("step %d: on the validation rows %s", state.global_step, scores)
        self.report("training")

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._last_checkpoint = time.monotonic()

    def report(self, phase: str) -> None:
        """Write `progress.json`: where the worker is, for the status. A new phase goes to the log, too."""
        if phase != self._phase:
            logger.info("%s (step %d of %d)", phase, self.step, self._schedule.steps)
            self._phase = phase
        self._last_progress = time.monotonic()
        progress = {
            "step": self.step,
            "total_steps": self._schedule.steps,
            "epoch": self._rounded_epoch(),
            "seconds": round(self.seconds, 3),
            "phase": phase,
            "updated": time.time(),
        }
        write_json(self._folder / "progress.json", progress)

    def _write_point(self) -> None:
        now = time.monotonic()
        steps = self.step - self._last_point_step
        if not steps:
            return
        norm = self.trainer.gradient_norm
        norm = None if norm is None else float(norm)
        rate = self.session_steps / max(self.session_seconds, 1e-9)
        self._events.append(
            {
                "kind": "train",
                "step": self.step,
                "epoch": self._rounded_epoch(),
                "seconds": round(self.seconds, 3),
                "loss": round(self.trainer.take_loss(), 6),
                "learning_rate": self._learning_rate,
                "gradient_norm": round(norm, 6) if norm is not None and math.isfinite(norm) else None,
                "examples_per_second": round(steps * self._batch_size / max(now - self._last_point, 1e-9), 2),
                "seconds_left": round((self._schedule.steps - self.step) / max(rate, 1e-9), 1),
            }
        )
        self._last_point, self._last_point_step = now, self.step

    def _rounded_epoch(self) -> float:
        return round(self.epoch, 4)
