"""Lengths by label, in words or tokens: quartiles for a box, counts for a histogram, and what each limit would cut."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.data.quality.profile import LIMITS

MOST_LABELS = 12


@dataclass(frozen=True, slots=True)
class LabelLengths:
    """The lengths of one label's examples; "" is the name of all of them. share_over: by limit, the share longer.

    Quartiles are NumPy's (linear interpolation, type 7 of Hyndman and Fan 1996); p95: 95 % are at most so long.
    """

    name: str
    rows: int
    mean: float
    shortest: int
    lower_quartile: float
    median: float
    upper_quartile: float
    p95: float
    longest: int
    share_over: dict[int, float]


@dataclass(frozen=True, slots=True, eq=False)
class LengthHistogram:
    """Examples of each label in each bin; bin i reaches from `edges[i]` up to `edges[i + 1]`, which is not in it."""

    edges: np.ndarray  # (bin + 1,)
    counts: dict[str, np.ndarray]  # label: (bin,)


def lengths_by_label(
    lengths: np.ndarray, labels: np.ndarray, names: Sequence[str], *, limits: Sequence[int] = LIMITS
) -> tuple[LabelLengths, ...]:
    """All examples first, then each label in the order of `names`, those without an example left out.

    `lengths` and `labels` (positions in `names`; empty without labels) run along the examples. Linear in their number.
    """
    lengths = np.asarray(lengths)
    labels = np.asarray(labels)
    groups = [("", lengths)] if len(lengths) else []
    if len(labels):
        order = np.argsort(labels, kind="stable")
        parts = np.split(lengths[order], np.searchsorted(labels[order], np.arange(1, len(names))))
        groups += [(name, part) for name, part in zip(names, parts, strict=True) if len(part)]
    return tuple(_measure(name, part, limits) for name, part in groups)


def length_histogram(
    lengths: np.ndarray, labels: np.ndarray, names: Sequence[str], *, bins: int = 40
) -> LengthHistogram:
    """Bins of equal, whole width over all lengths; the most frequent labels, the rest joined under "other labels"."""
    lengths = np.asarray(lengths)
    longest = int(lengths.max(initial=0))
    width = max(1, -(-(longest + 1) // bins))
    places = lengths // width
    count = int(longest // width) + 1
    edges = np.arange(count + 1) * width
    if not len(labels):
        return LengthHistogram(edges, {"": np.bincount(places, minlength=count)})
    frequent = np.argsort(-np.bincount(labels, minlength=len(names)), kind="stable")[:MOST_LABELS]
    counts = {
        names[int(label)]: np.bincount(places[labels == label], minlength=count) for label in np.sort(frequent).tolist()
    }
    rest = ~np.isin(labels, frequent)
    if rest.any():
        counts["other labels"] = np.bincount(places[rest], minlength=count)
    return LengthHistogram(edges, counts)


def _measure(name: str, lengths: np.ndarray, limits: Sequence[int]) -> LabelLengths:
    low, middle, high, most = np.percentile(lengths, [25, 50, 75, 95]).tolist()
    return LabelLengths(
        name,
        len(lengths),
        float(lengths.mean()),
        int(lengths.min()),
        low,
        middle,
        high,
        most,
        int(lengths.max()),
        {limit: float(np.mean(lengths > limit)) for limit in limits},
    )
