"""What the walkthrough hands out: stages, their views, matrices, and what goes into them. Values only."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from jaxtyping import Float, Float32
from torch import Tensor

from core.explore.walkthrough.arithmetic import Arithmetic

Kind = Literal["signed", "share"]

MASKED = -1e30  # scores below are masked: transformers adds the smallest float there is


@dataclass(frozen=True, slots=True)
class Focus:
    """What is being looked at: a layer and a head, counted from 0, and a position of the text."""

    layer: int
    head: int
    position: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """Numbers ready to be drawn. `kind`: "signed" around zero, or "share" of 1."""

    values: Float32[np.ndarray, "row column"]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    row_axis: str
    column_axis: str
    kind: Kind = "signed"

    @classmethod
    def of(
        cls,
        values: Float[Tensor, "row column"],
        rows: tuple[str, ...],
        columns: tuple[str, ...],
        axes: tuple[str, str],
        kind: Kind = "signed",
    ) -> Self:
        """A tensor as a matrix. It may be the model's own memory, so it cannot be written to."""
        shown = values.float().numpy().view()
        shown.setflags(write=False)
        return cls(shown, rows, columns, *axes, kind)

    def strongest(self, row: int) -> tuple[int, int]:
        """The cell of a row that stands out most, leaving out masked ones; of the first row when there is no such."""
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
    - `contrast`: what is wrong with it, for a view that shows what the model does not do; else empty
    """

    title: str
    tensor: str | None
    formula: str
    words: str
    shapes: str
    matrix: Callable[[], Matrix]
    arithmetic: Callable[[int, int], Arithmetic]
    operands: Callable[[int, int], tuple[Operand, ...]] | None = None
    contrast: str = ""


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
