"""The rows of a table that somebody wants to see: found, filtered by label and length, and sorted. Changes nothing."""

from dataclasses import dataclass

import numpy as np

from core.data.columns.guess import Columns
from core.data.dataset.repeats import dictionary_codes
from core.data.dataset.search import matches
from core.data.dataset.words import count_words
from core.data.table import Table
from core.data.views import Strings

IN_FILE, LONGEST, SHORTEST, BY_LABEL = "as in the file", "longest first", "shortest first", "by label"
ORDERS = (IN_FILE, LONGEST, SHORTEST, BY_LABEL)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to show: rows that hold `query`, carry one of `labels` (any when empty), and have so many words of text."""

    query: str = ""
    regex: bool = False
    labels: tuple[str, ...] = ()
    least_words: int = 0
    most_words: int | None = None
    order: str = IN_FILE


def rows_wanted(table: Table, columns: Columns, wanted: Wanted) -> np.ndarray:
    """The 0-based rows of the table, in the order to show them: (row,). Equal ones stay in the order of the file.

    Words are counted by white space in the text column. Raises LabError for an invalid pattern.
    """
    kept = matches(table, wanted.query, regex=wanted.regex)
    if columns.label is not None and wanted.labels:
        codes, names = dictionary_codes(table.column(columns.label))
        kept &= np.isin(codes, [code for code, name in enumerate(names) if name in wanted.labels])
    is_measured = wanted.least_words > 0 or wanted.most_words is not None or wanted.order in (LONGEST, SHORTEST)
    words = count_words(Strings(table.column(columns.text))) if is_measured else np.zeros(0, np.int64)
    if is_measured:
        kept &= (words >= wanted.least_words) & (words <= (np.inf if wanted.most_words is None else wanted.most_words))
    rows = np.flatnonzero(kept)
    if wanted.order in (LONGEST, SHORTEST):
        return rows[np.argsort(words[rows] * (-1 if wanted.order == LONGEST else 1), kind="stable")]
    if wanted.order == BY_LABEL and columns.label is not None:
        codes, names = dictionary_codes(table.column(columns.label))
        rank = np.argsort(np.argsort(np.array(names)))
        return rows[np.argsort(rank[codes[rows]], kind="stable")]
    return rows
