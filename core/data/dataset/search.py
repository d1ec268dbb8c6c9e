"""Finds rows by what stands in them: plain text or a regular expression, in any column, upper and lower case alike."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.data.table import Table
from core.data.views import Strings
from core.errors import LabError

_BLOCK_ROWS = 65_536


def search(table: Table, query: str, *, regex: bool = False) -> list[int]:
    """The 0-based rows with a match in any column, upper and lower case alike; all rows for an empty query.

    A regular expression is one of RE2, which takes time in proportion to the text. Raises LabError for an invalid one.
    """
    return np.flatnonzero(matches(table, query, regex=regex)).tolist()


def matches(table: Table, query: str, *, regex: bool = False, columns: tuple[str, ...] | None = None) -> np.ndarray:
    """Which rows match, in the columns named or in any: (row,). Raises LabError."""
    if not query:
        return np.ones(len(table), bool)
    match = pc.match_substring_regex if regex else pc.match_substring

    def look(chunk: pa.Array) -> np.ndarray:
        return match(chunk, query, ignore_case=True).to_numpy(zero_copy_only=False)

    found = np.zeros(len(table), bool)
    try:
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as threads:  # Arrow lets other threads run meanwhile
            for name in table.columns if columns is None else columns:
                found |= np.concatenate(
                    [found[:0], *threads.map(look, Strings(table.column(name)).blocks(_BLOCK_ROWS))]
                )
    except pa.ArrowInvalid as error:
        raise LabError(
            f"The search pattern {query[:200]!r} is not a regular expression: {error}.",
            "Mend it, or search for plain text.",
        ) from error
    except UnicodeEncodeError as error:
        raise LabError("The search text holds half a character.", "Type it again.") from error
    return found
