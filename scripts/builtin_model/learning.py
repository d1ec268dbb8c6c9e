"""The loop that trains on masked batches and can be cut off at any moment: one state on disk, one step at a time.

Knows no files of text and no command line. Without dropout, whatever is random comes from the shard number, so weights,
moments of the optimizer and three counters are all there is to keep.
"""

import itertools
import logging
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import cosine_similarity, cross_entropy
from transformers import BertForMaskedLM, BertModel

from core.runs.status import read_json, write_json
from core.training.run import checkpoints
from scripts.builtin_model.windows import Masked, Shards

_LONGEST_STEP = 15.0  # seconds; a step that took longer was stopped from outside, and the rest does not count
_LOG_SECONDS = 30.0

logger = logging.getLogger("train_builtin")


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train. The budget is `tokens`, which is repeatable, or `seconds` of steps, where given."""

    seed: int = 1
    tokens: int | None = None
    seconds: float | None = None
    learning_rate: float = 3e-4  # the highest: reached after `warmup` of the budget, 0 at its end
    embedding_factor: float = 0.5  # of the learning rate, for the three embedding tables
    warmup: float = 0.03
    weight_decay: float = 0.01  # of matrices
    betas: tuple[float, float] = (0.9, 0.98)
    max_gradient_norm: float = 1.0
    batch_tokens: int = 2_048
    mask_share: float = 0.2
    hold_weight: float = 1.0  # of the sentence embedding's distance from the teacher's
    hold_every: int = 4  # steps
    checkpoint_seconds: float = 240.0
    score_seconds: float = 600.0

    def __post_init__(self) -> None:
        if (self.tokens is None) == (self.seconds is None):
            raise ValueError("the budget is either tokens or seconds")


@dataclass(slots=True)
class Progress:
    """How far the training is. `shard` and `batch` say which batch comes next."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    shard: int = 0
    batch: int = 0

    def share(self, settings: Settings) -> float:
        """How much of the budget is used up, 0 to 1."""
        if settings.tokens is not None:
            return min(1.0, self.tokens / settings.tokens)
        return min(1.0, self.seconds / settings.seconds)


def masked_logits(network: BertForMaskedLM, hidden: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """The head at some flat positions only: (answer, vocabulary). It costs as much as two layers at every position."""
    return network.cls(hidden.flatten(0, 1)[positions])


def masked_loss(network: BertForMaskedLM, hidden: torch.Tensor, batch: Masked) -> torch.Tensor:
    """Mean cross-entropy of what is hidden, as `BertForMaskedLM` computes it from labels."""
    return cross_entropy(masked_logits(network, hidden, batch.positions).float(), batch.answers)


def sentence_embedding(hidden: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """The mean over the positions of a text, special tokens included, as in sentence-transformers: (text, width)."""
    weights = attention_mask[..., None].to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1)


def learning_rate_factor(share: float, warmup: float) -> float:
    """Up in a straight line over `warmup` of the budget, then down to 0."""
    return min(share / warmup if warmup else 1.0, (1 - share) / (1 - warmup))


class Learner:
    """A network in training. `run()` ends when the budget is used up or somebody asks the process to stop."""

    def __init__(
        self,
        network: BertForMaskedLM,
        shards: Shards,
        held_out: Sequence[Masked],
        settings: Settings,
        folder: Path,
        *,
        teacher: BertModel | None = None,
        precision: str = "fp32",
        workers: int = 0,
    ) -> None:
        self.progress = Progress()
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = network.to(self.device).train()
        _switch_off_dropout(self.network)
        self._teacher = None if teacher is None else teacher.to(self.device).eval().requires_grad_(False)
        self._shards, self._held_out, self._workers = shards, held_out, workers
        self._settings, self._folder, self._precision = settings, folder, precision
        self._optimizer = _optimizer(self.network, settings)
        self._stop = False

    def resume(self) -> bool:
        """Continue from the newest sound checkpoint; False where there is none. `ValueError` when settings differ."""
        checkpoints.clear_leftovers(self._folder)
        newest = checkpoints.newest_sound(
            self._folder, on_damage=lambda path, reason: logger.warning("%s is not used: %s", path.name, reason)
        )
        if newest is None:
            return False
        state = read_json(newest / "progress.json")
        if state["settings"] != _plain(self._settings):
            raise ValueError(f"{self._folder} belongs to a training with other settings: {state['settings']}")
        load_weights(self.network, newest)
        self._optimizer.load_state_dict(torch.load(newest / "optimizer.pt", weights_only=True))
        self.progress = Progress(**state["progress"])
        return True

    def run(self) -> bool:
        """Train to the end of the budget; True when it was reached, False when stopped before. Saves either way."""
        handlers = {number: signal.signal(number, self._ask_to_stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            return self._run()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def score(self) -> dict[str, float]:
        """Loss, top-1 and top-5 on the held-out batches."""
        self.network.eval()
        scores = masked_scores(self.network, self._held_out, self._autocast())
        self.network.train()
        return scores

    def _run(self) -> bool:
        progress, settings = self.progress, self._settings
        saved = scored = logged = time.monotonic()
        losses: list[torch.Tensor] = []
        distances: list[torch.Tensor] = []
        tokens_before, seconds_before = progress.tokens, progress.seconds
        began = time.monotonic()
        for batch in self._batches():
            loss, distance = self._step(batch)
            losses.append(loss)
            distances += [] if distance is None else [distance]
            now = time.monotonic()
            progress.seconds += min(now - began, _LONGEST_STEP)
            began = now
            is_over = progress.share(settings) >= 1 or self._stop
            if now - logged >= _LOG_SECONDS or is_over:
                spent = max(progress.seconds - seconds_before, 1e-9)
                logger.info(
                    "%5.1f %%  step %d  %.2f M tokens  loss %.3f  distance %s  %.0f tokens/s",
                    100 * progress.share(settings), progress.step, progress.tokens / 1e6,
                    torch.stack(losses).mean().item(),
                    f"{torch.stack(distances).mean().item():.4f}" if distances else "–",
                    (progress.tokens - tokens_before) / spent,
                )  # fmt: skip
                losses, distances, logged = [], [], now
                tokens_before, seconds_before = progress.tokens, progress.seconds
            if now - scored >= settings.score_seconds and not is_over:
                logger.info("held out: %s", _words(self.score()))
                scored = began = time.monotonic()
            if now - saved >= settings.checkpoint_seconds or is_over:
                self._save()
                saved = began = time.monotonic()
            if is_over:
                break
        return progress.share(settings) >= 1

    def _batches(self) -> Iterator[Masked]:
        """What is still to come, from where `progress` stands, which moves with every batch taken."""
        progress = self.progress
        order = itertools.count(progress.shard)
        if self._workers:  # a shard is many tensors, and each would keep a file open
            torch.multiprocessing.set_sharing_strategy("file_system")
        loader = torch.utils.data.DataLoader(
            self._shards, batch_size=None, sampler=order, num_workers=self._workers,
            prefetch_factor=2 if self._workers else None, worker_init_fn=_leave_signals_to_the_parent,
        )  # fmt: skip
        for batches in loader:
            while progress.batch < len(batches):
                progress.batch += 1
                yield batches[progress.batch - 1]
            progress.shard, progress.batch = progress.shard + 1, 0

    def _step(self, batch: Masked) -> tuple[torch.Tensor, torch.Tensor | None]:
        """One step of the optimizer; the loss, and the distance from the teacher where this step looks at it."""
        settings, progress = self._settings, self.progress
        factor = learning_rate_factor(progress.share(settings), settings.warmup)
        for group in self._optimizer.param_groups:
            group["lr"] = group["highest"] * factor
        tokens = batch.tokens
        batch = moved(batch, self.device)
        distance = None
        with self._autocast():
            hidden = self.network.bert(batch.ids, batch.attention_mask).last_hidden_state  # (text, pos, width)
            loss = masked_loss(self.network, hidden, batch)
            if self._teacher is not None and progress.step % settings.hold_every == 0:
                with torch.no_grad():
                    held = self._teacher(batch.clean, batch.attention_mask).last_hidden_state
                    held = sentence_embedding(held.float(), batch.attention_mask)
                own = sentence_embedding(hidden.float(), batch.attention_mask)
                distance = 1 - cosine_similarity(own, held).mean()
        total = loss if distance is None else loss + settings.hold_weight * distance
        self._optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), settings.max_gradient_norm)
        self._optimizer.step()
        progress.step += 1
        progress.tokens += tokens
        return loss.detach(), None if distance is None else distance.detach()

    def _save(self) -> None:
        def write(folder: Path) -> None:
            save_file(unshared(self.network), folder / "network.safetensors")
            torch.save(self._optimizer.state_dict(), folder / "optimizer.pt")
            state = {"progress": asdict(self.progress), "settings": _plain(self._settings)}
            write_json(folder / "progress.json", state)

        checkpoints.save_checkpoint(self._folder, self.progress.step, write)

    def _autocast(self) -> AbstractContextManager:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self._precision == "bf16")

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop = True


@torch.inference_mode()
def masked_scores(
    network: BertForMaskedLM, batches: Sequence[Masked], autocast: AbstractContextManager | None = None
) -> dict[str, float]:
    """Mean loss, and the shares of hidden tokens that are the first guess and among the first five."""
    device = network.device
    loss = top_1 = top_5 = count = 0
    with autocast or torch.autocast(device.type, enabled=False):
        for each in batches:
            batch = moved(each, device)
            hidden = network.bert(batch.ids, batch.attention_mask).last_hidden_state
            logits = masked_logits(network, hidden, batch.positions).float()
            is_right = logits.topk(5).indices == batch.answers[:, None]
            loss += cross_entropy(logits, batch.answers, reduction="sum").item()
            top_1 += is_right[:, 0].sum().item()
            top_5 += is_right.sum().item()
            count += len(batch.answers)
    return {"loss": loss / count, "top_1": top_1 / count, "top_5": top_5 / count, "answers": count}


def moved(batch: Masked, device: torch.device) -> Masked:
    """The batch on another device."""
    return Masked(**{name: getattr(batch, name).to(device, non_blocking=True) for name in Masked.__dataclass_fields__})


def load_weights(network: BertForMaskedLM, checkpoint: Path) -> None:
    """Put the weights of a checkpoint into a network of the same shape."""
    weights = load_file(checkpoint / "network.safetensors")
    own = dict(network.named_parameters())
    if weights.keys() != own.keys():
        raise ValueError(f"{checkpoint} has other weights: {sorted(weights.keys() ^ own.keys())}")
    with torch.no_grad():
        for name, weight in own.items():
            weight.copy_(weights[name])


def unshared(network: BertForMaskedLM) -> dict[str, torch.Tensor]:
    """Each weight once: what is tied to another one is left out."""
    return {name: value.detach().contiguous().cpu() for name, value in network.named_parameters()}


def _leave_signals_to_the_parent(worker: int) -> None:
    """A signal to the whole group must not end the loaders first: the parent would fail before it has saved."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def _optimizer(network: BertForMaskedLM, settings: Settings) -> torch.optim.Optimizer:
    groups = []
    for is_embedding, is_matrix in itertools.product((False, True), (False, True)):
        members = [
            weight
            for name, weight in network.named_parameters()
            if (".embeddings." in name and weight.ndim > 1) == is_embedding and (weight.ndim > 1) == is_matrix
        ]
        if members:
            highest = settings.learning_rate * (settings.embedding_factor if is_embedding else 1.0)
            decay = settings.weight_decay if is_matrix else 0.0
            groups.append({"params": members, "lr": highest, "highest": highest, "weight_decay": decay})
    return torch.optim.AdamW(groups, betas=settings.betas, eps=1e-6, fused=True)


def _switch_off_dropout(network: torch.nn.Module) -> None:
    """For text that is seen once there is nothing to guard against; the configuration keeps its rates."""
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        if hasattr(module, "dropout_prob"):
            module.dropout_prob = 0.0


def _plain(settings: Settings) -> dict:
    """The settings as they come back from JSON, without those that change no weight."""
    plain = asdict(settings) | {"betas": list(settings.betas)}
    del plain["checkpoint_seconds"], plain["score_seconds"]
    return plain


def _words(scores: dict[str, float]) -> str:
    return f"loss {scores['loss']:.3f}, top-1 {scores['top_1']:.2%}, top-5 {scores['top_5']:.2%}"
