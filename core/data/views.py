"""Sequences of strings and whole numbers over Arrow and NumPy memory: a million of them cost no Python objects.

They read like tuples (index, slice, iterate, compare, count) and give plain `str` and `int`. Nothing here changes them.
"""

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
import pyarrow as pa
from numpy.typing import DTypeLike

_BLOCK = 16_384


class Strings(Sequence[str]):
    """A column of Arrow strings without nulls, read as a tuple would be.

    >>> Strings(["a", "b"])[1], Strings(["a", "b"]) == ("a", "b")
    ('b', True)
    """

    __slots__ = ("arrow",)
    __hash__ = None  # pyright: ignore[reportAssignmentType]  # as of a list; the stub of `object` allows no None

    def __init__(self, values: "pa.ChunkedArray | pa.Array | Sequence[str]") -> None:
        if not isinstance(values, pa.ChunkedArray):
            values = pa.chunked_array([values if isinstance(values, pa.Array) else pa.array(values, pa.string())])
        self.arrow: pa.ChunkedArray = values

    def __len__(self) -> int:
        return len(self.arrow)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> "Strings": ...
    def __getitem__(self, index: int | slice) -> "str | Strings":
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                return self.take(np.arange(start, stop, step))
            return Strings(self.arrow.slice(start, max(0, stop - start)))
        return self.arrow[int(index)].as_py()

    def __iter__(self) -> Iterator[str]:
        for block in self.blocks():
            yield from block.to_pylist()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Strings):
            return self.arrow.equals(other.arrow)
        if isinstance(other, (tuple, list)):
            return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))
        return NotImplemented

    def __repr__(self) -> str:
        return f"Strings({len(self):,})"

    def blocks(self, rows: int = _BLOCK) -> Iterator[pa.Array]:
        """The column in arrays of at most `rows` strings, for work that must not take it all at once."""
        for chunk in self.arrow.chunks:
            for start in range(0, len(chunk), rows):
                yield chunk.slice(start, rows)

    def join(self, other: "Strings") -> "Strings":
        """These strings, then the others."""
        return Strings(pa.chunked_array([*self.arrow.chunks, *other.arrow.chunks], pa.string()))

    def take(self, positions: "np.ndarray | Sequence[int]") -> "Strings":
        """The strings at these positions, in their order."""
        return Strings(take(self.arrow, np.asarray(positions, np.int64)))


class Numbers(Sequence[int]):
    """Whole numbers in a NumPy array, read as a tuple would be.

    >>> Numbers([3, 1])[0], Numbers([3, 1]) == (3, 1), bool(Numbers([]))
    (3, True, False)
    """

    __slots__ = ("array",)
    __hash__ = None  # pyright: ignore[reportAssignmentType]  # as of a list; the stub of `object` allows no None

    def __init__(self, values: "np.ndarray | Sequence[int]") -> None:
        self.array: np.ndarray = np.array(values, np.int64)  # (position,)
        self.array.setflags(write=False)

    @classmethod
    def over(cls, array: np.ndarray) -> "Numbers":
        """The numbers of an array that nobody else writes to, without a copy."""
        numbers = cls.__new__(cls)
        numbers.array = array.astype(np.int64, copy=False).view()
        numbers.array.setflags(write=False)
        return numbers

    def __len__(self) -> int:
        return len(self.array)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> "Numbers": ...
    def __getitem__(self, index: int | slice) -> "int | Numbers":
        return Numbers(self.array[index]) if isinstance(index, slice) else int(self.array[index])

    def __iter__(self) -> Iterator[int]:
        for start in range(0, len(self), _BLOCK):
            yield from self.array[start : start + _BLOCK].tolist()

    def __contains__(self, value: object) -> bool:
        return bool((self.array == value).any())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (Numbers, tuple, list)):
            return len(self) == len(other) and bool(np.array_equal(self.array, np.asarray(other, np.int64)))
        return NotImplemented

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.array, dtype, copy=True) if copy else np.asarray(self.array, dtype)

    def __repr__(self) -> str:
        shown = ", ".join(map(str, self.array[:8].tolist()))
        return f"Numbers([{shown}{', …' if len(self) > 8 else ''}])"

    def count(self, value: int) -> int:
        """How often a number occurs."""
        return int((self.array == value).sum())


def take(column: pa.ChunkedArray, positions: np.ndarray) -> pa.ChunkedArray:
    """The cells at these positions; the column itself when these are all, in order."""
    rising = bool((np.diff(positions) > 0).all())
    if rising and len(positions) == len(column):
        return column
    if not rising:
        return column.take(pa.array(positions, pa.int64()))
    bounds = np.cumsum([0, *map(len, column.chunks)])  # chunk by chunk: Arrow would first copy the whole column
    cuts = np.searchsorted(positions, bounds)
    parts = [
        chunk.take(pa.array(positions[low:high] - start))
        for chunk, start, low, high in zip(column.chunks, bounds[:-1], cuts[:-1], cuts[1:], strict=True)
        if high > low
    ]
    return pa.chunked_array(parts, column.type)
