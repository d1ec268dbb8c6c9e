"""One training from its folder to its scores: reads the plan, prepares, trains or continues, saves, scores.

Runs in the worker process, and in tests. Writes into the run folder only (and the speed reached into the workspace).
"""

import logging
import platform
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from core.errors import LabError
from core.machine import machine
from core.models.loading import load_for_training, position_limit
from core.runs.events import EventWriter, forget_after
from core.runs.folder import Run
from core.runs.status import read_json, write_json
from core.training import checkpoints
from core.training.callbacks import Reporter
from core.training.encoding import Batcher, Encoded, encode
from core.training.foresee import remember_speed, schedule
from core.training.plan import Plan
from core.training.precision import choose_precision, training_threads
from core.training.prepare import Prepared, Rows, prepare
from core.training.scoring import logits_of
from core.training.tasks.sequence_classification import write_evaluation
from core.training.trainer import LAB_STATE, LabTrainer, training_arguments

logger = logging.getLogger(__name__)


class Job:
    """A training in a run folder. `run()` ends with "finished" or "stopped", or raises; `step` is how far it came."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plan = Plan.from_yaml(Run(folder).plan_text())
        self._reporter: Reporter | None = None

    @property
    def step(self) -> int:
        return self._reporter.step if self._reporter is not None else 0

    def run(self) -> str:
        """Train from the newest sound checkpoint, or from the start. Raises `LabError` and whatever else goes wrong."""
        checkpoint_folder = self.folder / "checkpoints"
        checkpoints.clear_leftovers(checkpoint_folder)
        self._report("reading the data")
        prepared = prepare(self.plan)
        had_checkpoints = bool(checkpoints.list_checkpoints(checkpoint_folder))
        with EventWriter(self.folder) as events:
            checkpoint = checkpoints.newest_sound(
                checkpoint_folder,
                on_damage=lambda path, reason: events.note(
                    f"The checkpoint of step {checkpoints.step_of(path)} is damaged ({reason}) and is not used."
                ),
            )
        state = self._checked_state(checkpoint, prepared)
        self._write_data(prepared)
        if state is None:
            forget_after(self.folder, 0)
        else:
            forget_after(self.folder, checkpoints.step_of(checkpoint))
        with EventWriter(self.folder) as events:
            if state is not None:
                events.note(f"Continued from the checkpoint of step {checkpoints.step_of(checkpoint)}.")
            elif had_checkpoints:
                events.note("No sound checkpoint is left: the training starts again from its beginning.")
            else:
                for notice in prepared.notices:
                    events.note(notice)
            return self._train(prepared, events, checkpoint, state)

    def _train(
        self, prepared: Prepared, events: EventWriter, checkpoint: Path | None, state: dict[str, Any] | None
    ) -> str:
        plan = self.plan
        self._report("loading the model")
        transformers.set_seed(plan.seed)
        network, tokenizer = load_for_training(plan.model, task=plan.task, labels=prepared.label_names)
        max_length = _checked_length(plan, network.config, tokenizer)
        multiple = 8 if torch.cuda.is_available() else 1

        def batcher(rows: Rows) -> Batcher:
            encoded = encode(tokenizer, rows.texts, rows.pairs, max_length=max_length)
            return Batcher(encoded, np.asarray(rows.labels, np.int64), tokenizer.pad_token_id, multiple)

        train = batcher(prepared.train)
        validation = batcher(prepared.validation) if len(prepared.validation) else None
        if train.encoded.cut_count and state is None:
            share = f"{train.encoded.cut_count} of {len(train.encoded)}"
            events.note(f"{share} training texts are longer than {max_length} pieces and are cut.")
        steps = schedule(plan, len(prepared.train))
        precision = choose_precision(plan.precision)
        reporter = self._reporter = Reporter(
            self.folder, events, steps, batch_size=plan.batch_size, checkpoint_seconds=plan.checkpoint_seconds
        )
        trainer = reporter.trainer = LabTrainer(
            network,
            training_arguments(plan, folder=self.folder, total_steps=steps.steps, precision=precision),
            train=train,
            validation=validation,
            callbacks=[reporter],
            checkpoint_folder=self.folder / "checkpoints",
            lab_state=lambda: {
                "seconds": reporter.seconds,
                "epoch": reporter.epoch,
                "plan": plan.to_yaml(),
                "content_hash": prepared.content_hash,
            },
        )
        trainer.remove_callback(transformers.PrinterCallback)
        self._write_environment(trainer, precision)
        if state is not None:
            reporter.seconds_before = float(state["seconds"])
            reporter.step, reporter.epoch = checkpoints.step_of(checkpoint), float(state["epoch"])
            trainer.restore_best_from(checkpoint, state["best"])
        if state is None or reporter.step < steps.steps:  # the Trainer would take one step more
            trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        else:
            trainer.state.global_step = reporter.step
            trainer._load_from_checkpoint(str(checkpoint))
        if reporter.stopped:
            reporter.report("stopped")
            return "stopped"
        self._remember_speed(reporter, train.encoded, network, precision)
        reporter.report("saving the model")
        trainer.restore_best()
        network = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
        save_model(self.folder / "model", network, tokenizer)
        reporter.report("scoring the held-out rows")
        logits = logits_of(network, batcher(prepared.test))
        write_evaluation(self.folder / "evaluation", prepared, logits)
        reporter.report("finished")
        return "finished"

    def _report(self, phase: str) -> None:
        """What happens before there is a `Reporter`; the step of an earlier session stays."""
        logger.info("%s", phase)
        path = self.folder / "progress.json"
        write_json(path, {**read_json(path), "phase": phase, "updated": time.time()})

    def _checked_state(self, checkpoint: Path | None, prepared: Prepared) -> dict[str, Any] | None:
        """What the checkpoint says of itself. Raises `LabError` when plan or data are no longer those it belongs to."""
        if checkpoint is None:
            return None
        state = read_json(checkpoint / LAB_STATE)
        changes = Plan.from_yaml(state["plan"]).differences(self.plan)
        if state["content_hash"] != prepared.content_hash:
            changes.append("the content of the data file")
        if changes:
            raise LabError(
                f"The plan was changed since this run was interrupted ({'; '.join(changes)}), so it cannot continue.",
                "Start a new run with the changed plan, or undo the change and resume.",
            )
        return state

    def _write_data(self, prepared: Prepared) -> None:
        known = read_json(self.folder / "data.json")
        write_json(
            self.folder / "data.json",
            {
                "name": known.get("name", self.plan.name),
                "data": self.plan.data,
                "content_hash": prepared.content_hash,
                "columns": {
                    "text": self.plan.text_column,
                    "pair": self.plan.pair_column,
                    "label": self.plan.label_column,
                },
                "label_names": list(prepared.label_names),
                "scored_split": prepared.scored_split,
                "row_ids": {
                    "train": list(prepared.train.row_ids),
                    "validation": list(prepared.validation.row_ids),
                    "test": list(prepared.test.row_ids),
                },
                "notices": list(prepared.notices),
            },
        )

    def _write_environment(self, trainer: LabTrainer, precision: str) -> None:
        device = trainer.args.device
        environment = {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "device": str(device),
            "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else machine().processor,
            "threads": torch.get_num_threads(),
            "precision": precision,
            "attention": trainer.model.config._attn_implementation,
        }
        write_json(self.folder / "environment.json", environment)

    def _remember_speed(self, reporter: Reporter, encoded: Encoded, network: Any, precision: str) -> None:
        if reporter.session_steps < 20:  # too short to tell
            return
        pieces = reporter.session_steps * self.plan.batch_size * float(encoded.lengths.mean())
        embeddings = network.get_input_embeddings().weight.numel()
        remember_speed(
            device=next(network.parameters()).device.type,
            precision=precision,
            encoder_weights=network.num_parameters() - embeddings,
            pieces_per_second=pieces / reporter.session_seconds,
        )


def save_model(folder: Path, network: Any, tokenizer: Any) -> None:
    """Save a standard Hugging Face folder, staged beside `folder` and renamed, so that it is whole or not there."""
    staged = folder.with_name(f".staged-{folder.name}")
    shutil.rmtree(staged, ignore_errors=True)
    network.save_pretrained(staged)
    tokenizer.save_pretrained(staged)
    checkpoints.flush(staged)
    if folder.exists():
        shutil.rmtree(folder)
    staged.rename(folder)


def prepare_torch() -> None:
    """Threads and matrix precision of this process; called once, before the first tensor."""
    torch.set_num_threads(training_threads())
    torch.set_flush_denormal(True)
    if torch.cuda.is_available():
        torch.set_float32_matmul_precision("high")


def _checked_length(plan: Plan, config: Any, tokenizer: Any) -> int:
    limit = position_limit(config, tokenizer)
    if plan.max_length > limit:
        problem = f"The maximum length is {plan.max_length} pieces, but this model reads at most {limit}."
        raise LabError(problem, f"Choose a maximum length of {limit} or less.")
    return plan.max_length
