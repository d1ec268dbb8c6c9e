"""CSV for a spreadsheet that somebody opens: cells that it would run as formulas start with an apostrophe.

Numbers stay numbers. Nothing that stays inside the lab is changed, nor is anything read here.
"""

import csv
import io
from collections.abc import Iterable, Sequence

from core.data.table import is_number

_STARTS = ("=", "+", "-", "@", "\t", "\r")


def escape_formula(cell: str) -> str:
    """The cell with ' before it when a spreadsheet would take it for a formula (OWASP, “CSV injection”).

    A plain number below zero is none. One with a plus may be a telephone's, which a spreadsheet would shorten.

    >>> escape_formula("=1+1"), escape_formula("1+1"), escape_formula("-1+1"), escape_formula("-1.5e-7")
    ("'=1+1", '1+1', "'-1+1", '-1.5e-7')
    """
    is_below_zero = cell.startswith("-") and is_number(cell)
    return f"'{cell}" if cell.startswith(_STARTS) and not is_below_zero else cell


def to_sheet(rows: Iterable[Sequence[object]]) -> bytes:
    """Rows as a CSV in UTF-8, one line a row: texts escaped, floats with six digits."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([_cell(each) for each in row] for row in rows)
    return buffer.getvalue().encode("utf-8", "replace")


def _cell(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.6f}"
    return escape_formula(value) if isinstance(value, str) else value
