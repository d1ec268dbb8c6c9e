"""Softmax in steps: scores, scaled, masked, exponentials, shares; and the wrong order of some tutorials beside it."""

import math
from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from core.explore.walkthrough import arithmetic
from core.explore.walkthrough.arithmetic import Arithmetic, Line
from core.explore.walkthrough.context import WalkthroughContext
from core.explore.walkthrough.view import MASKED, Kind, Stage, View


def softmax_stage(context: WalkthroughContext) -> Stage:
    """From raw scores to shares of attention."""
    views = (_scaled(context), _masked(context), _exponentials(context), _shares(context), _wrong_order(context))
    return Stage("softmax", "Softmax", "Scores become shares of attention: each row adds up to 1.", views)


def _scaled(context: WalkthroughContext) -> View:
    size, root = context.head_dim, math.sqrt(context.head_dim)

    def behind(row: int, column: int) -> Arithmetic:
        score = _raw(context)[row, column].item()
        lines = (Line("score", score), Line(f"÷ √{size}", root), Line("= value", score / root))
        return Arithmetic(f"The score of {_pair(context, row, column)}, divided by the root of {size}.", lines)

    return _view(
        context,
        "Scaled",
        None,
        rf"\frac{{s_{{ij}}}}{{\sqrt{{d}}}} \qquad d = {size}",
        f"Sums of {size} products can grow large, and nearly all attention would go to one token. "
        f"Dividing by √{size} keeps them in range.",
        lambda: _raw(context) * size**-0.5,
        behind,
        kind="signed",
    )


def _masked(context: WalkthroughContext) -> View:
    root = math.sqrt(context.head_dim)

    def behind(row: int, column: int) -> Arithmetic:
        value = _ready(context)[row, column].item()
        if value < MASKED:
            sentence = f"“{context.tokens[column]}” is padding: nobody may look at it."
            return Arithmetic(sentence, (Line("the smallest number there is, for −∞", value),))
        scaled = _raw(context)[row, column].item() / root
        lines = (Line("scaled score", scaled), Line("+ mask", 0.0), Line("= value", scaled))
        return Arithmetic(f"{_pair(context, row, column)} is allowed: nothing is added.", lines)

    return _view(
        context,
        "Masked",
        context.name("scaled"),
        r"z_{ij} = \frac{s_{ij}}{\sqrt d} + m_j \qquad m_j = 0 \text{ for a token, } -\infty \text{ for padding}",
        "Padding must not be looked at, so its scores become −∞. Without padding nothing changes.",
        lambda: _ready(context),
        behind,
        kind="signed",
    )


def _exponentials(context: WalkthroughContext) -> View:
    def matrix() -> Float[Tensor, "query key"]:
        return (_ready(context) - _ready(context).amax(-1, keepdim=True)).exp()

    def behind(row: int, column: int) -> Arithmetic:
        numbers = _ready(context)[row].double()
        score, largest = numbers[column].item(), numbers.max().item()
        power = Line("= e to the power of their difference", math.exp(score - largest))
        lines = (Line("score", score), Line("largest score of the row", largest), power)
        return Arithmetic(f"The score of {_pair(context, row, column)} as a power of e.", lines)

    return _view(
        context,
        "Exponentials",
        None,
        r"e^{\,z_{ij} - \max_k z_{ik}}",
        "e to the power of each score: nothing negative is left, and high scores stand out. Taking off the row's "
        "largest first changes no share and keeps the numbers small.",
        matrix,
        behind,
    )


def _shares(context: WalkthroughContext) -> View:
    def behind(row: int, column: int) -> Arithmetic:
        value = _probabilities(context)[row, column].item()
        sentence = f"“{context.tokens[row]}” spends {value:.1%} of this head's attention on “{context.tokens[column]}”."
        return arithmetic.share_of_sum(_ready(context)[row], column, sentence=sentence)

    return _view(
        context,
        "Shares",
        context.name("probabilities"),
        r"p_{ij} = \operatorname{softmax}(\mathbf z_i)_j = \frac{e^{z_{ij}}}{\sum_k e^{z_{ik}}}",
        "Divided by the row's sum: each row is now a set of shares that add up to 1. This is the attention that people "
        "draw as lines.",
        lambda: _probabilities(context),
        behind,
    )


def _wrong_order(context: WalkthroughContext) -> View:
    size, root = context.head_dim, math.sqrt(context.head_dim)

    def unscaled() -> Float[Tensor, "query key"]:  # padding is masked here, too: only the order differs
        return _raw(context).masked_fill(_ready(context) < MASKED, -math.inf)

    def behind(row: int, column: int) -> Arithmetic:
        share = unscaled()[row].double().softmax(-1)[column].item()
        right = _probabilities(context)[row, column].item()
        lines = (Line("share of the unscaled scores", share), Line(f"÷ √{size}", root), Line("= value", share / root))
        return Arithmetic(f"For {_pair(context, row, column)} BERT computes {right:.4f}, not this.", lines)

    return _view(
        context,
        "Wrong order",
        None,
        r"\frac{\operatorname{softmax}(S)}{\sqrt d} \;\neq\; \operatorname{softmax}\left(\frac{S}{\sqrt d}\right)",
        "Some tutorials take the softmax first and divide afterwards. BERT does not.",
        lambda: unscaled().softmax(-1) / root,
        behind,
        contrast=f"Each row adds up to 1/√{size} = {1 / root:.3f} here and not to 1, and before that the softmax of "
        "unscaled scores has put more on the largest.",
    )


def _view(
    context: WalkthroughContext,
    title: str,
    tensor: str | None,
    formula: str,
    words: str,
    values: Callable[[], Float[Tensor, "query key"]],
    behind: Callable[[int, int], Arithmetic],
    *,
    kind: Kind = "share",
    contrast: str = "",
) -> View:
    """A view of (query, key) numbers."""
    size = f"{len(context.tokens)} × {len(context.tokens)}"
    named = context.name("scores")
    return View(
        title,
        tensor,
        formula,
        words,
        f"{size}  →  {size}",
        lambda: context.matrix(named, kind, values()),
        behind,
        contrast=contrast,
    )


def _raw(context: WalkthroughContext) -> Float[Tensor, "query key"]:
    return context.tensor(context.name("scores"))


def _ready(context: WalkthroughContext) -> Float[Tensor, "query key"]:
    return context.tensor(context.name("scaled"))


def _probabilities(context: WalkthroughContext) -> Float[Tensor, "query key"]:
    return context.tensor(context.name("probabilities"))


def _pair(context: WalkthroughContext, row: int, column: int) -> str:
    return f"“{context.tokens[row]}” to “{context.tokens[column]}”"
