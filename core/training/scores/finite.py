"""The last look at scores before they are written: JSON knows neither NaN nor infinity."""

import math
from typing import Any

from core.errors import LabError


def finite(scores: dict[str, Any]) -> dict[str, Any]:
    """The same scores, when every number in them (in lists and dicts, too) is finite. Raises LabError naming the first
    that is not: answers of a model that became NaN have no score, least of all 0.0."""
    for name, value in scores.items():
        _look_at(name, value)
    return scores


def _look_at(name: str, value: Any) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _look_at(f"{name}.{key}", inner)
    elif isinstance(value, list):
        for inner in value:
            _look_at(name, inner)
    elif isinstance(value, float) and not math.isfinite(value):
        raise LabError(
            f"The model's answers cannot be scored: {name} became {value}.",
            "Look for NaN or huge numbers among the labels; if there are none, train again with a lower learning rate "
            "or in fp32 precision.",
        )
