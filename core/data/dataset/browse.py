"""The rows of a table that somebody wants to see: found, filtered by label and length, and sorted. Changes nothing.

Also the order in which a person would put names.
"""

import os
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.data.column_mapping import ColumnMapping
from core.data.dataset.repeats import dictionary_codes
from core.data.dataset.words import count_words
from core.data.table import Table, is_number
from core.data.views import Strings
from core.errors import LabError

IN_FILE, LONGEST, SHORTEST, BY_LABEL = "as in the file", "longest first", "shortest first", "by label"
ORDERS = (IN_FILE, LONGEST, SHORTEST, BY_LABEL)
_BLOCK_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to show: rows that hold `query`, carry one of `labels` (any when empty), and have so many words of text."""

    query: str = ""
    regex: bool = False
    labels: tuple[str, ...] = ()
    least_words: int = 0
    most_words: int | None = None
    order: str = IN_FILE


def rows_wanted(table: Table, mapping: ColumnMapping, wanted: Wanted) -> np.ndarray:
    """The 0-based rows of the table, in the order to show them: (row,). Equal ones stay in the order of the file.

    Words are counted by white space in the text column. Raises LabError for an invalid pattern.
    """
    kept = matches(table, wanted.query, regex=wanted.regex)
    if mapping.label_column is not None and wanted.labels:
        codes, names = dictionary_codes(table.column(mapping.label_column))
        kept &= np.isin(codes, [code for code, name in enumerate(names) if name in wanted.labels])
    is_measured = wanted.least_words > 0 or wanted.most_words is not None or wanted.order in (LONGEST, SHORTEST)
    words = count_words(Strings(table.column(mapping.text_column))) if is_measured else np.zeros(0, np.int64)
    if is_measured:
        kept &= (words >= wanted.least_words) & (words <= (np.inf if wanted.most_words is None else wanted.most_words))
    rows = np.flatnonzero(kept)
    if wanted.order in (LONGEST, SHORTEST):
        return rows[np.argsort(words[rows] * (-1 if wanted.order == LONGEST else 1), kind="stable")]
    if wanted.order == BY_LABEL and mapping.label_column is not None:
        codes, names = dictionary_codes(table.column(mapping.label_column))
        rank = np.argsort(np.argsort(np.array(names)))
        return rows[np.argsort(rank[codes[rows]], kind="stable")]
    return rows


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
            "Fix it, or search for plain text.",
        ) from error
    except UnicodeEncodeError as error:
        raise LabError("The search text holds half a character.", "Type it again.") from error
    return found


def natural_order(names: Iterable[str]) -> tuple[str, ...]:
    """Sorted as a person would: numbers by value, digits within words too; equal ones by their characters.

    >>> natural_order(["10", "9", "01", "class 10", "class 2", "1"])
    ('01', '1', '9', '10', 'class 2', 'class 10')
    """
    return tuple(sorted(names, key=natural_key))


def natural_key(name: str) -> tuple:
    """What `natural_order` sorts by."""
    if is_number(name):
        return (0, float(name), (), name)
    parts = re.split(r"([0-9]+)", name.casefold())
    order = [
        (1, len(part.lstrip("0")), part.lstrip("0")) if position % 2 else (0, 0, part)
        for position, part in enumerate(parts)
    ]
    return (1, 0.0, tuple(order), name)
