"""From a run's events to the points of its curves: which curves there are, along which axis, smoothed. Draws nothing.

Events are those of `events.jsonl`, of this version or an older one: a field that no event carries is no curve.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd

Tables = Mapping[str, pd.DataFrame]  # by kind of event, see `tables_of`

AXES = {"Step": "step", "Epoch": "epoch", "Time": "seconds"}
KINDS = ("train", "evaluation")
MOST_POINTS = 600  # of a line on screen, which is hardly as many pixels wide
MOST_DOTS = 200  # more would touch one another, and each is an element of the page while the run is live
MOST_SCORES = 4  # in one panel; more lines would hide one another
_NO_SCORE = {"kind", "loss", *AXES.values()}
_COLUMNS = {"x": float, "value": float, "curve": str, "line": str, "has_dot": bool}


class Metric(Protocol):
    """What a score is called, and whether its values are of another scale than those of others."""

    @property
    def title(self) -> str:
        """What it is called."""
        ...

    @property
    def validation_title(self) -> str:
        """What it is called of the validation rows."""
        ...

    @property
    def has_own_scale(self) -> bool:
        """Whether it is drawn on its own."""
        ...


@dataclass(frozen=True, slots=True)
class Axis:
    """What runs along the horizontal axis: a field of the events, divided by `unit`. `name` names the unit."""

    name: str
    field: str
    unit: float = 1.0


@dataclass(frozen=True, slots=True)
class Curve:
    """A field of the events of one kind. `name` tells it apart from its neighbours, `title` stands by itself."""

    name: str
    title: str
    kind: str
    field: str


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves that share a vertical axis, on which values are divided by `unit` and written in d3's `number_format`."""

    title: str
    curves: tuple[Curve, ...]
    number_format: str = "~g"
    unit: float = 1.0
    is_noisy: bool = False  # worth smoothing
    is_telling: bool = False  # worth looking at first

    def apart(self) -> tuple["Panel", ...]:
        """One panel for each curve, for when several runs share it."""
        return tuple(replace(self, title=curve.title, curves=(curve,)) for curve in self.curves)


def _of_training(title: str, field: str, number_format: str, unit: float = 1.0, *, is_noisy: bool = True) -> Panel:
    return Panel(title, (Curve(title, title, "train", field),), number_format, unit, is_noisy=is_noisy)


LOSS = Panel(
    "Loss",
    (Curve("training", "Training loss", "train", "loss"), Curve("validation", "Validation loss", "evaluation", "loss")),
    is_noisy=True,
    is_telling=True,
)
SCORES = Panel("Validation scores", (), is_telling=True)  # which ones, the evaluations tell
FURTHER = (
    _of_training("Learning rate", "learning_rate", ".1e", is_noisy=False),
    _of_training("Gradient norm", "gradient_norm", "~g"),
    _of_training("Examples per second", "examples_per_second", "~s"),
    _of_training("Tokens per second", "tokens_per_second", "~s"),
    _of_training("Padding, share of all tokens", "padding_share", "~%"),
    _of_training("Device memory, GB", "memory_bytes", "~g", 1e9, is_noisy=False),
    _of_training("Device in use, share of the time", "utilisation", "~%"),
)


def tables_of(events: Iterable[Mapping[str, Any]]) -> dict[str, pd.DataFrame]:
    """The numbers of the events, one table a kind, one row an event, in order.

    What is no finite number is NaN, and a column of NaN alone is left out: a column that is there can be drawn.
    """
    events = list(events)
    return {kind: _numbers([event for event in events if event.get("kind") == kind]) for kind in KINDS}


def score_names(tables: Tables) -> list[str]:
    """The scores that the evaluations carry, in the order of the events: the first is the task's own."""
    return [name for name in tables["evaluation"].columns if name not in _NO_SCORE]


def panels_of(tables: Tables, metric_of: Callable[[str], Metric]) -> list[Panel]:
    """The panels that have something to show, the most telling ones first. `metric_of` knows a score by its name."""
    together: list[Curve] = []
    alone: list[Panel] = []
    for name in score_names(tables):
        metric = metric_of(name)
        curve = Curve(metric.title, metric.validation_title, "evaluation", name)
        if metric.has_own_scale:
            alone.append(Panel(metric.validation_title, (curve,)))
        else:
            together.append(curve)
    panels = [
        LOSS,
        replace(SCORES, curves=tuple(together[:MOST_SCORES])),
        Panel("Further validation scores", tuple(together[MOST_SCORES:])),
        *alone,
        *FURTHER,
    ]
    return [each for each in panels if any(curve.field in tables[curve.kind] for curve in each.curves)]


def axis_of(choice: str, runs: Sequence[Tables]) -> Axis:
    """The axis called `choice` (a key of `AXES`) for these runs; time is in the unit that suits the longest of them."""
    field = AXES[choice]
    if field != "seconds":
        return Axis(field, field)
    ends: list[Any] = [table[field].max() for tables in runs for table in tables.values() if field in table]
    longest = max(ends, default=0.0)
    if longest < 120:
        return Axis("seconds", field)
    return Axis("minutes", field, 60.0) if longest < 7_200 else Axis("hours", field, 3_600.0)


def points_of(panel: Panel, tables: Tables, axis: Axis, smoothing: float = 0.0) -> pd.DataFrame:
    """The points of a panel: columns x, value, curve (its name), line, and has_dot.

    `line` is “measured”, or where `smoothing` above 0 applies “behind” for what was measured and “smoothed”. Measured
    points have a dot as long as there are few. At most about `MOST_POINTS` of a line, the last one always among them.
    """
    parts = [pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _COLUMNS.items()})]
    for curve in panel.curves:
        table = tables[curve.kind]
        if curve.field not in table or axis.field not in table:
            continue
        known = table[[axis.field, curve.field]].dropna()
        x, values = known[axis.field] / axis.unit, pd.Series(known[curve.field] / panel.unit)
        lines = {"measured": values}
        if panel.is_noisy and curve.kind == "train" and smoothing > 0:
            lines = {"behind": values, "smoothed": smoothed(values, smoothing)}
        for line, drawn in lines.items():
            dots = np.full(len(x), line != "smoothed" and len(x) <= MOST_DOTS)
            dots[-1:] = True
            part = pd.DataFrame({"x": x, "value": drawn, "curve": curve.name, "line": line, "has_dot": dots})
            parts.append(part.iloc[_kept(len(part))])
    return pd.concat(parts, ignore_index=True)


def smoothed(values: pd.Series, weight: float) -> pd.Series:
    """The exponential moving average with bias correction: each value counts `weight` times as much as the next one.

    `weight` from 0 (nothing is smoothed) to below 1. It is what TensorBoard draws (`resmoothDataset` in
    vz_line_chart2/line-chart.ts), computed by pandas, whose `adjust=True` is the same correction.
    """
    return pd.Series(values.ewm(alpha=1 - weight, adjust=True).mean())


def rows_of(tables: Tables) -> pd.DataFrame:
    """Everything measured, one row an event, the kind of the event first: the curves to take home."""
    parts = [table.assign(kind=kind) for kind, table in tables.items() if len(table)]
    if not parts:
        return pd.DataFrame(columns=["kind", *AXES.values()])
    whole = pd.concat(parts, ignore_index=True).convert_dtypes()  # so that step 1 is not 1.0
    return whole.reindex(columns=["kind", *whole.columns.drop("kind")])


def _numbers(events: list[Mapping[str, Any]]) -> pd.DataFrame:
    fields = dict.fromkeys(field for event in events for field in event if field != "kind")
    table = pd.DataFrame({field: [_number(event.get(field)) for event in events] for field in fields}, dtype=float)
    return table.dropna(axis="columns", how="all")


def _number(value: Any) -> float:
    """Any finite number of a sane size; NaN for the rest, so that a damaged file cannot break a picture."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 1e30 else float("nan")


def _kept(count: int) -> list[int]:
    """Which of so many points are drawn. The stride is a power of two, so that points stay as more come in."""
    stride = 1
    while count > stride * MOST_POINTS:
        stride *= 2
    kept = list(range(0, count, stride))
    return kept if not kept or kept[-1] == count - 1 else [*kept, count - 1]
