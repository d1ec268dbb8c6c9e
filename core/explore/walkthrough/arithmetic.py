"""The arithmetic behind one number of a matrix: its terms one by one, and the lines that lead from them to the value.

Computed in 64-bit floats from the model's own 32-bit numbers. Knows vectors only, no model and no trace.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from transformers.activations import ACT2FN


@dataclass(frozen=True, slots=True)
class Term:
    """One product of a sum: left × right = product."""

    label: str
    left: float
    right: float

    @property
    def product(self) -> float:
        """What the term adds to the sum."""
        return self.left * self.right


@dataclass(frozen=True, slots=True)
class Line:
    """One step to the value, as "√(σ² + ε)" and the number it comes to."""

    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """How one number came about: a sentence in plain words, products (may be none), lines; the last line is the value.

    `left` and `right` name the factors of the terms, for instance "q" and "k".
    """

    sentence: str
    lines: tuple[Line, ...]
    terms: tuple[Term, ...] = ()
    left: str = ""
    right: str = ""

    @property
    def value(self) -> float:
        """The number itself: what the last line comes to."""
        return self.lines[-1].value


def dot_product(
    left: Float[Tensor, " term"],
    right: Float[Tensor, " term"],
    *,
    labels: Sequence[str],
    names: tuple[str, str],
    sentence: str,
    bias: float | None = None,
) -> Arithmetic:
    """Σ leftᵢ · rightᵢ (+ bias) for two vectors of one length, term by term.

    >>> dot_product(torch.tensor([1., 2.]), torch.tensor([3., 4.]), labels="ab", names=("x", "w"), sentence="").value
    11.0
    """
    factors = zip(labels, left.double().tolist(), right.double().tolist(), strict=True)
    terms = tuple(Term(*each) for each in factors)
    total = math.fsum(term.product for term in terms)
    lines = [Line(f"sum of the {len(terms):,} products", total)]
    if bias is not None:
        lines += [Line("+ bias", bias), Line("= value", total + bias)]
    return Arithmetic(sentence, tuple(lines), terms, *names)


def total(parts: Sequence[tuple[str, float]], *, sentence: str) -> Arithmetic:
    """A sum of a few named numbers."""
    lines = [Line(name if place == 0 else f"+ {name}", value) for place, (name, value) in enumerate(parts)]
    return Arithmetic(sentence, (*lines, Line("= value", math.fsum(value for _, value in parts))))


def layer_norm(vector: Float[Tensor, " hidden"], column: int, norm: torch.nn.LayerNorm, *, sentence: str) -> Arithmetic:
    """One entry of LayerNorm(vector) (Ba et al. 2016): (x − μ) / √(σ² + ε) · γ + β, σ² over all numbers."""
    numbers = vector.double()
    mean, variance = numbers.mean().item(), numbers.var(correction=0).item()
    gain, shift = norm.weight[column].item(), norm.bias[column].item()
    x = numbers[column].item()
    normal = (x - mean) / math.sqrt(variance + norm.eps)
    return Arithmetic(
        sentence,
        (
            Line("x", x),
            Line("mean μ of the token's numbers", mean),
            Line("variance σ²", variance),
            Line(f"(x − μ) / √(σ² + {norm.eps:g})", normal),
            Line("× γ (learned)", gain),
            Line("+ β (learned)", shift),
            Line("= value", normal * gain + shift),
        ),
    )


def activation(x: float, name: str, *, sentence: str) -> Arithmetic:
    """One application of an activation function, by transformers' name for it (`ACT2FN`).

    GELU is spelled out as x · Φ(x) (Hendrycks & Gimpel 2016).
    """
    value = ACT2FN[name](torch.tensor(x, dtype=torch.float64)).item()
    if name != "gelu":
        return Arithmetic(sentence, (Line("x", x), Line(f"= {name}(x)", value)))
    share = 0.5 * (1 + math.erf(x / math.sqrt(2)))
    lines = (Line("x", x), Line("× Φ(x), the normal distribution's share below x", share), Line("= value", value))
    return Arithmetic(sentence, lines)


def share_of_sum(row: Float[Tensor, " key"], column: int, *, sentence: str) -> Arithmetic:
    """One share of a softmax: exp(sⱼ − max) / Σₖ exp(sₖ − max)."""
    scores = row.double()
    exponentials = (scores - scores.max()).exp()
    mine, whole = exponentials[column].item(), exponentials.sum().item()
    return Arithmetic(
        sentence,
        (
            Line("score", scores[column].item()),
            Line("largest score of the row", scores.max().item()),
            Line("e to the power of their difference", mine),
            Line(f"sum of such powers over all {len(scores):,} entries", whole),
            Line("= share", mine / whole),
        ),
    )
