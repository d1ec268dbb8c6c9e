"""The second half of a layer: a small network that works on each token alone, then Add & Norm."""

from core.explore.walkthrough.context import WalkthroughContext
from core.explore.walkthrough.view import Stage
from core.explore.walkthrough.view_kinds import activated, added, linear, norm
from core.models.families import activation_name


def feed_forward_stages(context: WalkthroughContext) -> tuple[Stage, Stage]:
    """The feed-forward network, and the Add & Norm that ends the layer."""
    layer = context.layer
    inner, hidden = layer.feed_forward_in.out_features, layer.feed_forward_in.in_features
    widened = linear(
        context,
        "Widened",
        context.name("feed_forward_in"),
        source=lambda: context.tensor(context.name("attention_output")),
        module=layer.feed_forward_in,
        letters=("X", "1", "H"),
        words=f"{inner:,} weighted sums of the token's {hidden} numbers: each one a detector for some pattern.",
    )
    bent = activated(
        context,
        "Activated",
        context.name("activation"),
        context.name("feed_forward_in"),
        width=inner,
        words="Detectors that respond stay on, the others are switched almost off.",
        function=activation_name(context.t.model.config),
    )
    narrowed = linear(
        context,
        "Narrowed",
        context.name("feed_forward_out"),
        source=lambda: context.tensor(context.name("activation")),
        module=layer.feed_forward_out,
        letters=("G", "2", "F"),
        words=f"What the active detectors stand for is summed back into {hidden} numbers.",
    )
    parts = {
        "what came in": lambda: context.tensor(context.name("attention_output")),
        "what the network found": lambda: context.tensor(context.name("feed_forward_out")),
    }
    summed = added(
        context,
        "Added",
        context.name("output_sum"),
        parts,
        width=hidden,
        formula=r"\mathbf x_i + \mathbf f_i",
        words="Again the result is added to what was there before.",
    )
    normal = norm(
        context,
        "Normalized",
        context.name("output"),
        context.name("output_sum"),
        layer.output_norm,
        "The layer's result, which the next layer takes in.",
    )
    words = f"Each token on its own passes through a small network, {hidden} numbers to {inner:,} and back."
    return (
        Stage("feed-forward", "Feed-forward", words, (widened, bent, narrowed)),
        Stage(
            "output-norm", "Add & Norm 2", "Added, normalized: this is what the next layer takes in.", (summed, normal)
        ),
    )
