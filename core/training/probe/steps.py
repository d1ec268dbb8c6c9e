"""What a probe does in its process: makes rows of random words, and times the Trainer's own steps on them.

The rows go through the task's own encoding, so that a step has the shape, the loss and the memory of a real one.
"""

import dataclasses
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers import TrainerCallback

from core.models.loading import position_limit
from core.training.batches.encoding import padding_multiple
from core.training.batches.examples import Rows
from core.training.estimate.estimate import Measured
from core.training.estimate.precision import choose_precision
from core.training.estimate.token_lengths import Load
from core.training.plan.plan import Plan
from core.training.run.job import prepare_torch
from core.training.run.network import add_lora, open_network
from core.training.run.ranks import Ranks
from core.training.run.trainer import LabTrainer
from core.training.run.trainer_arguments import training_arguments
from core.training.tasks import task_of

_STEPS = 8  # that are timed, at most
_ENOUGH_SECONDS = 15.0


class _Clock(TrainerCallback):
    """When each step ended; stops the training when it knows enough."""

    def __init__(self, warm_steps: int) -> None:
        self.ends: list[float] = []
        self._warm_steps = warm_steps
        self._began = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.ends.append(time.monotonic())
        timed = len(self.ends) - self._warm_steps
        control.should_training_stop = timed >= _STEPS or (timed > 0 and self.ends[-1] - self._began > _ENOUGH_SECONDS)


def measure(plan: Plan, load: Load, folder: Path) -> Measured:
    """Seconds of a step of usual length, and the peak of memory over steps with the longest texts.

    Of several devices one is measured, with its share of a batch. Raises what a training raises.
    """
    prepare_torch()
    alone = dataclasses.replace(plan, processes=1, batch_size=plan.batch_size // plan.processes, epochs=1.0)
    task = task_of(plan.task)
    network, tokenizer = open_network(alone, task, task.probe_labels)
    if alone.lora_rank:
        add_lora(alone, network)
    words = _words(tokenizer)
    warm_steps = 3 if alone.compile else 1  # what is compiled for one length is compiled again for the next
    counts = [load.longest] * alone.batch_size
    counts += [max(4, round(load.tokens))] * ((warm_steps + _STEPS - 1) * alone.batch_size)
    rows = random_rows(alone, load, counts, words)
    clock = _Clock(warm_steps)
    trainer = _Ordered(
        network,
        training_arguments(
            alone, folder=folder, total_steps=warm_steps + _STEPS, precision=choose_precision(alone.precision)
        ),
        train=task.encode(tokenizer, rows, alone, multiple=padding_multiple(position_limit(network.config, tokenizer))),
        step_rows=alone.batch_size,
        validate=None,
        best=task.best,
        loss=task.loss(alone, rows, len(task.probe_labels)),
        callbacks=[clock],
        checkpoint_folder=folder,
        lab_state=dict,
        ranks=Ranks(),
    )
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train()
    seconds = np.diff(clock.ends)[warm_steps - 1 :]
    memory = _peak()
    if not torch.cuda.is_available():
        memory += 4 * network.num_parameters()  # a training also holds the best weights so far
    return Measured(seconds_per_step=float(np.median(seconds)), memory_bytes=memory)


class _Ordered(LabTrainer):
    """Takes the rows as they come, the longest first, and for as many epochs as it needs steps."""

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return torch.utils.data.SequentialSampler(train_dataset)


def random_rows(plan: Plan, load: Load, counts: list[int], words: list[str]) -> Rows:
    """A row for each count, of about so many tokens, in the form of the plan's task (see `Rows`)."""
    random = np.random.default_rng(0)

    def text(count: int) -> list[str]:
        return random.choice(words, max(1, count)).tolist()

    has_pairs = plan.pair_column is not None
    return task_of(plan.task).random_rows(counts, text, has_pairs=has_pairs, sequences=load.sequences)


def _joined(texts: Any) -> list[str]:
    return [" ".join(each) for each in texts]


def _words(tokenizer: Any) -> list[str]:
    """Words of one token each: those of the vocabulary that the tokenizer gives back whole."""
    found = [word for word in tokenizer.get_vocab() if word.isalpha() and word.isascii()]
    whole = [word for word in found[:4000] if len(tokenizer.tokenize(word)) == 1]
    return whole or found or ["a"]


def _peak() -> int:
    """Bytes at most: on a card what torch held there, else of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_reserved()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
