"""transformers' Trainer, with the parts replaced that would cost time or correctness.

Replaced: batches of similar length in random order; evaluation in order and without touching the random state;
checkpoints that are whole or not there; NaN stops the run; the best weights are kept in memory.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, Trainer, TrainerCallback, TrainingArguments

from core.training import checkpoints
from core.training.encoding import Batcher, Positions, SimilarLengths
from core.training.failures import not_finite
from core.training.metrics import quick_scores
from core.training.plan import Plan
from core.training.scoring import logits_of

LAB_STATE = "lab_state.json"  # in a checkpoint: training seconds, best evaluation so far, plan and data it belongs to


class LabTrainer(Trainer):
    """Trains one network on one `Batcher`. `lab_state()` is stored in each checkpoint, `best` survives a resume."""

    def __init__(
        self,
        network: PreTrainedModel,
        arguments: TrainingArguments,
        *,
        train: Batcher,
        validation: Batcher | None,
        callbacks: list[TrainerCallback],
        checkpoint_folder: Path,
        lab_state: Callable[[], dict[str, Any]],
    ) -> None:
        self._validation = validation
        self._train_lengths = train.encoded.lengths
        self._checkpoint_folder = checkpoint_folder
        self._lab_state = lab_state
        self.best: dict[str, float] | None = None
        self._best_weights: dict[str, torch.Tensor] | None = None
        self.step_losses: list[torch.Tensor] = []  # since the last report
        self.gradient_norm: float | torch.Tensor | None = None
        positions = Positions(len(train.encoded))
        super().__init__(
            model=network, args=arguments, data_collator=train, train_dataset=positions, callbacks=callbacks
        )

    def _get_train_sampler(self, train_dataset: Any = None) -> SimilarLengths:
        return SimilarLengths(self._train_lengths, self.args.train_batch_size, self.args.seed)

    def training_step(self, *arguments: Any, **options: Any) -> torch.Tensor:
        loss = super().training_step(*arguments, **options)
        if loss.device.type == "cpu" and not torch.isfinite(loss):  # elsewhere at the next report: no waiting per step
            raise not_finite(self.state.global_step + 1, loss.item())
        self.step_losses.append(loss)
        return loss

    def take_loss(self) -> float:
        """The mean loss of the steps since the last call. Raises `TrainingFailed` naming the first not finite."""
        losses = torch.stack(self.step_losses).float().cpu().numpy()
        wrong = np.flatnonzero(~np.isfinite(losses))
        if len(wrong):
            raise not_finite(self.state.global_step - len(losses) + int(wrong[0]) + 1, float(losses[wrong[0]]))
        self.step_losses.clear()
        return float(losses.mean())

    def _get_grad_norm(self, *arguments: Any, **options: Any) -> Any:
        self.gradient_norm = super()._get_grad_norm(*arguments, **options)
        return self.gradient_norm

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        return 0  # counted for a log that nobody reads

    def evaluate(self, *arguments: Any, **options: Any) -> dict[str, float]:
        """Score the validation rows; remember the weights if they are the best so far (macro F1, then lower loss)."""
        if self._validation is None:
            return {}
        logits = logits_of(self.model, self._validation)
        scores = quick_scores(logits, self._validation.labels)
        if not math.isfinite(scores["loss"]):
            raise not_finite(self.state.global_step, scores["loss"])
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, scores)
        rank = (scores["macro_f1"], -scores["loss"])
        if self.best is None or rank > (self.best["macro_f1"], -self.best["loss"]):
            self.best = {"step": self.state.global_step, **scores}
            self._remember_weights()
        return scores

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        return False

    def _remember_weights(self) -> None:
        weights = self.model.state_dict()
        if self._best_weights is None:
            self._best_weights = {name: value.detach().to("cpu", copy=True) for name, value in weights.items()}
        else:
            for name, value in weights.items():
                self._best_weights[name].copy_(value)

    def restore_best(self) -> None:
        """Put the best weights into the network; without any evaluation it stays as it is."""
        if self._best_weights is not None and self.best["step"] != self.state.global_step:
            self.model.load_state_dict(self._best_weights)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        checkpoints.save_checkpoint(self._checkpoint_folder, self.state.global_step, self._write_checkpoint)

    def _write_checkpoint(self, folder: Path) -> None:
        self.model.save_pretrained(folder)
        if self.best is not None and self.best["step"] != self.state.global_step:
            self.model.save_pretrained(folder / "best", state_dict=self._best_weights)
        self._save_optimizer_and_scheduler(str(folder))
        self._save_scaler(str(folder))
        self._save_rng_state(str(folder))
        self.state.save_to_json(str(folder / "trainer_state.json"))
        lab = {**self._lab_state(), "best": self.best}
        (folder / LAB_STATE).write_text(json.dumps(lab, allow_nan=False), encoding="utf-8")

    def restore_best_from(self, checkpoint: Path, best: dict[str, float] | None) -> None:
        """Take up the best weights so far from a checkpoint that is being resumed."""
        from safetensors.torch import load_file

        self.best = best
        if best is not None:
            folder = checkpoint if best["step"] == checkpoints.step_of(checkpoint) else checkpoint / "best"
            stored = load_file(folder / "model.safetensors")
            weights = self.model.state_dict()
            self._best_weights = {name: stored.get(name, weights[name]).to("cpu", copy=True) for name in weights}


def training_arguments(plan: Plan, *, folder: Path, total_steps: int, precision: str) -> TrainingArguments:
    """The plan in the Trainer's words. Logging, evaluation and saving are left to the callback."""
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=plan.epochs,
        per_device_train_batch_size=plan.batch_size,
        learning_rate=plan.learning_rate,
        weight_decay=plan.weight_decay,
        max_grad_norm=plan.max_gradient_norm,
        warmup_steps=round(plan.warmup_share * total_steps),
        lr_scheduler_type="linear",
        optim="adamw_torch_fused",
        bf16=precision == "bf16",
        use_cpu=not (torch.cuda.is_available() or torch.backends.mps.is_available()),
        seed=plan.seed,
        logging_nan_inf_filter=False,
        logging_strategy="no",
        eval_strategy="no",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
    )
