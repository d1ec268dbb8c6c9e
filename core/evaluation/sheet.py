"""Rows as a CSV that a spreadsheet may open: cells that it would run as formulas start with an apostrophe."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

from core.data.formulas import escape_formula

_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def to_sheet(rows: Iterable[Sequence[object]]) -> bytes:
    """UTF-8, one line a row; floats with six digits."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([_cell(each) for each in row] for row in rows)
    return buffer.getvalue().encode("utf-8", "replace")


def _cell(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.6f}"
    is_formula = isinstance(value, str) and not _NUMBER.fullmatch(value)  # −0.5 is none
    return escape_formula(value) if is_formula else value
