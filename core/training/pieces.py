"""Collects the pieces of many encodings end to end, as compact numbers. Tokenizes nothing itself."""

from collections.abc import Iterable

import numpy as np
from tokenizers import Encoding

from core.training.encoding import Encoded

CHUNK = 2_000  # texts tokenized at once: bounds the memory of the tokenizer's own objects


def joined(encodings: Iterable[Encoding], *, has_segments: bool) -> Encoded:
    """The pieces of the encodings in their order; `cut_count` tells how many have lost something behind them.

    Encodings are taken one by one, so that those of a generator need not be there all at once.
    """
    ids: list[np.ndarray] = []
    segments: list[np.ndarray] = []
    cut_count = 0
    for encoding in encodings:
        ids.append(np.asarray(encoding.ids, np.int32))
        if has_segments:
            segments.append(np.asarray(encoding.type_ids, np.int8))
        cut_count += bool(encoding.overflowing)
    return Encoded(
        ids=np.concatenate(ids) if ids else np.zeros(0, np.int32),
        segments=(np.concatenate(segments) if segments else np.zeros(0, np.int8)) if has_segments else None,
        starts=np.concatenate([[0], np.cumsum([len(each) for each in ids], dtype=np.int64)]),
        cut_count=cut_count,
    )
