"""The kinds of view that stages are made of: products with learned weights, sums, norms, activations, softmax."""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from core.explore.walkthrough import arithmetic
from core.explore.walkthrough.arithmetic import Arithmetic
from core.explore.walkthrough.context import WalkthroughContext, numbered
from core.explore.walkthrough.view import Matrix, Operand, View

_LAYER_NORM = (
    r"\operatorname{LayerNorm}(\mathbf x)_j = \frac{x_j - \mu}{\sqrt{\sigma^2 + \varepsilon}}\,\gamma_j + \beta_j"
)
_ACTIVATIONS = {
    "gelu": r"\operatorname{GELU}(x) = x\,\Phi(x)",
    "relu": r"\operatorname{ReLU}(x) = \max(0, x)",
    "tanh": r"\tanh(x) = \frac{e^{x} - e^{-x}}{e^{x} + e^{-x}}",
}

Read = Callable[[], Float[Tensor, "row column"]]


def linear(
    context: WalkthroughContext,
    title: str,
    tensor: str,
    *,
    source: Read,
    module: nn.Linear,
    letters: tuple[str, str, str],
    words: str,
    head: int | None = None,
) -> View:
    """`source` · Wᵀ + b. `letters` name the source, the weights' index and the result in the formula.

    With `head`, only that head's stretch of the module's outputs.
    """
    x, index, y = letters
    first, columns = (0, module.out_features) if head is None else (head * context.head_dim, context.head_dim)
    numbers = numbered(module.in_features)

    def behind(row: int, column: int) -> Arithmetic:
        return arithmetic.dot_product(
            source()[row],
            module.weight[first + column],
            labels=numbers,
            names=(x.lower(), f"w{index}"),
            sentence=f"The {module.in_features:,} numbers of “{context.row_label(tensor, row)}”, each times a learned "
            "weight, summed up.",
            bias=module.bias[first + column].item(),
        )

    def operands(row: int, column: int) -> tuple[Operand, ...]:
        taken = Matrix.of(source(), context.matrix(tensor).rows, numbers, ("token", "number"))
        weights = module.weight[first : first + columns].T
        learned = Matrix.of(weights, numbers, numbered(columns), ("number in", "number out"))
        return factors((x, taken), (f"W{index}ᵀ", learned), row, column)

    rows = context.rows(tensor)
    return View(
        title,
        tensor,
        rf"{y} = {x}\,W_{{{index}}}^\top + b_{{{index}}}",
        words,
        f"{x} {rows} × {module.in_features}  ·  Wᵀ {module.in_features} × {columns}  →  {rows} × {columns}",
        lambda: context.matrix(tensor),
        behind,
        operands,
    )


def norm(context: WalkthroughContext, title: str, tensor: str, source: str, module: nn.LayerNorm, words: str) -> View:
    """LayerNorm over a tensor of the trace."""

    def behind(row: int, column: int) -> Arithmetic:
        sentence = (
            f"Number {column} of “{context.tokens[row]}”: less the token's mean, over its spread, times and plus "
        )
        return arithmetic.layer_norm(
            context.tensor(source)[row], column, module, sentence=sentence + "what was learned."
        )

    size = f"{len(context.tokens)} × {module.weight.shape[0]}"
    shapes = f"{size}  →  {size}"
    return View(
        title, tensor, _LAYER_NORM, words, shapes, lambda: context.matrix(tensor), behind, _same_cell(context, source)
    )


def added(
    context: WalkthroughContext,
    title: str,
    tensor: str,
    parts: Mapping[str, Read],
    *,
    width: int,
    formula: str,
    words: str,
) -> View:
    """A sum of matrices `width` wide, by the name of each."""

    def behind(row: int, column: int) -> Arithmetic:
        return arithmetic.total(
            [(name, part()[row, column].item()) for name, part in parts.items()],
            sentence=f"Number {column} of “{context.tokens[row]}”: {' plus '.join(parts)}.",
        )

    def operands(row: int, column: int) -> tuple[Operand, ...]:
        return tuple(
            Operand(name, context.matrix(tensor, values=part()), (row, column)) for name, part in parts.items()
        )

    size = f"{len(context.tokens)} × {width}"
    shapes = "  +  ".join([size] * len(parts)) + f"  →  {size}"
    return View(title, tensor, formula, words, shapes, lambda: context.matrix(tensor), behind, operands)


def activated(
    context: WalkthroughContext, title: str, tensor: str, source: str, *, width: int, words: str, function: str
) -> View:
    """An activation function, as transformers names it, over a tensor `width` wide."""

    def behind(row: int, column: int) -> Arithmetic:
        sentence = f"Number {column} of “{context.row_label(tensor, row)}” through {function}."
        return arithmetic.activation(context.tensor(source)[row, column].item(), function, sentence=sentence)

    size = f"{context.rows(tensor)} × {width}"
    formula = _ACTIVATIONS.get(function, rf"y = \operatorname{{{function.replace('_', ' ')}}}(x)")
    shapes = f"{size}  →  {size}"
    return View(
        title, tensor, formula, words, shapes, lambda: context.matrix(tensor), behind, _same_cell(context, source)
    )


def factors(left: tuple[str, Matrix], right: tuple[str, Matrix], row: int, column: int) -> tuple[Operand, Operand]:
    """Both factors of a matrix product, each with its largest contribution to the product's cell (row, column)."""
    products = np.abs(left[1].values[row] * right[1].values[:, column])
    largest = int(products.argmax())
    return Operand(*left, (row, largest)), Operand(*right, (largest, column))


def _same_cell(context: WalkthroughContext, source: str) -> Callable[[int, int], tuple[Operand, ...]]:
    return lambda row, column: (Operand("x", context.matrix(source), (row, column)),)
