"""The plan in the Trainer's words: `TrainingArguments`. Logging, evaluation and saving are left to the callback."""

import math
from pathlib import Path
from typing import Any

import torch
from transformers import TrainingArguments

from core.errors import LabError
from core.training.plan.plan import Plan


def parts_of_a_batch(plan: Plan, attempt: int = 0) -> tuple[int, int]:
    """Rows that one device takes at once, and in how many such parts it works off its share of a batch.

    With every attempt after the memory ran out the rows are halved, to the next number that divides the share.

    >>> parts_of_a_batch(Plan(data="d", text_column="t", label_column="l", batch_size=24), attempt=2)
    (6, 4)
    """
    share = plan.batch_size // plan.processes
    most = max(1, share // plan.accumulation // 2**attempt)
    rows = next(rows for rows in range(most, 0, -1) if share % rows == 0)
    return rows, share // rows


def training_arguments(
    plan: Plan, *, folder: Path, total_steps: int, precision: str, attempt: int = 0
) -> TrainingArguments:
    """All that the Trainer is given. Raises `LabError` for fp16 without a graphics card."""
    has_card = torch.cuda.is_available()
    if precision == "fp16" and not has_card:
        raise LabError("fp16 needs a graphics card.", "Choose auto, bf16 or fp32.")
    rows, parts = parts_of_a_batch(plan, attempt)
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=plan.epochs,
        per_device_train_batch_size=rows,
        gradient_accumulation_steps=parts,
        learning_rate=plan.learning_rate,
        weight_decay=plan.weight_decay,
        max_grad_norm=plan.max_gradient_norm,
        warmup_steps=round(plan.warmup_share * total_steps),  # a step at least is left to fall in
        lr_scheduler_type=plan.scheduler,
        lr_scheduler_kwargs=_scheduler_options(plan),
        optim="adamw_torch_fused",
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        torch_compile=plan.compile,
        use_cpu=not (has_card or torch.backends.mps.is_available()),
        ddp_backend=None if plan.processes == 1 else "nccl" if has_card else "gloo",
        ddp_find_unused_parameters=False,
        seed=plan.seed,
        logging_nan_inf_filter=False,
        logging_strategy="no",
        eval_strategy="no",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=has_card,
    )


def _scheduler_options(plan: Plan) -> dict[str, Any]:
    if plan.scheduler == "cosine_with_restarts":
        return {"num_cycles": math.ceil(plan.epochs)}  # one for each epoch
    if plan.scheduler == "polynomial":
        return {"power": 2.0, "lr_end": min(1e-7, plan.learning_rate / 100)}
    return {}
