"""Two models side by side in numbers. The configurations' fields are compared in `anatomy.configuration`."""

from dataclasses import dataclass

from core.models.anatomy.flops import Flops
from core.models.anatomy.parameters import BYTES, Anatomy


@dataclass(frozen=True, slots=True)
class Compared:
    """One number of both models; `ratio` is right over left, None where left is zero."""

    name: str
    left: float
    right: float

    @property
    def ratio(self) -> float | None:
        """Right over left."""
        return self.right / self.left if self.left else None


def per_token_at(length: int) -> str:
    """What the work per token in texts of `length` tokens is called: it is another number at another length.

    >>> per_token_at(128)
    'FLOPs per token at 128'
    """
    return f"FLOPs per token at {length}"


def compare(left: Anatomy, right: Anatomy, *, work: tuple[Flops, Flops], length: int) -> tuple[Compared, ...]:
    """Sizes, parameters by kind, memory, and the work per token in texts of `length` tokens."""
    kinds = {**left.by_kind(), **right.by_kind()}
    return (
        Compared("Parameters", left.parameters, right.parameters),
        *(Compared(f"– {kind}", left.by_kind().get(kind, 0), right.by_kind().get(kind, 0)) for kind in kinds),
        *(
            Compared(
                f"Megabytes in {precision}",
                round(left.bytes(precision) / 1e6, 1),
                round(right.bytes(precision) / 1e6, 1),
            )
            for precision in BYTES
        ),
        Compared(per_token_at(length), *(round(each.per_token(length)) for each in work)),
        *(
            Compared(name, getattr(left, field), getattr(right, field))
            for name, field in (
                ("Layers", "layers"),
                ("Sets of layer weights", "distinct_layers"),
                ("Heads per layer", "heads"),
                ("Width", "width"),
                ("Width of a head", "head_width"),
                ("Width of the feed-forward network", "inner_width"),
                ("Vocabulary", "vocabulary"),
                ("Longest text, tokens", "positions"),
            )
        ),
    )
