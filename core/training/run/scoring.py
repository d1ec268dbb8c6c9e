"""Running a network over many examples without learning from them: sorted by length, order restored. Scores nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from core.training.run.ranks import Ranks
from core.training.run.stopping import Stopped
from core.training.tasks.task import Batches

Outputs = Callable[[Any, dict[str, torch.Tensor]], list[np.ndarray]]


def outputs_of(
    network: PreTrainedModel,
    batches: Batches,
    outputs: Outputs,
    *,
    batch_size: int = 64,
    ranks: Ranks | None = None,
    on_batch: Callable[[int], None] | None = None,
) -> list[np.ndarray]:
    """What `outputs` keeps of the forward pass of every position of `batches`, in their order, on every rank.

    `outputs(output, batch)` gives an array for each row of a batch, which it gets with its labels; the network gets it
    without. Longest first: too little memory shows in the first batch. Texts of one length share a batch, so little is
    padded. Each rank takes every `count`-th batch. `on_batch` hears how many positions are done; raises it `Stopped` on
    one rank, all raise it.
    """
    ranks = ranks or Ranks()
    order = np.argsort(-batches.lengths, kind="stable")
    device = next(network.parameters()).device
    found: dict[int, np.ndarray] | None = {}
    was_training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            starts = list(range(0, len(order), batch_size))
            for start in ranks.share(starts):
                positions = order[start : start + batch_size].tolist()
                batch = batches(positions)
                output = network(**{name: each.to(device) for name, each in batch.items() if name not in LABELS})
                found.update(zip(positions, outputs(output, batch), strict=True))
                if on_batch is not None:
                    on_batch(min(start + batch_size, len(order)))
    except Stopped:
        found = None
    finally:
        network.train(was_training)
    merged: dict[int, np.ndarray] = {}
    for part in ranks.gather(found):
        if part is None:
            raise Stopped
        merged |= part
    return [merged[position] for position in range(len(order))]


@contextmanager
def full_precision() -> Iterator[None]:
    """Matrix products in whole fp32, as whoever opens the model computes them: cards would shorten the factors to
    TF32 where a training allows it (torch, `set_float32_matmul_precision`)."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


LABELS = ("labels", "start_positions", "end_positions", "next_sentence_label", "sentence_order_label")


def logits_of(
    network: PreTrainedModel,
    batches: Batches,
    *,
    batch_size: int = 64,
    on_batch: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Logits (text, label) in float32 of a network that gives one vector for each text, in the order of the texts."""

    def logits(output: Any, _: dict[str, torch.Tensor]) -> list[np.ndarray]:
        return list(output.logits.float().cpu().numpy())

    found = outputs_of(network, batches, logits, batch_size=batch_size, on_batch=on_batch)
    return np.stack(found) if found else np.zeros((0, network.config.num_labels or 0), np.float32)
