"""Makes rows of different lengths fit, when a person asks for it: empty cells at the end of shorter rows, no shift."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from core.data import limits
from core.data.reading.continuation import Ragged
from core.data.reading.detection import records


def fill_rows(
    columns: Sequence[pa.ChunkedArray], ragged: Ragged, *, delimiter: str, quoting: bool
) -> tuple[tuple[pa.ChunkedArray, ...], str]:
    """All rows in their order, in as many columns as the longest one has cells, and a notice.

    `columns` hold the rows that fit, `ragged` every other one with its number among all. Raises LabError for more
    columns than the limit.
    """
    others = [next(records(row.text.rstrip("\r\n"), delimiter, quoting))[0] for row in ragged.first]
    width = max(len(columns), *map(len, others))
    if width > limits.MAX_COLUMNS:
        raise limits.too_many_columns(width)
    fitting = len(columns[0]) if columns else 0
    order = np.zeros(fitting + len(others), np.int64)
    places = np.array([row.number - 1 for row in ragged.first], np.int64)
    is_other = np.zeros(len(order), bool)
    is_other[places] = True
    order[is_other] = fitting + np.arange(len(others))
    order[~is_other] = np.arange(fitting)
    blank = pa.array([""], pa.string()).take(pa.array(np.zeros(fitting, np.int64)))
    filled = []
    for position in range(width):
        upper = columns[position].chunks if position < len(columns) else [blank]
        lower = pa.array([row[position] if position < len(row) else "" for row in others], pa.string())
        filled.append(pa.chunked_array([*upper, lower], pa.string()).take(pa.array(order)))
    notice = f"{len(others):,} rows have another number of cells than the first; shorter rows end in empty cells."
    return tuple(filled), notice
