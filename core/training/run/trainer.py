"""transformers' Trainer, with the parts replaced that would cost time or correctness. Knows no task.

Replaced: batches of similar length in random order; evaluation in order and without touching the random state;
checkpoints that are whole or not there; NaN stops the run; the best weights are kept in memory.
"""

import json
import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, Trainer, TrainerCallback, TrainingArguments

from core.training.batches.encoding import Positions, SimilarLengths
from core.training.run import checkpoints
from core.training.run.failures import not_finite
from core.training.run.ranks import Ranks
from core.training.run.step_metrics import StepMetrics
from core.training.run.stopping import Stopped

LAB_STATE = "lab_state.json"  # in a checkpoint: training seconds, best evaluation so far, plan and data it belongs to


class LabTrainer(Trainer):
    """Trains one network on `train` batches.

    `validate()` gives loss and scores by name, of which `best` (higher is better) chooses the weights that are kept;
    None when there is nothing to validate on. `loss` takes the network's output and the labels, and stands in for the
    network's own. `lab_state()` is stored in each checkpoint; `best`, `stale` and `mark` survive a resume: `stale`
    counts evaluations since the last one that was better by `least_gain` than the last such one before it.
    An evaluation that a stop has cut is `evaluation_due`, and made up for before the next step.
    """

    model: PreTrainedModel  # the Trainer's own, which here is never None

    def __init__(
        self,
        network: PreTrainedModel,
        arguments: TrainingArguments,
        *,
        train: Any,
        step_rows: int,
        validate: Callable[[], dict[str, float]] | None,
        best: str,
        least_gain: float = 0.0,
        loss: Callable[[Any, torch.Tensor], torch.Tensor] | None,
        callbacks: list[TrainerCallback],
        checkpoint_folder: Path,
        lab_state: Callable[[], dict[str, Any]],
        ranks: Ranks,
    ) -> None:
        self._batches = train
        self._order = SimilarLengths(train.lengths, step_rows, arguments.seed, on_epoch=train.set_epoch)
        self._validate = validate
        self._best_name = best
        self._least_gain = least_gain
        self._loss = loss
        self._checkpoint_folder = checkpoint_folder
        self._lab_state = lab_state
        self._ranks = ranks
        self.best: dict[str, float] | None = None
        self.stale = 0  # evaluations since one that gained enough
        self.mark: float | None = None  # the score of that one
        self.evaluation_due = False
        self._best_weights: dict[str, torch.Tensor] | None = None
        self.step_metrics = StepMetrics()  # of the steps since the last point
        self.gradient_norm: float | torch.Tensor | None = None
        positions = Positions(len(train))
        super().__init__(
            model=network, args=arguments, data_collator=self._batches, train_dataset=positions, callbacks=callbacks
        )
        # Else the Trainer takes the mean loss of a part of a batch for its share of the whole batch's, because BERT
        # takes any keyword, and accumulation would multiply the gradient.
        self.model_accepts_loss_kwargs = False

    def _get_train_sampler(self, train_dataset: Any = None) -> SimilarLengths:
        return self._order

    def _run_epoch(self, *arguments: Any, **options: Any) -> Any:
        """An epoch in its own order. The Trainer tells the sampler which one it is through two layers of accelerate's,
        but in an epoch that several ranks resume lie three: they would go on in the order of the first epoch."""
        if self.evaluation_due:
            self.evaluate()
            if self.control.should_training_stop:
                return None
        self._order.set_epoch(options["epoch"])
        return super()._run_epoch(*arguments, **options)

    def compute_loss(self, model: Any, inputs: dict[str, Any], *arguments: Any, **options: Any) -> Any:
        """The loss of a batch: the task's own where it has one, else the network's."""
        if self._loss is None:
            return super().compute_loss(model, inputs, *arguments, **options)
        labels = inputs.pop("labels")
        return self._loss(model(**inputs), labels)

    def training_step(self, model: Any, inputs: dict[str, Any], *arguments: Any, **options: Any) -> torch.Tensor:
        """Learn from a batch, or a part of one, and count it. Raises `TrainingFailed` for a loss that is no number."""
        loss = super().training_step(model, inputs, *arguments, **options)
        step = self.state.global_step + 1
        if loss.device.type == "cpu" and not torch.isfinite(loss):  # elsewhere at the next report: no waiting per step
            raise not_finite(step, loss.item())
        self.step_metrics.add(step, loss, inputs["attention_mask"])
        return loss

    def _get_grad_norm(self, *arguments: Any, **options: Any) -> Any:
        self.gradient_norm = super()._get_grad_norm(*arguments, **options)
        return self.gradient_norm

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """None: they are counted for a log that nobody reads."""
        return 0

    def evaluate(self, *arguments: Any, **options: Any) -> dict[str, float]:
        """Score the validation rows; remember the weights if they are the best so far (then the lower loss decides)."""
        if self._validate is None:
            return {}
        try:
            scores = self._validate()
        except Stopped:
            self.evaluation_due = self.control.should_training_stop = self.control.should_save = True
            self.control.should_evaluate = False
            return {}
        self.evaluation_due = False
        if not math.isfinite(scores["loss"]):
            raise not_finite(self.state.global_step, scores["loss"])
        self.stale += 1
        score = scores[self._best_name]
        if self.mark is None or (score > self.mark and score - self.mark >= self._least_gain):
            self.mark, self.stale = score, 0
        if self.best is None or self._rank(scores) > self._rank(self.best):
            self.best = {"step": self.state.global_step, **scores}
            if self._ranks.is_first:
                self._remember_weights()
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, scores)
        return scores

    def _rank(self, scores: dict[str, float]) -> tuple[float, float]:
        return scores[self._best_name], -scores["loss"]

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        return False

    def _remember_weights(self) -> None:
        weights = self.model.state_dict()
        if self._best_weights is None:
            self._best_weights = {name: value.detach().to("cpu", copy=True) for name, value in weights.items()}
        else:
            for name, value in weights.items():
                self._best_weights[name].copy_(value)

    @property
    def _better_weights(self) -> dict[str, torch.Tensor] | None:
        """The best weights so far, which the first rank keeps; None where the network has them itself."""
        is_present = self.best is None or self.best["step"] == self.state.global_step
        return None if is_present else self._best_weights

    def restore_best(self) -> None:
        """Put the best weights into the first rank's network; without any evaluation it stays as it is."""
        if (weights := self._better_weights) is not None:
            self.model.load_state_dict(weights)

    def end_autocast(self) -> None:
        """Let the network compute in the format of its weights again, as it will for whoever opens it: accelerate has
        put a `forward` before its own that computes in that of the training."""
        self.model.__dict__.pop("forward", None)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        random_states: dict[str, bytes] = {}
        for part in self._ranks.gather(self._random_state()):
            random_states |= part
        if self._ranks.is_first:
            checkpoints.save_checkpoint(
                self._checkpoint_folder,
                self.state.global_step,
                lambda folder: self._write_checkpoint(folder, random_states),
            )
        self._ranks.decide(None)  # the others wait: none runs ahead of a checkpoint that may fail

    def _random_state(self) -> dict[str, bytes]:
        """This rank's random state as the file, by its name, from which the Trainer takes it up."""
        with tempfile.TemporaryDirectory() as folder:
            self._save_rng_state(folder)
            return {path.name: path.read_bytes() for path in Path(folder).iterdir()}

    def _write_checkpoint(self, folder: Path, random_states: dict[str, bytes]) -> None:
        self.model.save_pretrained(folder)
        if (weights := self._better_weights) is not None:
            self.model.save_pretrained(folder / "best", state_dict=dict(weights))  # it drops tied names
        self._save_optimizer_and_scheduler(str(folder))
        self._save_scaler(str(folder))
        for name, content in random_states.items():
            (folder / name).write_bytes(content)
        self.state.save_to_json(str(folder / "trainer_state.json"))
        lab = {**self._lab_state(), "best": self.best, "stale": self.stale, "mark": self.mark}
        lab["evaluation_due"] = self.evaluation_due
        (folder / LAB_STATE).write_text(json.dumps(lab, allow_nan=False), encoding="utf-8")

    def restore_best_from(
        self, checkpoint: Path, best: dict[str, float] | None, stale: int, mark: float | None = None
    ) -> None:
        """Take up the best weights so far from a checkpoint that is being resumed."""
        from safetensors.torch import load_file

        self.best, self.stale = best, stale
        self.mark = best[self._best_name] if mark is None and best is not None else mark
        if best is not None and self._ranks.is_first:
            folder = checkpoint if best["step"] == checkpoints.step_of(checkpoint) else checkpoint / "best"
            stored = load_file(folder / "model.safetensors")
            weights = self.model.state_dict()
            kept = {tensor.data_ptr(): name for name, tensor in weights.items() if name in stored}
            self._best_weights = {  # of tied weights only one name is in the file
                name: stored[name if name in stored else kept[tensor.data_ptr()]].to("cpu", copy=True)
                for name, tensor in weights.items()
            }
