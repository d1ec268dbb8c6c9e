"""What a training writes down about itself beside its events: data, environment, and the speed it reached."""

import contextlib
import platform
from pathlib import Path
from typing import Any

import torch
import transformers

from core.machine import machine
from core.runs.folder import ROW_IDS
from core.runs.status import read_json, write_json
from core.training.batches.examples import Prepared, row_ids_hash
from core.training.estimate.estimate import work_per_token
from core.training.estimate.shapes import shape_of
from core.training.estimate.speeds import remember_speed
from core.training.plan.plan import Plan
from core.training.run.callbacks import Reporter

_FEWEST_STEPS = 20  # fewer are too short to tell a speed


def write_data(folder: Path, plan: Plan, prepared: Prepared) -> None:
    """`row_ids.json`: the row ids of each split. `data.json`: name, file, hash, columns by their part in the task,
    labels and a hash of the row ids of each split, so that lists of runs need not read millions of them."""
    known = read_json(folder / "data.json")
    parts = {"train": prepared.train, "validation": prepared.validation, "test": prepared.test}
    ids = {name: list(rows.row_ids) for name, rows in parts.items()}
    write_json(folder / ROW_IDS, ids)
    write_json(
        folder / "data.json",
        {
            "name": known.get("name", plan.name),
            "data": plan.data,
            "content_hash": prepared.content_hash,
            "task": plan.task,
            "columns": {part: list(columns) for part, columns in plan.mapping().columns},
            "label_names": list(prepared.label_names),
            "scored_split": prepared.scored_split,
            "row_ids_hash": {name: row_ids_hash(own) for name, own in ids.items()},
            "notices": list(prepared.notices),
        },
    )


def write_environment(folder: Path, network: Any, device: torch.device, precision: str, processes: int) -> None:
    """`environment.json`: versions, device, threads, precision, kind of attention and number of processes."""
    write_json(
        folder / "environment.json",
        {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "device": str(device),
            "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else machine().processor,
            "processes": processes,
            "threads": torch.get_num_threads(),
            "precision": precision,
            "attention": network.config._attn_implementation,
        },
    )


def keep_speed(plan: Plan, reporter: Reporter, mean_tokens: float, precision: str) -> None:
    """Remember what this session reached, for the next estimate; a short one tells nothing.

    `mean_tokens`: of a text, as it decides what attention costs.
    """
    if reporter.session_steps < _FEWEST_STEPS:
        return
    work = work_per_token(
        shape_of(plan.model), task=plan.task, tokens=mean_tokens,
        frozen_layers=plan.frozen_layers, lora_rank=plan.lora_rank,
    )  # fmt: skip
    device = reporter.trainer.args.device.type
    devices = plan.processes if device == "cuda" else 1  # a processor is one, however many processes share it
    reached = sum(work) * reporter.tokens / devices / reporter.step_seconds
    with contextlib.suppress(OSError):  # worth less than the model, which is yet to be saved
        for name in {plan.precision, precision}:  # "auto", and what it was here
            remember_speed(device=device, precision=name, operations_per_second=reached)
