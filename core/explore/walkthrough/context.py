"""A trace of one text together with what is being looked at: labels, slices, matrices. Explains nothing itself."""

from jaxtyping import Float
from torch import Tensor

from core.errors import LabError
from core.explore.trace import Trace
from core.explore.walkthrough.view import Focus, Kind, Matrix
from core.models.parts import LayerParts

_TOKEN_AXES = ("pos", "query", "key")
_AXIS_WORDS = {
    "": "the text",
    "pos": "token",
    "query": "from token",
    "key": "to token",
    "head_dim": "number in the head",
    "inner": "inner number",
}


class WalkthroughContext:
    """What every stage reads. Raises `LabError` for a trace of several texts and for a focus outside of it."""

    def __init__(self, t: Trace, focus: Focus) -> None:
        if t.is_list:
            raise LabError("A walkthrough follows one text.", "Trace one text, not a list.")
        length = t.inputs["input_ids"].shape[1]
        limits = {"layer": t.layers, "head": t.heads, "position": length}
        for name, limit in limits.items():
            if not 0 <= getattr(focus, name) < limit:
                raise LabError(
                    f"There is no {name} {getattr(focus, name)} here.",
                    f"Choose one from 0 to {limit - 1}: as in code, the first is 0.",
                )
        self.t = t
        self.focus = focus
        self.tokens = (*t.tokens.tokens, *(str(t.model.tokenizer.pad_token),) * (length - len(t.tokens)))

    @property
    def layer(self) -> LayerParts:
        """The modules of the chosen layer."""
        return self.t.parts.layers[self.focus.layer]

    @property
    def head_dim(self) -> int:
        """How many numbers of a query, key or value each head has."""
        return self.layer.head_dim

    @property
    def width(self) -> int:
        """Numbers that stand for a token between the layers."""
        return self.layer.query.in_features

    @property
    def token(self) -> str:
        """The chosen token, as in the vocabulary."""
        return self.tokens[self.focus.position]

    def name(self, step: str) -> str:
        """A step of the chosen layer as the trace calls it."""
        return f"layer.{self.focus.layer}.{step}"

    def entry(self) -> Float[Tensor, "pos hidden"]:
        """What enters the chosen layer."""
        return self.t.hidden_states[self.focus.layer][0]

    def last(self) -> Float[Tensor, "pos hidden"]:
        """The last layer's output."""
        return self.t.hidden_states[-1][0]

    def tensor(self, name: str) -> Float[Tensor, "row column"]:
        """A tensor of the trace as rows and columns: of the chosen head where it has heads, one row for a vector."""
        tensor = self.t[name]
        if self.t.axes(name)[0] == "head":
            tensor = tensor[self.focus.head]
        return tensor if tensor.ndim == 2 else tensor[None]

    def matrix(self, name: str, kind: Kind = "signed", values: Float[Tensor, "row column"] | None = None) -> Matrix:
        """A tensor of the trace, or other `values` of its shape, labelled by its axes."""
        values = self.tensor(name) if values is None else values
        axes = self.t.axes(name)[-2:]
        down, across = axes if len(axes) == 2 else ("", axes[0])
        return Matrix.of(
            values,
            self._labels(down, values.shape[0]),
            self._labels(across, values.shape[1]),
            (_AXIS_WORDS.get(down, "number"), _AXIS_WORDS.get(across, "number")),
            kind,
        )

    def _labels(self, axis: str, size: int) -> tuple[str, ...]:
        if not axis:
            return self.tokens[:1]
        return self.tokens if axis in _TOKEN_AXES else numbered(size)

    def rows(self, name: str) -> int:
        """How many rows a tensor has as a matrix."""
        return 1 if len(self.t.axes(name)) == 1 else len(self.tokens)

    def row_label(self, name: str, row: int) -> str:
        """The token that a row of a tensor stands for."""
        return self.tokens[row] if self.rows(name) > 1 else self.tokens[0]

    def chosen_row(self, name: str) -> int:
        """The row of the chosen token, or the only one."""
        return self.focus.position if self.rows(name) > 1 else 0


def numbered(size: int) -> tuple[str, ...]:
    """Labels counted from 0."""
    return tuple(map(str, range(size)))
