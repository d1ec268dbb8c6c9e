"""The scores of a run that matter, each with its interval and the baseline that has to be beaten, task by task.

Taken from `metrics.json`; computes no score. What is missing there (runs of earlier versions) is left out, but for the
intervals of shares, which follow from their counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.training.scores.proportion import wilson

FIRST_TASK = "sequence-classification"  # of runs that do not say: they were made when there was no other
_LOWER_IS_BETTER = ("rmse", "mae", "hamming_loss", "perplexity", "loss")
_SHARES = ("accuracy", "subset_accuracy", "exact_match")  # of rows that are independent of one another
_ALWAYS = {"coin": 0.5, "no_correlation": 0.0}  # baselines that need no data
_COMMONEST = "always answering the commonest {}"

# For each task its scores, the main one first, with the baselines there are for it and what gives them.
_SHOWN: dict[str, tuple[tuple[str, dict[str, str]], ...]] = {
    "sequence-classification": (
        ("accuracy", {"majority_accuracy": _COMMONEST.format("label")}),
        ("macro_f1", {}),
        ("weighted_f1", {}),
        ("macro_precision", {}),
        ("macro_recall", {}),
        ("mcc", {}),
    ),
    "multi-label": (
        ("micro_f1", {"majority_micro_f1": _COMMONEST.format("set of labels")}),
        ("macro_f1", {}),
        ("subset_accuracy", {"majority_accuracy": _COMMONEST.format("set of labels")}),
        ("hamming_loss", {}),
    ),
    "regression": (
        ("pearson", {"no_correlation": "always answering the mean"}),
        ("spearman", {"no_correlation": "always answering the mean"}),
        ("rmse", {"mean_rmse": "always answering the mean"}),
        ("mae", {}),
        ("r2", {}),
    ),
    "token-classification": (
        ("f1", {"majority_f1": _COMMONEST.format("tag")}),
        ("precision", {}),
        ("recall", {}),
        ("token_accuracy", {"majority_accuracy": _COMMONEST.format("tag")}),
    ),
    "question-answering": (
        ("f1", {"no_answer_f1": "never answering"}),
        ("exact_match", {"no_answer_f1": "never answering"}),
    ),
    "multiple-choice": (
        (
            "accuracy",
            {"chance_accuracy": "guessing blindly", "majority_accuracy": "always choosing the commonest place"},
        ),
    ),
    "masked-language": (
        ("masked_accuracy", {"majority_accuracy": "always guessing the commonest piece"}),
        ("masked_top5", {}),
        ("perplexity", {}),
        ("next_sentence_accuracy", {"coin": "throwing a coin"}),
    ),
}


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
    def gain(self) -> float | None:
        """How much better than the baseline: above 0 is better, also where less is more."""
        if self.baseline is None:
            return None
        return self.baseline - self.value if self.name in _LOWER_IS_BETTER else self.value - self.baseline

    @property
    def is_clear(self) -> bool:
        """Whether it is better than the baseline with 95 % certainty; without interval or baseline, it is not."""
        if self.interval is None or self.baseline is None:
            return False
        low, high = self.interval
        return high < self.baseline if self.name in _LOWER_IS_BETTER else low > self.baseline


def figures_of(task: str, metrics: Mapping[str, Any]) -> tuple[Figure, ...]:
    """The scores that matter for a task, the main one first; empty without scores."""
    known = {**_ALWAYS, **metrics}
    found = []
    for name, baselines in _SHOWN.get(task, _SHOWN[FIRST_TASK]):
        if not _is_number(metrics.get(name)):
            continue
        rivals = {words: float(known[key]) for key, words in baselines.items() if _is_number(known.get(key))}
        best = max(rivals, key=rivals.__getitem__, default="")
        count = _count(metrics, name)
        interval, is_unsure = _interval(metrics, name) if count is None else (tuple(wilson(*count)), False)
        found.append(Figure(name, float(metrics[name]), interval, rivals.get(best), best, count, is_unsure))
    return tuple(found)


def _count(metrics: Mapping[str, Any], name: str) -> tuple[int, int] | None:
    """How many of how many rows a share counts. Runs of earlier versions say the share and the rows only."""
    if name not in _SHARES:
        return None
    counts = metrics.get("counts")
    pair = counts.get(name) if isinstance(counts, dict) else None
    if pair is None and type(rows := metrics.get("rows")) is int:
        pair = [round(metrics[name] * rows), rows]
    is_count = isinstance(pair, list) and len(pair) == 2 and all(type(each) is int for each in pair)
    return (pair[0], pair[1]) if is_count and 0 <= pair[0] <= pair[1] and pair[1] > 0 else None


def _interval(metrics: Mapping[str, Any], name: str) -> tuple[tuple[float, float] | None, bool]:
    """The interval that was drawn, and whether drawing one was in vain: runs of earlier versions wrote a point then."""
    intervals = metrics.get("intervals")
    if not isinstance(intervals, dict) or name not in intervals:
        return None, False
    edges = intervals[name]
    if isinstance(edges, list) and len(edges) == 2 and all(map(_is_number, edges)) and edges[0] < edges[1]:
        return (float(edges[0]), float(edges[1])), False
    return None, edges is None or (isinstance(edges, list) and len({*map(str, edges)}) == 1)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
