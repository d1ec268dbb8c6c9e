"""What a data set looks like: label counts, lengths, what would be cut, repeats and contradictions; and search.

Counts word pieces with a function it is given, so it needs no tokenizer. Near-duplicates are not its business.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.data.dataset import Dataset
from core.data.table import Table
from core.errors import LabError

LIMITS = (128, 256, 512)
_EXTREMES = 10
PieceCounter = Callable[[list[str], list[str] | None], list[int]]


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Measurements of one data set; every position is one in the data set.

    label_counts: name and number of examples, in the order of the names. word_lengths, piece_lengths: one number an
    example, words by white space and pieces with special tokens (None when they were not counted); a pair counts both
    texts. share_cut: for each limit in pieces the share of examples that are longer. duplicates, contradictions: groups
    of equal examples, and those among them with different labels.
    """

    rows: int
    label_counts: tuple[tuple[str, int], ...]
    word_lengths: np.ndarray  # (row,)
    piece_lengths: np.ndarray | None  # (row,)
    share_cut: dict[int, float]
    longest: tuple[int, ...]
    shortest: tuple[int, ...]
    duplicates: tuple[tuple[int, ...], ...]
    contradictions: tuple[tuple[int, ...], ...]
    empty_texts: tuple[int, ...]

    @property
    def duplicate_rows(self) -> int:
        """How many examples repeat an earlier one."""
        return sum(len(group) - 1 for group in self.duplicates)


def profile(dataset: Dataset, *, count_pieces: PieceCounter | None = None) -> Profile:
    """Measure a data set; `count_pieces(texts, pairs)` gives the pieces of each example, special tokens included."""
    words = np.fromiter((len(text.split()) for text in dataset.texts), np.int64, len(dataset))
    if dataset.pairs is not None:
        words += np.fromiter((len(text.split()) for text in dataset.pairs), np.int64, len(dataset))
    pieces = None
    if count_pieces is not None:
        partners = None if dataset.pairs is None else list(dataset.pairs)
        pieces = np.asarray(count_pieces(list(dataset.texts), partners), np.int64)
        if len(pieces) != len(dataset):
            raise ValueError(f"count_pieces gave {len(pieces)} numbers for {len(dataset)} examples")
    order = np.argsort(words if pieces is None else pieces, kind="stable")
    counts = Counter(dataset.labels)
    duplicates = tuple(tuple(group) for group in dataset.groups() if len(group) > 1)
    labels = dataset.labels
    return Profile(
        rows=len(dataset),
        label_counts=tuple((name, counts[number]) for number, name in enumerate(dataset.label_names)),
        word_lengths=words,
        piece_lengths=pieces,
        share_cut={} if pieces is None else {limit: float(np.mean(pieces > limit)) for limit in LIMITS},
        longest=tuple(order[::-1][:_EXTREMES].tolist()),
        shortest=tuple(order[:_EXTREMES].tolist()),
        duplicates=duplicates,
        contradictions=tuple(g for g in duplicates if labels and len({labels[p] for p in g}) > 1),
        empty_texts=tuple(position for position, text in enumerate(dataset.texts) if not text.strip()),
    )


def search(table: Table, query: str, *, regex: bool = False) -> list[int]:
    """The 0-based rows with a match in any column, upper and lower case alike; all rows for an empty query.

    A regular expression is one of RE2, which takes time in proportion to the text. Raises LabError for an invalid one.
    """
    match = pc.match_substring_regex if regex else pc.match_substring
    found = np.zeros(len(table), bool)
    try:
        for name in table.columns:
            found |= match(table.column(name), query, ignore_case=True).to_numpy()
    except pa.ArrowInvalid as error:
        raise LabError(
            f"The search pattern {query[:200]!r} is not a regular expression: {error}.",
            "Mend it, or search for plain text.",
        ) from error
    except UnicodeEncodeError as error:
        raise LabError("The search text holds half a character.", "Type it again.") from error
    return np.flatnonzero(found).tolist()
