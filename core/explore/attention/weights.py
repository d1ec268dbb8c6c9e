"""Attention of one layer: how much each query attends to each key.

Draws nothing, hides nothing (`core.explore.attention.selection`), and sums nothing up over layers or heads
(`core.explore.attention.summaries`).
"""

import torch
from jaxtyping import Float
from torch import Tensor

from core.errors import LabError
from core.explore.trace import Trace

PROBABILITIES = "probabilities"
NORM_WEIGHTED = "norm-weighted"
KINDS = (PROBABILITIES, NORM_WEIGHTED)


@torch.inference_mode()
def attention_weights(
    t: Trace, layer: int, *, kind: str = PROBABILITIES, row_normalised: bool = False
) -> Float[Tensor, "*batch head query key"]:
    """How much each query attends to each key in one layer; with a batch axis where the trace is of a list.

    - "probabilities": the softmax α_ij itself. Rows sum to 1.
    - "norm-weighted": ‖α_ij · f(x_j)‖, the length of what position j really adds to position i (Kobayashi et al.
      2020). f(x_j) is the value vector, its bias included, through the head's slice of the output projection; the
      projection's own bias belongs to no position and is left out. The unit is that of hidden states, and rows have
      any sum; `row_normalised` divides each row by its sum.

    Raises `LabError` for a layer or a kind that there is not.
    """
    if not 0 <= layer < t.layers:
        raise LabError(f"This model has no layer.{layer}.", f"It has layer.0 to layer.{t.layers - 1}, as in code.")
    if kind not in KINDS:
        raise LabError(f"There is no kind of attention weights called “{kind}”.", f"Use one of {', '.join(KINDS)}.")
    weights = t[f"layer.{layer}.probabilities"]
    if kind == NORM_WEIGHTED:
        weights = weights * value_norms(t, layer).unsqueeze(-2)
    return normalise_rows(weights) if row_normalised else weights


@torch.inference_mode()
def value_norms(t: Trace, layer: int) -> Float[Tensor, "*batch head key"]:
    """‖f(x_j)‖: how long a position's value vector is after a head's slice of the output projection.

    In the unit of hidden states (Kobayashi et al. 2020).
    """
    parts = t.parts.layers[layer]
    slices = parts.projection.weight.unflatten(1, (parts.heads, -1)).permute(1, 2, 0)  # (head, head_dim, hidden)
    return (t[f"layer.{layer}.value"] @ slices).norm(dim=-1)


def normalise_rows(values: Float[Tensor, "*more query key"]) -> Float[Tensor, "*more query key"]:
    """Divide each row by its sum, so that it sums to 1. Rows of zeros stay zeros."""
    total = values.sum(-1, keepdim=True)
    return values / torch.where(total == 0, 1, total)
