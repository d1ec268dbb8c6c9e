"""Combinations of parameters: some in every run, all of them in `make test-all`."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

Named = Mapping[str, Any] | Sequence[Any]


def diagonal(first: Named, second: Named) -> list[Any]:
    """Parameters for two arguments: each value of either at least once, all further combinations marked `slow`.

    Values whose name in the test's id differs from themselves come as a mapping.

    >>> [each.values for each in diagonal("ab", "xyz") if not each.marks]
    [('a', 'x'), ('a', 'z'), ('b', 'y')]
    """
    ours, theirs = _named(first), _named(second)
    return [
        pytest.param(
            value,
            other,
            id=f"{name}-{other_name}",
            marks=() if i == j % len(ours) or j == i % len(theirs) else pytest.mark.slow,
        )
        for i, (name, value) in enumerate(ours)
        for j, (other_name, other) in enumerate(theirs)
    ]


def _named(values: Named) -> list[tuple[str, Any]]:
    return list(values.items()) if isinstance(values, Mapping) else [(str(each), each) for each in values]
