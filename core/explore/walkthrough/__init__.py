"""One sentence followed through the model, stage by stage: formulas, real matrices, the arithmetic behind each number.

`stages(trace, focus)` gives them in the order in which the network computes them.
"""

from core.explore.trace import Trace
from core.explore.walkthrough.attention_stages import attention_stages
from core.explore.walkthrough.context import WalkthroughContext
from core.explore.walkthrough.embeddings_stage import embeddings_stage
from core.explore.walkthrough.feed_forward_stages import feed_forward_stages
from core.explore.walkthrough.head_stages import head_stages
from core.explore.walkthrough.view import Focus, Matrix, Operand, Stage, View

__all__ = ["Focus", "Matrix", "Operand", "Stage", "View", "missing_heads", "most_attended", "stages"]


def stages(t: Trace, focus: Focus) -> tuple[Stage, ...]:
    """Every stage of one text's forward pass for a layer, a head and a token. Computes nothing until a view is asked.

    Stages of heads that the model does not have are left out; `missing_heads` names them. Raises `LabError` for a trace
    of several texts and for a focus outside of it.
    """
    context = WalkthroughContext(t, focus)
    return (embeddings_stage(context), *attention_stages(context), *feed_forward_stages(context), *head_stages(context))


def missing_heads(t: Trace) -> tuple[str, ...]:
    """The parts on top of the encoder that BERT has and this model has not, in plain words."""
    parts = t.parts
    there = {
        "pooler": parts.pooler,
        "masked-language head": parts.masked_lm,
        "next-sentence head": parts.next_sentence,
        "classification head for whole texts": parts.classifier,
    }
    return tuple(name for name, part in there.items() if part is None)


def most_attended(t: Trace, focus: Focus, *, count: int = 3) -> tuple[tuple[int, float], ...]:
    """What the chosen token attends to most in the chosen head, as (position, share), the largest share first."""
    shares = t[f"layer.{focus.layer}.probabilities"][focus.head, focus.position, : len(t.tokens)]  # (key,)
    best = shares.topk(min(count, len(shares)))
    return tuple(zip(best.indices.tolist(), best.values.tolist(), strict=True))
