"""The folder of a trained model: weights, tokenizer, how it reads texts, and a card. Trains nothing."""

from pathlib import Path
from typing import Any

from core.models.inference_settings import FILE, InferenceSettings, write_settings
from core.training.batches.examples import Prepared
from core.training.plan.plan import Plan
from core.training.run import checkpoints
from core.training.tasks.task import Task


def inference_settings(plan: Plan, task: Task, prepared: Prepared, position_limit: int) -> InferenceSettings:
    """How the rows of a run are scored, for everyone who predicts with its model later."""
    return InferenceSettings(
        max_length=plan.max_length,
        position_limit=position_limit,
        task=task.spec.name,
        **task.inference_options(plan, prepared),
    )


def model_card(task: Task, settings: InferenceSettings, *, has_pairs: bool = False, mask: str = "[MASK]") -> str:
    """The README.md of the folder, with the head that model hubs read: how plain transformers answer as scored.

    `has_pairs`: the task's texts come in pairs.
    """
    how = task.how_to_use(settings, has_pairs=has_pairs, mask=mask)
    return (
        f"---\nlibrary_name: transformers\npipeline_tag: {task.spec.pipeline}\n---\n\n"
        f"# A model for {task.spec.name}, trained with BERT Lab\n\n"
        f"The scores of this model were measured on inputs of at most {settings.max_length} tokens, special tokens "
        f"included. The tokenizer in this folder carries this length, and `{FILE}` all that BERT Lab goes by. To get "
        f"the same answers:\n\n{how}"
    )


def save_model(
    folder: Path, network: Any, tokenizer: Any, *, settings: InferenceSettings | None = None, card: str = ""
) -> None:
    """Save a standard Hugging Face folder, staged beside `folder` and renamed, so that it is whole or not there.

    With `settings` the saved tokenizer's `model_max_length` is the length that was scored, which pipelines cut at.
    `card` becomes its README.md.
    """
    tokenizer.backend_tokenizer.no_truncation()  # encoding left the plan's in it, and the file would carry it on
    tokenizer.backend_tokenizer.no_padding()
    if settings is not None:
        tokenizer.model_max_length = settings.max_length
    with checkpoints.staged(folder) as stage:
        network.save_pretrained(stage)
        tokenizer.save_pretrained(stage)
        if settings is not None:
            write_settings(stage, settings)
        if card:
            (stage / "README.md").write_text(card, encoding="utf-8")
        checkpoints.flush(stage)
