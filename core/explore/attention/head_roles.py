"""Which one head of a text to look at first, and what any head does there, in one word and its share.

Draws nothing. Where a head looks is not yet what it is good for: `core.explore.attention.ablation` asks that.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.explore.attention.selection import units
from core.explore.tokens import Tokens
from core.explore.trace import Trace

BEFORE, AFTER, ITSELF, OPENING, CLOSING, WORDS = "before", "after", "itself", "opening", "closing", "words"
CLEAR = 0.5  # the mean share of attention from which on a head is named after the one place it looks at


@dataclass(frozen=True, slots=True)
class HeadRole:
    """What a head does in a text.

    - `looks`: where its own tokens look: the token `BEFORE` or `AFTER`, `ITSELF`, the `OPENING` special token ([CLS])
      or a `CLOSING` one ([SEP]), if that takes at least `CLEAR` of their attention; else `WORDS`, at no one place
    - `share`: the mean share of attention there, over the text's own tokens; for `WORDS` that of `strongest`
    - `strongest`: (query, key), the positions of its strongest link between two different own tokens; None without any
    """

    looks: str
    share: float
    strongest: tuple[int, int] | None


@torch.inference_mode()
def clearest_head(t: Trace) -> tuple[int, int]:
    """(layer, head), as in code: the head that looks most clearly at other words of a text.

    Each of the text's own tokens counts with its largest share of attention on another own token; the head with the
    largest mean wins, the lowest of equals. So heads that rest on [CLS] or [SEP], that keep to the token itself or that
    spread thinly come last. (0, 0) where no token has another one to look at.
    """
    own = _own(t.tokens)
    if own.sum() < 2:
        return 0, 0
    means = torch.stack(
        [_between_own(t[f"layer.{number}.probabilities"], own).amax(-1).mean(-1) for number in range(t.layers)]
    )  # (layer, head)
    layer, head = divmod(int(means.argmax()), t.heads)
    return layer, head


@torch.inference_mode()
def most_changed_head(one: Trace, other: Trace) -> tuple[int, int]:
    """(layer, head), as in code: where attention differs most from one trace to another, by its largest share.

    Of those that both have; `clearest_head` of the first where the two differ in length.
    """
    if len(one.tokens) != len(other.tokens):
        return clearest_head(one)
    heads = min(one.heads, other.heads)
    changes = torch.stack(
        [
            (other[name][:heads] - one[name][:heads]).abs().amax((-2, -1))
            for name in (f"layer.{number}.probabilities" for number in range(min(one.layers, other.layers)))
        ]
    )  # (layer, head)
    return divmod(int(changes.argmax()), heads)


@torch.inference_mode()
def head_role(t: Trace, layer: int, head: int) -> HeadRole:
    """What the head does in the text; `layer` and `head` as in code."""
    own = _own(t.tokens)
    places = own.nonzero()[:, 0]
    shares = t[f"layer.{layer}.probabilities"][head, :, : len(t.tokens)]  # (query, key)
    if not len(places):
        return HeadRole(WORDS, 0.0, None)
    from_own = shares[places]  # (own query, key)
    added = torch.tensor([unit.is_special for unit in units(t.tokens)])
    added[0] = False
    looked = {
        BEFORE: _beside(shares, places, -1),
        AFTER: _beside(shares, places, 1),
        ITSELF: shares[places, places].mean().item(),
        OPENING: 0.0 if own[0] else from_own[:, 0].mean().item(),
        CLOSING: from_own[:, added].sum(-1).mean().item(),
    }
    between = _between_own(shares[None], own)[0]
    query, key = divmod(int(between.argmax()), len(places))
    strongest = (int(places[query]), int(places[key])) if len(places) > 1 else None
    looks = max(looked, key=lambda place: looked[place])
    if looked[looks] >= CLEAR:
        return HeadRole(looks, looked[looks], strongest)
    return HeadRole(WORDS, 0.0 if strongest is None else between.max().item(), strongest)


def _own(tokens: Tokens) -> Bool[Tensor, " pos"]:
    """True for the text's own tokens, its masks among them."""
    return ~torch.tensor([unit.is_special for unit in units(tokens)])


def _between_own(
    shares: Float[Tensor, "head query key"], own: Bool[Tensor, " pos"]
) -> Float[Tensor, "head own_query own_key"]:
    """The shares between own tokens alone; −1, so never the largest, on the token itself."""
    length = len(own)
    found = shares[:, :length, :length][:, own][:, :, own].clone()
    found.diagonal(dim1=-2, dim2=-1).fill_(-1)
    return found


def _beside(shares: Float[Tensor, "query key"], places: Int[Tensor, " own_query"], step: int) -> float:
    """The mean share of the token before (−1) or after (1), over the queries at `places`."""
    return shares[places, (places + step).clamp(0, shares.shape[1] - 1)].mean().item()
