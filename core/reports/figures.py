"""The scores of a run that matter, each with its interval and the baseline that has to be beaten, task by task.

Taken from `metrics.json`; computes no score. What is missing there (runs of earlier versions) is left out, but for the
intervals of shares, which follow from their counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from core.tasks import FIRST, SPECS, Metric, metric_of
from core.training.scores.proportion import wilson


@dataclass(frozen=True, slots=True)
class Figure:
    """A score by its name in `metrics.json`. interval: between which values it lies with 95 % certainty.

    count: of a share, how many of how many rows are right; its interval is Wilson's, any other that of the bootstrap.
    is_unsure: all resamples gave the same value, which tells nothing about how sure it is, so there is no interval.
    baseline: the best that can be had without a model; `rival` is how, in words that follow “by” or “than”.
    """

    name: str
    value: float
    interval: tuple[float, float] | None = None
    baseline: float | None = None
    rival: str = ""
    count: tuple[int, int] | None = None
    is_unsure: bool = False

    @property
    def metric(self) -> Metric:
        """Its title, meaning, and how it is written."""
        return metric_of(self.name)

    @property
    def gain(self) -> float | None:
        """How much better than the baseline: above 0 is better, also where less is more."""
        if self.baseline is None:
            return None
        return self.baseline - self.value if self.metric.is_lower_better else self.value - self.baseline

    @property
    def is_clear(self) -> bool:
        """Whether it is better than the baseline with 95 % certainty; without interval or baseline, it is not."""
        if self.interval is None or self.baseline is None:
            return False
        low, high = self.interval
        return high < self.baseline if self.metric.is_lower_better else low > self.baseline


def figures_of(task: str, metrics: Mapping[str, Any]) -> tuple[Figure, ...]:
    """The scores that matter for a task, the main one first; empty without scores."""
    found = []
    for metric in SPECS.get(task, SPECS[FIRST]).metrics:
        if not _is_number(metrics.get(metric.name)):
            continue
        known = {each.words: metrics.get(each.name) if each.value is None else each.value for each in metric.baselines}
        rivals = {words: float(value) for words, value in known.items() if _is_number(value)}
        best = max(rivals, key=rivals.__getitem__, default="")
        count = _count(metrics, metric)
        interval, is_unsure = _interval(metrics, metric.name) if count is None else (wilson(*count), False)
        edges = None if interval is None else (interval[0], interval[1])
        value = float(metrics[metric.name])
        found.append(Figure(metric.name, value, edges, rivals.get(best), best, count, is_unsure))
    return tuple(found)


def _count(metrics: Mapping[str, Any], metric: Metric) -> tuple[int, int] | None:
    """How many of how many rows a share counts. Runs of earlier versions say the share and the rows only."""
    if not metric.counts_rows:
        return None
    name = metric.name
    counts = metrics.get("counts")
    pair = counts.get(name) if isinstance(counts, dict) else None
    if pair is None and type(all_rows := metrics.get("rows")) is int:
        pair = [round(metrics[name] * all_rows), all_rows]
    if not isinstance(pair, list) or len(pair) != 2 or any(type(each) is not int for each in pair):
        return None
    right, rows = pair
    return (right, rows) if 0 <= right <= rows and rows > 0 else None


def _interval(metrics: Mapping[str, Any], name: str) -> tuple[tuple[float, float] | None, bool]:
    """The interval that was drawn, and whether drawing one was in vain: runs of earlier versions wrote a point then."""
    intervals = metrics.get("intervals")
    if not isinstance(intervals, dict) or name not in intervals:
        return None, False
    edges = intervals[name]
    if isinstance(edges, list) and len(edges) == 2 and all(map(_is_number, edges)) and edges[0] < edges[1]:
        return (float(edges[0]), float(edges[1])), False
    return None, edges is None or (isinstance(edges, list) and len({*map(str, edges)}) == 1)


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
