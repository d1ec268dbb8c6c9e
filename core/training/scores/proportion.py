"""Intervals of shares, so many right of so many rows, by Wilson (1927). Counts nothing itself.

The bootstrap cannot serve here: where all rows are right, so are all resamples, and the interval would be a point.
Wilson's holds the true share about as often as it says, also near 0 and 1 and for few rows (Brown, Cai and DasGupta
2001). The rows must be independent of one another, as words of one sentence are not.
"""

import math
from statistics import NormalDist

from core.training.scores.bootstrap import COVERAGE


def wilson(right: int, rows: int, *, coverage: float = COVERAGE) -> list[float]:
    """The interval [low, high] of a share of which `right` of `rows` were seen; `rows` is at least 1.

    >>> [round(edge, 3) for edge in wilson(52, 52)]
    [0.931, 1.0]
    """
    squared = NormalDist().inv_cdf((1 + coverage) / 2) ** 2
    share = right / rows
    middle = (share + squared / (2 * rows)) / (1 + squared / rows)
    half = math.sqrt(squared * (share * (1 - share) / rows + squared / (4 * rows**2))) / (1 + squared / rows)
    return [0.0 if right == 0 else middle - half, 1.0 if right == rows else middle + half]
