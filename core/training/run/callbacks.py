"""What happens between two steps: events, progress, evaluations, checkpoints, and the stop. Trains nothing."""

import contextlib
import logging
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from core.runs.beat import Beat
from core.runs.events import EventWriter
from core.runs.folder import STOP
from core.runs.status import write_json
from core.training.estimate.estimate import Schedule
from core.training.plan.plan import Plan
from core.training.run.device_use import DeviceUse
from core.training.run.ranks import Ranks
from core.training.run.stopping import LOOK_SECONDS, RandomState, Stopped

if TYPE_CHECKING:
    from core.training.run.trainer import LabTrainer

logger = logging.getLogger(__name__)

_POINTS = 150  # loss points of a run, at least
_POINT_SECONDS = 2.0  # and at least one in so many seconds, more as the run grows longer
_PROGRESS_SECONDS = 1.0
_LATE_SECONDS = 600.0  # after which no evaluation is waited for to save a checkpoint


class Reporter(TrainerCallback):
    """Decides when to evaluate, save and stop, the same on every rank; the first rank writes events and progress.

    `stopped` tells that STOP was seen, `is_settled` that early stopping has ended the training. Up to the last point
    of this session the network has read `tokens`, on all ranks, in `step_seconds`: without evaluations and checkpoints.
    """

    trainer: "LabTrainer"  # set once it is made, which takes this as one of its callbacks

    def __init__(
        self, folder: Path, events: EventWriter, schedule: Schedule, plan: Plan, ranks: Ranks, beat: Beat
    ) -> None:
        self.stopped = False
        self.tokens = 0
        self.step_seconds = 0.0
        self.seconds_before = 0.0  # training time of earlier sessions of this run
        self.step = 0
        self.epoch = 0.0
        self._folder = folder
        self._events = events
        self._schedule = schedule
        self._plan = plan
        self._ranks = ranks
        self._beat = beat
        self._use = DeviceUse()
        self._every = max(1, schedule.steps // _POINTS)
        self._began = self._step_ended = self._last_checkpoint = time.monotonic()
        self._seconds_aside = 0.0  # of this session, for evaluations and checkpoints
        self._last_progress = 0.0
        self._first_step = self._last_point_step = 0
        self._unwritten: list[dict[str, Any]] = []
        self._learning_rate = 0.0
        self._phase = ""
        self._random: RandomState | None = None  # at the end of the last whole step, where one may be abandoned
        self._part_ended = self._began
        self._parts_unlooked = 0  # parts of a step until the next look for a stop
        self._may_cut = False  # an evaluation

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

    @property
    def _seconds_in_steps(self) -> float:
        return self.session_seconds - self._seconds_aside

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Start the clocks of this session, which may begin in the middle of the training."""
        self.step = self._first_step = self._last_point_step = state.global_step
        self.epoch = float(state.epoch or 0.0)
        self._began = self._step_ended = self._last_checkpoint = self._part_ended = time.monotonic()
        self.report("training")

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, *, optimizer: Any, **_: Any) -> None:
        """Note the learning rate that this step is taken with: behind it stands the next one's."""
        self._learning_rate = float(optimizer.param_groups[0]["lr"])

    @property
    def is_settled(self) -> bool:
        """Whether so many evaluations without a better one have passed that the training ends here."""
        return 0 < self._plan.early_stopping <= self.trainer.stale

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the clock of the first part of a step."""
        self._part_ended = time.monotonic()

    def on_substep_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """After a part of a step that is worked off in parts: a stop abandons the step, as if it had not begun."""
        took = self._time_part()
        if self._parts_unlooked > 0:
            self._parts_unlooked -= 1
            return
        stop = (self._folder / STOP).exists()
        # By its own clock each rank would look at another time, and wait for the others for ever.
        stop, self._parts_unlooked = self._ranks.decide((stop, int(LOOK_SECONDS / max(took, 1e-3))))
        if not stop:
            return
        self._obey_stop(control)
        if self._random is not None:  # else this session has not come to the end of a step: nothing is new
            self._random.restore()
            self.trainer.step_metrics.forget_after(state.global_step)
            self._write_point()
            control.should_save = True

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Decide, the same on every rank, whether to evaluate, to save and to stop; write the points that are due."""
        self._time_part()
        self._parts_unlooked = 0
        self.step, self.epoch = state.global_step, float(state.epoch or 0.0)
        is_last = state.global_step >= state.max_steps
        control.should_evaluate = is_last or state.global_step % self._schedule.evaluate_every == 0
        unsaved = time.monotonic() - self._last_checkpoint
        is_time = unsaved >= self._plan.checkpoint_seconds
        is_late = is_time and unsaved >= _LATE_SECONDS
        stop = not is_last and (self._folder / STOP).exists()
        wait = max(_POINT_SECONDS, self.session_seconds / 300)
        is_due = state.global_step % self._every == 0 or self._seconds_in_steps - self.step_seconds >= wait
        # What depends on the clock is decided once, or some ranks would go on and wait for ever.
        stop, is_time, is_late, is_due = self._ranks.decide((stop, is_time, is_late, is_due))
        if stop:
            self._obey_stop(control)
        if is_last:
            self._beat.end()
        if args.gradient_accumulation_steps > 1:
            self._random = RandomState.now()
        control.should_save = stop or is_late or (control.should_evaluate and is_time)
        if is_due or control.should_evaluate or control.should_save:
            self._write_point()
        if time.monotonic() - self._last_progress >= _PROGRESS_SECONDS:
            self.report("training")
        self._step_ended = time.monotonic()

    @contextlib.contextmanager
    def evaluating(self) -> Iterator[None]:
        """Within it, a stop raises `Stopped` after a batch; not after the last step, when the run is let finish."""
        self._may_cut = self.step < self._schedule.steps
        try:
            yield
        except Stopped:
            self.stopped = True
            self._beat.end()
            raise
        finally:
            self._may_cut = False

    def on_scored_batch(self, done: int) -> None:
        """A batch of rows was scored; `done` rows in all."""
        self._beat.move()
        if self._may_cut and (self._folder / STOP).exists():
            raise Stopped

    def _obey_stop(self, control: TrainerControl) -> None:
        self.stopped = control.should_training_stop = True
        self._beat.end()

    def _time_part(self) -> float:
        """Seconds since the last part of a step ended."""
        now = time.monotonic()
        took, self._part_ended = now - self._part_ended, now
        self._beat.takes(took)
        return took

    def on_evaluate(
        self, args: Any, state: TrainerState, control: TrainerControl, metrics: dict[str, float], **_: Any
    ) -> None:
        """Write the scores of an evaluation, and end a training that gets no better."""
        event = {"kind": "evaluation", "step": state.global_step, "epoch": self._rounded_epoch()}
        scores = {name: round(value, 6) for name, value in metrics.items()}
        self._append({**event, "seconds": round(self.seconds, 3), **scores})
        logger.info("step %d: on the validation rows %s", state.global_step, scores)
        if self.is_settled and state.global_step < state.max_steps:
            control.should_training_stop = True
            evaluations = f"{self.trainer.stale} evaluations" if self.trainer.stale > 1 else "one evaluation"
            least = self._plan.early_stopping_threshold
            better = f"better by {least:g} or more" if least else "better"
            message = f"Stopped early at step {state.global_step}: {evaluations} brought nothing {better}."
            self._append({"kind": "note", "message": message})
        self.report("training")
        self._set_aside()

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """A checkpoint was saved: from now on the next one is waited for."""
        self._last_checkpoint = time.monotonic()
        self._set_aside()

    def _set_aside(self) -> None:
        """Leave the time since the end of the step, in which nothing was learned, out of the speed."""
        now = time.monotonic()
        self._seconds_aside += now - self._step_ended
        self._step_ended = now

    def report(self, phase: str) -> None:
        """Write `progress.json`: where the worker is, for the status. A new phase goes to the log, too."""
        if phase != self._phase:
            logger.info("%s (step %d of %d)", phase, self.step, self._schedule.steps)
            self._phase = phase
        self._last_progress = time.monotonic()
        self._beat.move()
        progress = {
            "step": self.step,
            "total_steps": self._schedule.steps,
            "epoch": self._rounded_epoch(),
            "seconds": round(self.seconds, 3),
            "phase": phase,
            "updated": time.time(),
        }
        if self._ranks.is_first:
            write_progress(self._folder, progress)

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps. First the events: those before a checkpoint never happen again. Raises `OSError`."""
        self.write_events()
        return {"seconds": self.seconds, "epoch": self.epoch}

    def take_up(self, step: int, state: dict[str, Any]) -> None:
        """Go on from a checkpoint of `step`, which has kept this `state`."""
        self.seconds_before, self.epoch = float(state["seconds"]), float(state["epoch"])
        self.step = self._first_step = self._last_point_step = step

    def write_events(self) -> None:
        """Write what a full disk has kept back so far. Raises `OSError` when there is still no room."""
        while self._unwritten:
            self._events.append(self._unwritten[0])
            del self._unwritten[0]

    def _append(self, event: dict[str, Any]) -> None:
        """Write an event, or keep it: none may be lost, but a disk full for a moment must not end a training."""
        if self._ranks.is_first:
            self._unwritten.append(event)
            with contextlib.suppress(OSError):
                self.write_events()

    def _write_point(self) -> None:
        if self.step == self._last_point_step:
            return
        point = self.trainer.step_metrics.take(self._ranks)
        now = self._seconds_in_steps
        norm = self.trainer.gradient_norm
        norm = None if norm is None else float(norm)
        rate = self.session_steps / max(self.session_seconds, 1e-9)
        passed = max(now - self.step_seconds, 1e-9)
        self._append(
            {
                "kind": "train",
                "step": self.step,
                "epoch": self._rounded_epoch(),
                "seconds": round(self.seconds, 3),
                "loss": round(point.loss, 6),
                "learning_rate": self._learning_rate,
                "gradient_norm": round(norm, 6) if norm is not None and math.isfinite(norm) else None,
                "examples_per_second": round(point.rows / passed, 2),
                "tokens_per_second": round(point.tokens / passed, 1),
                "padding_share": round(1 - point.tokens / point.slots, 4),
                **self._use.now(),
                "seconds_left": round((self._schedule.steps - self.step) / max(rate, 1e-9), 1),
            }
        )
        self.step_seconds, self._last_point_step = now, self.step
        self.tokens += point.tokens

    def _rounded_epoch(self) -> float:
        return round(self.epoch, 4)


def write_progress(folder: Path, progress: dict[str, Any]) -> None:
    """Replace `progress.json`. Where there is no room, the next one says the same or more; nothing is built on it."""
    with contextlib.suppress(OSError):
        write_json(folder / "progress.json", progress)
