"""Running a network over many texts without learning from them: sorted by length, order restored. Scores nothing."""

from collections.abc import Callable

import numpy as np
import torch
from transformers import PreTrainedModel

from core.training.encoding import Batcher


def logits_of(
    network: PreTrainedModel,
    batcher: Batcher,
    *,
    batch_size: int = 64,
    on_batch: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Logits (text, label) in float32, in the order of the texts. `on_batch` hears how many texts are done.

    Longest first: too little memory shows in the first batch. Texts of one length share a batch, so little is padded.
    """
    order = np.argsort(-batcher.encoded.lengths, kind="stable")
    device = next(network.parameters()).device
    logits = np.zeros((len(order), network.config.num_labels), dtype=np.float32)
    was_training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            for start in range(0, len(order), batch_size):
                positions = order[start : start + batch_size]
                batch = {name: value.to(device) for name, value in batcher(positions).items() if name != "labels"}
                logits[positions] = network(**batch).logits.float().cpu().numpy()
                if on_batch is not None:
                    on_batch(min(start + batch_size, len(order)))
    finally:
        network.train(was_training)
    return logits
