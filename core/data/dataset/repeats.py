"""Finds equal examples in columns of any size, exactly, without a Python object a row."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from core.data.dataset.words import bytes_of
from core.data.views import Strings

_SAMPLED_BYTES = 8  # one number of 64 bits
_ROUNDS, _SLOTS = 3, 3  # of telling signatures apart, and how many slots there are at least for each
_MULTIPLIERS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))  # odd, so that nothing is lost


def first_equal(columns: Sequence[Strings]) -> np.ndarray:
    """For each row the position of the first row that is equal in all columns: its own when there is none before.

    Rows that differ in length or in a few sampled bytes are told apart by these, all but a few by chance; only the rest
    is compared in full (Arrow's dictionary encoding), so the answer is exact.
    """
    first = np.arange(len(columns[0]))
    signature = _signature(columns[0])
    for column in columns[1:]:
        signature = signature * _MULTIPLIERS[0] + _signature(column)
    candidates = _maybe_repeated(signature)
    if not len(candidates):
        return first
    codes = _codes(columns[0].take(candidates).arrow)
    for column in columns[1:]:
        own = _codes(column.take(candidates).arrow)
        codes = np.unique(codes * (own.max() + 1) + own, return_inverse=True)[1]
    _, earliest = np.unique(codes, return_index=True)
    first[candidates] = candidates[earliest[codes]]
    return first


def with_label(first: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """For each row the position of the first that has the same label, too: (row,); `first` is what `first_equal` gives.

    `labels` are numbers, (row,), or empty where there are none. A row that is not its own first repeats an earlier one.
    """
    if not len(labels):
        return first
    again = np.flatnonzero(first != np.arange(len(first)))
    members = np.union1d(again, first[again])  # the others are their own first anyway
    _, earliest, number = np.unique(
        first[members] * (int(labels.max()) + 1) + labels[members], return_index=True, return_inverse=True
    )
    found = np.arange(len(first))
    found[members] = members[earliest[number]]
    return found


def together(column: Strings) -> np.ndarray | None:
    """For rows with the same cell, which a split is to keep on one side, the position of the first of them: (row,).

    None where all rows have the same: they could not be divided.
    """
    first = first_equal([column])
    return first if first.any() else None


def groups_of(first: np.ndarray) -> list[np.ndarray]:
    """Positions that belong together, for each group of two or more, in the order of their first members."""
    others = np.flatnonzero(first != np.arange(len(first)))
    members = np.concatenate([np.unique(first[others]), others])
    order = np.lexsort((members, first[members]))
    members = members[order]
    bounds = np.flatnonzero(np.diff(first[members])) + 1
    return np.split(members, bounds) if len(members) else []


def dictionary_codes(column: pa.ChunkedArray) -> tuple[np.ndarray, tuple[str, ...]]:
    """A number for each cell, the same for equal cells, and the different cells in the order of these numbers, which
    is that in which they first occur."""
    chunks = column.dictionary_encode().chunks
    if not chunks:
        return np.zeros(0, np.int64), ()
    codes = np.concatenate([chunk.indices.to_numpy() for chunk in chunks], dtype=np.int64)
    return codes, tuple(chunks[-1].dictionary.to_pylist())


def _codes(column: pa.ChunkedArray) -> np.ndarray:
    return np.concatenate([chunk.indices.to_numpy() for chunk in column.dictionary_encode().chunks], dtype=np.int64)


def _maybe_repeated(signature: np.ndarray) -> np.ndarray:
    """The positions, rising, of all numbers that occur more than once, and of a few others.

    Hashes the numbers to slots, each time by other bits, and keeps those that share one: much faster than sorting them.
    """
    kept = np.arange(len(signature), dtype=np.int32)
    for _ in range(_ROUNDS):
        bits = (len(kept) * _SLOTS).bit_length()
        slots = (signature >> np.uint64(64 - bits)).view(np.int64)  # as `take` wants them
        own = np.arange(len(kept), dtype=np.int32)
        owner = np.empty(1 << bits, np.int32)
        owner[slots] = own  # one of those that share the slot, whichever
        owners = owner.take(slots)
        shared = owners != own
        shared[owners.take(np.flatnonzero(shared))] = True
        positions = np.flatnonzero(shared)  # `take` is faster than a mask
        kept = kept.take(positions)
        signature = signature.take(positions) * _MULTIPLIERS[1]
    return kept


def _signature(column: Strings) -> np.ndarray:
    """A number for each cell from its length and bytes spread evenly over it: equal cells have equal ones."""
    found, start = np.zeros(len(column), np.uint64), 0
    steps = np.arange(_SAMPLED_BYTES, dtype=np.int32)
    for block in column.blocks():
        content, offsets = bytes_of(block)
        lengths = np.diff(offsets)
        places = offsets[:-1, None] + (lengths[:, None] * steps >> 3)
        sampled = np.take(content, places, mode="clip") if len(content) else np.zeros(places.shape, np.uint8)
        sampled[lengths == 0] = 0  # an empty cell has no byte of its own
        numbers = sampled.view(np.uint64)[:, 0]
        found[start : start + len(block)] = numbers * _MULTIPLIERS[0] + lengths.astype(np.uint64) * _MULTIPLIERS[1]
        start += len(block)
    return found
