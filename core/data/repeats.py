"""Finds equal examples in columns of any size, exactly, without a Python object a row."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from core.data.views import Strings
from core.data.words import bytes_of

_SAMPLED_BYTES = 8  # one number of 64 bits
_MULTIPLIERS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))  # odd, so that nothing is lost


def first_equal(columns: Sequence[Strings]) -> np.ndarray:
    """For each row the position of the first row that is equal in all columns: its own when there is none before.

    Rows that differ in length or in a few sampled bytes are told apart by these; only the rest is compared in full
    (Arrow's dictionary encoding), so the answer is exact.
    """
    rows = len(columns[0])
    first = np.arange(rows)
    signature = _signature(columns[0])
    for column in columns[1:]:
        signature = signature * _MULTIPLIERS[0] + _signature(column)
    signature = (signature >> np.uint64(32)).astype(np.uint32)  # shorter numbers are sorted faster
    ordered = np.sort(signature)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(repeated):
        return first
    candidates = np.flatnonzero(_among(signature, repeated))
    codes = np.zeros(len(candidates), np.int64)
    for column in columns:
        own = _codes(column.take(candidates).arrow)
        codes = np.unique(codes * (own.max() + 1) + own, return_inverse=True)[1]
    _, earliest = np.unique(codes, return_index=True)
    first[candidates] = candidates[earliest[codes]]
    return first


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


def _among(values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Which values are among the sorted `wanted`."""
    return wanted[np.minimum(np.searchsorted(wanted, values), len(wanted) - 1)] == values


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
