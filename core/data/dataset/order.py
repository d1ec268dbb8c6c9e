"""Sorts names as a person would."""

import re
from collections.abc import Iterable

from core.data.table import is_number


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
