"""The Tokens view of the Tokens page: one row a position."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from pages.explore.tokens.input import Input
from pages.shared.export import csv_table

if TYPE_CHECKING:
    from core.explore.tokens import Tokens


def show_table(given: Input) -> None:
    """The table, and its CSV."""
    table = as_table(given.tokens)
    height = min(420, 38 + 35 * len(table))
    csv_table(table, "Table as CSV", "tokens", height=height, placeholder="", alt="One row for each token")


def as_table(tokens: Tokens) -> pd.DataFrame:
    """One row a position."""
    return pd.DataFrame(
        {
            "Position": range(len(tokens)),
            "Token": tokens.tokens,
            "Id": tokens.ids,
            "In the text": [tokens.surface(position) for position in range(len(tokens))],
            "Start": [start for start, _ in tokens.offsets],
            "End": [end for _, end in tokens.offsets],
            "Word": pd.array(tokens.word_index, dtype="Int64"),
            "Segment": tokens.segments,
            "Attention mask": 1,
            "Special": tokens.is_special,
        }
    )
