"""How long the texts of a table are for a task, in tokens: estimated from a sample, without a tokenizer."""

import math
import statistics
from dataclasses import dataclass

import numpy as np

from core.data.cells import items_of
from core.data.column_mapping import ColumnMapping
from core.data.table import Table
from core.data.views import take
from core.tasks import Role, spec_of
from core.training.plan.plan import Plan

_SAMPLE = 500  # rows looked at, at most


@dataclass(frozen=True, slots=True)
class Lengths:
    """`rows` of a table, and the tokens of some of them, special tokens aside, by the part of the text they stand in.

    first, second: (sampled row,); second is empty where there is none. sequences: texts the network reads for a row.
    """

    rows: int
    first: tuple[float, ...]
    second: tuple[float, ...] = ()
    sequences: int = 1


@dataclass(frozen=True, slots=True)
class Load:
    """What the network reads under a plan: `windows` a row (more than one where contexts are long), each of `sequences`
    texts with `tokens` on average and `longest` at most, special tokens included."""

    rows: int
    windows: float
    sequences: int
    tokens: float
    longest: int


def lengths_of(mapping: ColumnMapping, table: Table, row_ids: np.ndarray) -> Lengths:
    """Measure the rows `row_ids` of a table. Raises `LabError` when a column is not there."""
    some = row_ids[:: max(1, math.ceil(len(row_ids) / _SAMPLE))]

    def tokens(role: Role) -> list[list[float]]:
        """For each column of a part the tokens of each sampled row."""
        count = _tokens_of_words if role.holds == "words" else count_tokens
        columns = (take(table.column(name), some).to_pylist() for name in mapping.all(role.name))
        return [[count(cell) for cell in cells] for cells in columns]

    inputs = spec_of(mapping.task).inputs
    first = [counts for role in inputs if role.segment == 1 for counts in tokens(role)]
    second = [counts for role in inputs if role.segment == 2 for counts in tokens(role)]
    # Parts of the first text stand one behind the other; of several second texts each makes a sequence of its own.
    return Lengths(
        len(row_ids),
        tuple(map(sum, zip(*first, strict=True))),
        tuple(map(max, zip(*second, strict=True))),
        max(1, len(second)),
    )


def count_tokens(text: str) -> float:
    """About how many tokens a text has: English takes about 1.3 a word, scripts without spaces about one a character.

    >>> count_tokens("A short text")
    3.9000000000000004
    """
    return max(1.3 * len(text.split()), len(text) / 6, float(sum(_stands_alone(sign) for sign in text)))


def load_of(plan: Plan, lengths: Lengths) -> Load:
    """What the network reads of such rows: cut to the plan's maximum length, or in windows of it."""
    special, second = (3, lengths.second) if lengths.second else (2, (0.0,) * len(lengths.first))
    totals = [one + two + special for one, two in zip(lengths.first, second, strict=True)]
    fixed = [special] * len(totals)  # tokens that stand in every window of a text
    spec = spec_of(plan.task)
    overlap = plan.window_overlap if "window_overlap" in spec.settings else 0
    if lengths.second:  # each window repeats the whole first text
        fixed = [one + special for one in lengths.first]
    windows = [1] * len(totals)
    if spec.reads_windows:
        windows = [
            _windows(total, plan.max_length, plan.max_length - own - overlap)
            for total, own in zip(totals, fixed, strict=True)
        ]
    repeated = [(count - 1) * (own + overlap) for count, own in zip(windows, fixed, strict=True)]
    read = [
        min(total + again, plan.max_length * count)
        for total, again, count in zip(totals, repeated, windows, strict=True)
    ]
    return Load(
        rows=lengths.rows,
        windows=statistics.fmean(windows) if windows else 1.0,
        sequences=lengths.sequences,
        tokens=sum(read) / sum(windows) if read else float(plan.max_length),
        longest=min(plan.max_length, math.ceil(max(totals, default=plan.max_length))),
    )


def _windows(total: float, most: int, step: float) -> int:
    """How many windows of `most` tokens a text needs of which each takes `step` on."""
    return 1 if total <= most or step <= 0 else 1 + math.ceil((total - most) / step)


def _tokens_of_words(cell: str) -> float:
    return sum(map(count_tokens, items_of(cell)))


def _stands_alone(sign: str) -> bool:
    """Whether BERT's tokenizer makes a word of each such character (CJK ideographs)."""
    return "\u4e00" <= sign <= "\u9fff" or "\u3400" <= sign <= "\u4dbf"
