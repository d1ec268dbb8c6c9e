"""A short name for the rows of a split, by which runs are compared without their millions of ids."""

import hashlib
from collections.abc import Sequence

import numpy as np


def row_ids_hash(row_ids: Sequence[int]) -> str:
    """SHA-256 of the ids in their order, as 64-bit numbers."""
    return hashlib.sha256(np.asarray(row_ids, "<i8").tobytes()).hexdigest()
