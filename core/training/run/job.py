"""One training from its folder to its scores: reads the plan, prepares, trains or continues, saves, scores.

Runs in the worker process, or in several as ranks of one training, and in tests. Writes into the run folder only (and
the speed reached into the workspace); of several ranks only the first writes.
"""

import logging
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers

from core.errors import LabError
from core.models.loading import position_limit
from core.runs.beat import Beat
from core.runs.events import EventWriter
from core.runs.folder import CHECKPOINTS, STOP, Run
from core.runs.status import read_json, write_json
from core.training.batches.encoding import padding_multiple
from core.training.batches.examples import Prepared, Rows
from core.training.estimate.estimate import schedule
from core.training.estimate.precision import choose_precision, training_threads
from core.training.plan.combinations import stops_nothing
from core.training.plan.plan import Plan
from core.training.run import checkpoints, records
from core.training.run.callbacks import Reporter, write_progress
from core.training.run.model_folder import inference_settings, model_card, save_model
from core.training.run.network import add_lora, open_network
from core.training.run.prepare import prepare
from core.training.run.ranks import Ranks
from core.training.run.resume import find_checkpoint
from core.training.run.scoring import full_precision, outputs_of
from core.training.run.stopping import Found, Stopped, unless_stopped
from core.training.run.trainer import LAB_STATE, LabTrainer
from core.training.run.trainer_arguments import parts_of_a_batch, training_arguments
from core.training.tasks import task_of
from core.training.tasks.task import Batches

logger = logging.getLogger(__name__)


class Job:
    """A training in a run folder. `run()` ends with "finished" or "stopped", or raises; `step` is how far it came.

    `attempt` counts how often the memory ran out before, on top of how often it had for the checkpoint that is
    continued: each time a batch is worked off in twice as many parts.
    """

    def __init__(self, folder: Path, *, ranks: Ranks | None = None, attempt: int = 0, beat: Beat | None = None) -> None:
        self.folder = folder
        self.plan = Plan.of_record(Run(folder).plan_text())
        self.task = task_of(self.plan.task)
        self.ranks = ranks or Ranks()
        self._attempt = attempt
        self._beat = beat or Beat(folder, "")  # nobody watches
        self._reporter: Reporter | None = None

    @property
    def step(self) -> int:
        """How many steps are done; 0 before the training begins."""
        return self._reporter.step if self._reporter is not None else 0

    @property
    def is_training(self) -> bool:
        """Whether everything is read and encoded."""
        return self._reporter is not None

    @property
    def is_smallest(self) -> bool:
        """Whether a batch is worked off row by row already, so that another attempt would need as much memory."""
        return parts_of_a_batch(self.plan, self._attempt)[0] == 1

    def run(self) -> str:
        """Train from the newest sound checkpoint, or from the start. Raises `LabError` and whatever else goes wrong."""
        try:
            return self._run()
        except Stopped:
            return "stopped"

    def _run(self) -> str:
        self._report("reading the data")
        prepared = self._unless_stopped(lambda: prepare(self.plan, self.task))
        self.ranks.require_same(_facts(prepared))
        found = find_checkpoint(self.folder, self.plan, prepared) if self.ranks.is_first else None
        checkpoint = self.ranks.decide(found)
        state = None if checkpoint is None else read_json(checkpoint / LAB_STATE)
        self._attempt += 0 if state is None else int(state.get("attempt", 0))
        with EventWriter(self.folder) as events:
            return self._train(prepared, events, checkpoint, state)

    def _train(
        self, prepared: Prepared, events: EventWriter, checkpoint: Path | None, state: dict[str, Any] | None
    ) -> str:
        plan, task, ranks = self.plan, self.task, self.ranks
        self._report("loading the model")
        network, tokenizer = self._unless_stopped(lambda: open_network(plan, task, prepared.label_names))
        task.begin(network, prepared.train)
        tuner = add_lora(plan, network) if plan.lora_rank else None
        _check_length(plan, network.config, tokenizer)
        multiple = padding_multiple(position_limit(network.config, tokenizer))

        def batches_of(rows: Rows) -> Batches:
            return self._unless_stopped(lambda: task.encode(tokenizer, rows, plan, multiple=multiple))

        train = batches_of(prepared.train)
        if train.cut_count and state is None and ranks.is_first:
            share = f"{train.cut_count} of {len(prepared.train)}"
            events.note(f"{share} training texts are longer than {plan.max_length} tokens and are cut.")
        validation = batches_of(prepared.validation) if len(prepared.validation) else None

        def validate(batches: Batches) -> dict[str, float]:
            with reporter.evaluating():
                found = self._outputs(trainer.model, batches, ranks)
            return task.quick_scores(found, batches, prepared.validation, prepared.label_names)

        test = batches_of(prepared.test)  # now: what cannot be read is reported before hours of training
        steps = schedule(plan, len(train))
        ranks.require_same({"the tokens of the texts": int(train.lengths.sum()), "the number of steps": steps.steps})
        precision = choose_precision(plan.precision)
        reporter = self._reporter = Reporter(self.folder, events, steps, plan, ranks, self._beat)
        trainer = reporter.trainer = LabTrainer(
            network,
            training_arguments(
                plan, folder=self.folder, total_steps=steps.steps, precision=precision, attempt=self._attempt
            ),
            train=train,
            step_rows=plan.batch_size,
            validate=None if validation is None else lambda: validate(validation),
            best=task.best,
            least_gain=plan.early_stopping_threshold,
            loss=task.loss(plan, prepared.train, len(prepared.label_names)),
            callbacks=[reporter],
            checkpoint_folder=self.folder / CHECKPOINTS,
            lab_state=lambda: {
                **reporter.state(),
                "attempt": self._attempt,
                "plan": plan.to_yaml(),
                "content_hash": prepared.content_hash,
            },
            ranks=ranks,
        )
        trainer.remove_callback(transformers.PrinterCallback)
        if ranks.is_first:
            records.write_environment(self.folder, network, trainer.args.device, precision, ranks.count)
            if self._attempt:
                rows, parts = parts_of_a_batch(plan, self._attempt)
                size = "one row" if rows == 1 else f"{rows} rows"
                events.note(f"A batch of {plan.batch_size} is now worked off in {parts} parts of {size}.")
            evaluations = math.ceil(steps.steps / steps.evaluate_every)
            if state is None and (note := stops_nothing(plan.early_stopping, evaluations)):
                events.note(note)
        if checkpoint is not None and state is not None:
            reporter.take_up(checkpoints.step_of(checkpoint), state)
            trainer.restore_best_from(checkpoint, state["best"], int(state.get("stale", 0)), state.get("mark"))
            trainer.evaluation_due = bool(state.get("evaluation_due", False))
        if state is None or (reporter.step < steps.steps and not reporter.is_settled):
            trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        else:  # nothing is left to train, and the Trainer would take one step more
            trainer.state.global_step = reporter.step
            trainer._load_from_checkpoint(str(checkpoint))
        self._beat.end()
        if reporter.stopped:
            reporter.report("stopped")
            return "stopped"

        def finish() -> None:
            reporter.report("saving the model")
            trainer.restore_best()
            trainer.end_autocast()
            records.keep_speed(plan, reporter, float(train.lengths.mean()), precision)
            trained = network if tuner is None else tuner.merge_and_unload()
            settings = inference_settings(plan, task, prepared, position_limit(network.config, tokenizer))
            card = model_card(task, settings, has_pairs=prepared.test.pairs is not None, mask=str(tokenizer.mask_token))
            save_model(self.folder / "model", trained, tokenizer, settings=settings, card=card)
            reporter.report("scoring the held-out rows")
            self._score(prepared, trained, test)
            reporter.write_events()
            reporter.report("finished")

        ranks.first_alone(finish)
        return "finished"

    def _score(self, prepared: Prepared, network: Any, batches: Batches) -> None:
        """Score the held-out rows with the weights that were saved. By the first rank, which alone has the best."""
        folder = self.folder / "evaluation"
        folder.mkdir(exist_ok=True)
        with full_precision():
            found = self._outputs(network, batches)
        metrics = self.task.evaluate(folder, prepared, found, batches)
        metrics |= {"task": self.plan.task, "split": prepared.scored_split}
        if self.task.compares_with_start:
            start, _ = open_network(self.plan, self.task, prepared.label_names)
            with full_precision():
                found = self._outputs(start.to(network.device), batches)
            metrics["before"] = self.task.quick_scores(found, batches, prepared.test, prepared.label_names)
        write_json(folder / "metrics.json", metrics)  # last: where it is, the rest is too

    def _outputs(self, network: Any, batches: Batches, ranks: Ranks | None = None) -> list[Any]:
        """Scores no more rows at once than are trained on at once, which takes more memory."""
        rows, _ = parts_of_a_batch(self.plan, self._attempt)
        assert self._reporter is not None  # it is there before anything is scored
        return outputs_of(
            network, batches, self.task.outputs,
            batch_size=min(64, rows), ranks=ranks, on_batch=self._reporter.on_scored_batch,
        )  # fmt: skip

    def _unless_stopped(self, work: Callable[[], Found]) -> Found:
        return unless_stopped((self.folder / STOP).exists, self.ranks, work)

    def _report(self, phase: str) -> None:
        """What happens before there is a `Reporter`; the step of an earlier session stays."""
        if not self.ranks.is_first:
            return
        logger.info("%s", phase)
        known = read_json(self.folder / "progress.json")
        write_progress(self.folder, {**known, "phase": phase, "updated": time.time()})


def prepare_torch() -> None:
    """Threads and matrix precision of this process; called once, before the first tensor."""
    torch.set_num_threads(max(1, training_threads() // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))
    torch.set_flush_denormal(True)
    if torch.cuda.is_available():
        torch.set_float32_matmul_precision("high")


def _facts(prepared: Prepared) -> dict[str, Any]:
    """By what two ranks that read different data are told apart."""
    parts = {"training": prepared.train, "validation": prepared.validation, "test": prepared.test}
    counts = {f"the number of {name} rows": len(rows) for name, rows in parts.items()}
    return {"the content of the data": prepared.content_hash, **counts}


def _check_length(plan: Plan, config: Any, tokenizer: Any) -> None:
    limit = position_limit(config, tokenizer)
    if plan.max_length > limit:
        problem = f"The maximum length is {plan.max_length} tokens, but this model reads at most {limit}."
        raise LabError(problem, f"Choose a maximum length of {limit} or less.")
