"""Small pictures of every head's attention, for a layers × heads overview. Draws nothing itself."""

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d

from core.explore.trace import Trace

LARGEST = 48  # pixels a side


def thumbnails(t: Trace) -> UInt8[Tensor, "layer head query key"]:
    """Every head's attention as a picture, for the trace of one text: 0 for none, 255 for the head's strongest.

    Of a text longer than `LARGEST` tokens each pixel stands for several and shows their largest share, so that a thin
    diagonal stays visible. Shares are drawn by their square root: most are small.
    """
    side = min(t.hidden_states[0].shape[1], LARGEST)
    pictures = []
    for layer in range(t.layers):
        shares = adaptive_max_pool2d(t[f"layer.{layer}.probabilities"], side)  # (head, side, side)
        strongest = shares.amax((1, 2), keepdim=True).clamp(min=1e-12)
        pictures.append(((shares / strongest).sqrt() * 255).round().to(torch.uint8))
    return torch.stack(pictures)
