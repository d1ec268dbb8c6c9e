"""What a stage of the walkthrough is made of, and what all stages use to build their views."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from core.explore import arithmetic
from core.explore.arithmetic import Arithmetic
from core.explore.trace import Trace
from core.models.parts import LayerParts

LAYER_NORM = (
    r"\operatorname{LayerNorm}(\mathbf x)_j = \frac{x_j - \mu}{\sqrt{\sigma^2 + \varepsilon}}\,\gamma_j + \beta_j"
)


MASKED = -1e30  # scores below are masked: transformers adds the smallest float there is


@dataclass(frozen=True, slots=True)
class Focus:
    """What is being looked at: a layer and a head, counted from 0, and a position of the text."""

    layer: int
    head: int
    position: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """Numbers ready to be drawn: `values` is (rows, columns) fp32. `kind`: "signed" around zero, or "share" of 1."""

    values: np.ndarray
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    row_axis: str
    column_axis: str
    kind: str = "signed"

    def strongest(self, row: int) -> tuple[int, int]:
        """The cell of a row that stands out most, leaving out masked ones; the first row when there is no such row."""
        row = row if row < len(self.rows) else 0
        numbers = np.abs(np.where(self.values[row] < MASKED, 0, self.values[row]))
        return row, int(numbers.argmax())


@dataclass(frozen=True, slots=True)
class Operand:
    """A matrix that goes into a view, and its cell that matters most to the cell in focus there."""

    title: str
    matrix: Matrix
    cell: tuple[int, int]


@dataclass(frozen=True, slots=True)
class View:
    """One matrix of a stage.

    - `tensor`: its name in the trace; None when only the walkthrough makes it
    - `formula` in LaTeX, `words` without any, `shapes` of what goes in and what comes out
    - `matrix()` and `arithmetic(row, column)`, what lies behind one of its cells, are computed when called
    - `operands(row, column)` are the matrices it is computed from; None where they stand in the view before
    - `note`: what to watch for, empty for most
    """

    title: str
    tensor: str | None
    formula: str
    words: str
    shapes: str
    matrix: Callable[[], Matrix]
    arithmetic: Callable[[int, int], Arithmetic]
    operands: Callable[[int, int], tuple[Operand, ...]] | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the forward pass: a name for addresses and code, a title, one plain sentence, its matrices.

    `opens_at` is the view to show first.
    """

    key: str
    title: str
    words: str
    views: tuple[View, ...]
    opens_at: int = 0


class Walk:
    """A trace of one text together with what is being looked at: labels, slices and the views that stages share."""

    def __init__(self, t: Trace, focus: Focus) -> None:
        self.t = t
        self.focus = focus
        padding = t.inputs["input_ids"].shape[1] - len(t.tokens)
        self.pieces = (*t.tokens.pieces, *(t.model.tokenizer.pad_token,) * padding)

    @property
    def layer(self) -> LayerParts:
        return self.t.parts.layers[self.focus.layer]

    @property
    def head_dim(self) -> int:
        return self.layer.head_dim

    @property
    def token(self) -> str:
        """The chosen token's piece."""
        return self.pieces[self.focus.position]

    def name(self, step: str) -> str:
        """A step of the chosen layer as the trace calls it."""
        return f"layer.{self.focus.layer}.{step}"

    def entry(self) -> Tensor:
        """What enters the chosen layer, (pos, hidden)."""
        return self.t.hidden_states[self.focus.layer][0]

    def last(self) -> Tensor:
        """The last layer's output, (pos, hidden)."""
        return self.t.hidden_states[-1][0]

    def tensor(self, name: str) -> Tensor:
        """A tensor of the trace as rows and columns: of the chosen head where it has heads, one row for a vector."""
        tensor = self.t[name]
        if self.t.axes(name)[0] == "head":
            tensor = tensor[self.focus.head]
        return tensor if tensor.ndim == 2 else tensor[None]

    def matrix(self, name: str, kind: str = "signed", values: Tensor | None = None) -> Matrix:
        """A tensor of the trace, or other `values` of its shape, labelled by its axes."""
        values = self.tensor(name) if values is None else values
        axes = self.t.axes(name)[-2:]
        row_axis, column_axis = axes if len(axes) == 2 else ("", axes[0])
        return Matrix(
            values.float().numpy(),
            self.labels(row_axis, values.shape[0]),
            self.labels(column_axis, values.shape[1]),
            {"": "the text", "pos": "token", "query": "from token", "key": "to token"}[row_axis],
            {"key": "to token", "head_dim": "number in the head", "inner": "inner number", "label": "answer"}.get(
                column_axis, "number"
            ),
            kind,
        )

    def labels(self, axis: str, size: int) -> tuple[str, ...]:
        """The names of an axis' entries: the pieces of the text, or counted from 0."""
        if axis in ("pos", "query", "key"):
            return self.pieces
        return numbered(size) if axis else (self.pieces[0],)

    def linear(
        self,
        title: str,
        tensor: str,
        *,
        source: Callable[[], Tensor],
        module: nn.Linear,
        letters: tuple[str, str, str],
        words: str,
        first: int = 0,
    ) -> View:
        """A view of `source` · Wᵀ + b. `letters` name the source, the weights' index and the result in the formula.

        `first` is where the shown columns start among the module's outputs (a head's stretch).
        """
        x, index, y = letters
        columns = self.head_dim if self.t.axes(tensor)[0] == "head" else module.out_features

        def behind(row: int, column: int) -> Arithmetic:
            return arithmetic.dot_product(
                source()[row],
                module.weight[first + column],
                labels=numbered(module.in_features),
                names=(x.lower(), f"w{index}"),
                sentence=f"The {module.in_features:,} numbers of “{self.row_label(tensor, row)}”, each times a learned "
                "weight, summed up.",
                bias=module.bias[first + column].item(),
            )

        def operands(row: int, column: int) -> tuple[Operand, ...]:
            weights = module.weight[first : first + columns].T
            taken = Matrix(source().numpy(), self.matrix(tensor).rows, numbered(module.in_features), "token", "number")
            learned = Matrix(
                weights.numpy(), numbered(module.in_features), numbered(columns), "number in", "number out"
            )
            return factors((x, taken), (f"W{index}ᵀ", learned), row, column)

        rows = self.tensor_rows(tensor)
        return View(
            title,
            tensor,
            rf"{y} = {x}\,W_{{{index}}}^\top + b_{{{index}}}",
            words,
            f"{x} {rows} × {module.in_features}  ·  Wᵀ {module.in_features} × {columns}  →  {rows} × {columns}",
            lambda: self.matrix(tensor),
            behind,
            operands,
        )

    def tensor_rows(self, name: str) -> int:
        return 1 if len(self.t.axes(name)) == 1 else len(self.pieces)

    def row_label(self, name: str, row: int) -> str:
        return self.pieces[row] if self.tensor_rows(name) > 1 else self.pieces[0]

    def norm(self, title: str, tensor: str, source: str, module: nn.LayerNorm, words: str) -> View:
        """A view of LayerNorm over `source`."""

        def behind(row: int, column: int) -> Arithmetic:
            return arithmetic.layer_norm(
                self.tensor(source)[row],
                column,
                module,
                sentence=f"Number {column} of “{self.pieces[row]}”: less the token's mean, over its spread, times and "
                "plus what was learned.",
            )

        def operands(row: int, column: int) -> tuple[Operand, ...]:
            return (Operand("x", self.matrix(source), (row, column)),)

        size = f"{len(self.pieces)} × {module.weight.shape[0]}"
        return View(
            title, tensor, LAYER_NORM, words, f"{size}  →  {size}", lambda: self.matrix(tensor), behind, operands
        )

    def sum(self, title: str, tensor: str, parts: dict[str, Callable[[], Tensor]], formula: str, words: str) -> View:
        """A view of a sum of matrices, by the name of each."""

        def behind(row: int, column: int) -> Arithmetic:
            return arithmetic.total(
                [(name, part()[row, column].item()) for name, part in parts.items()],
                sentence=f"Number {column} of “{self.pieces[row]}”: {' plus '.join(parts)}.",
            )

        def operands(row: int, column: int) -> tuple[Operand, ...]:
            return tuple(
                Operand(name, self.matrix(tensor, values=part()), (row, column)) for name, part in parts.items()
            )

        size = f"{len(self.pieces)} × {self.t[tensor].shape[-1]}"
        shapes = "  +  ".join([size] * len(parts)) + f"  →  {size}"
        return View(title, tensor, formula, words, shapes, lambda: self.matrix(tensor), behind, operands)

    def activated(self, title: str, tensor: str, source: str, words: str, function: str) -> View:
        """A view of an activation function over `source`."""

        def behind(row: int, column: int) -> Arithmetic:
            return arithmetic.activation(
                self.tensor(source)[row, column].item(),
                function,
                self.tensor(tensor)[row, column].item(),
                sentence=f"Number {column} of “{self.row_label(tensor, row)}” through {function}.",
            )

        def operands(row: int, column: int) -> tuple[Operand, ...]:
            return (Operand("x", self.matrix(source), (row, column)),)

        size = f"{self.tensor_rows(tensor)} × {self.t[tensor].shape[-1]}"
        formula = {
            "gelu": r"\operatorname{GELU}(x) = x\,\Phi(x)",
            "relu": r"\operatorname{ReLU}(x) = \max(0, x)",
            "tanh": r"\tanh(x) = \frac{e^{x} - e^{-x}}{e^{x} + e^{-x}}",
        }.get(function, rf"y = \operatorname{{{function.replace('_', ' ')}}}(x)")
        return View(title, tensor, formula, words, f"{size}  →  {size}", lambda: self.matrix(tensor), behind, operands)

    def shares(self, title: str, tensor: str, words: str, names: tuple[str, ...], chosen: Tensor) -> View:
        """A view of softmax over the scores of a head: the entries `chosen` of `tensor`'s row at the chosen token."""
        row = self.focus.position if self.tensor_rows(tensor) > 1 else 0
        scores = self.tensor(tensor)[row]

        def matrix() -> Matrix:
            values = scores.softmax(-1)[chosen][None]
            return Matrix(values.numpy(), (self.row_label(tensor, row),), names, "token", "answer", "share")

        def behind(_: int, column: int) -> Arithmetic:
            place = int(chosen[column])
            share = scores.double().softmax(-1)[place].item()
            return arithmetic.share_of_sum(scores, place, sentence=f"“{names[column]}” gets {share:.2%} of the whole.")

        return View(
            title,
            None,
            r"p_i = \frac{e^{z_i}}{\sum_k e^{z_k}}",
            words,
            f"1 × {len(scores):,}  →  1 × {len(scores):,}",
            matrix,
            behind,
        )


def factors(left: tuple[str, Matrix], right: tuple[str, Matrix], row: int, column: int) -> tuple[Operand, Operand]:
    """Both factors of a matrix product, each with its largest contribution to the product's cell (row, column)."""
    products = np.abs(left[1].values[row] * right[1].values[:, column])
    largest = int(products.argmax())
    return Operand(*left, (row, largest)), Operand(*right, (largest, column))


def numbered(size: int) -> tuple[str, ...]:
    """Labels counted from 0."""
    return tuple(map(str, range(size)))


def function_name(config: object) -> str:
    """The activation function of a configuration, as transformers names it."""
    return getattr(config, "hidden_act", None) or config.activation


def all_entries(size: int) -> Tensor:
    """Indices 0 … size − 1."""
    return torch.arange(size)
