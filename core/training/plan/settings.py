"""How a dataclass field becomes a setting that people can read and turn: title, help, limits, and the check of a value.

Knows no particular setting: those stand in `core.training.plan.plan`.
"""

import dataclasses
from typing import Any

from core.errors import LabError

Setting = dataclasses.Field
_IN_WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", tuple: "a list of texts"}


def setting(title: str, help: str, default: Any = dataclasses.MISSING, **more: Any) -> Any:
    """A dataclass field that carries what a page shows beside it.

    `more`: `low` and `high` for numbers, `choices` for texts, `tasks` where only some tasks use the setting, `needs`
    where it means something only when another one, named here, is set.
    """
    return dataclasses.field(default=default, metadata={"title": title, "help": help, **more})


def kind(item: Setting) -> type | None:
    """The type of a setting's value, None aside; None for a value of a class of its own."""
    if item.type == tuple[str, ...]:
        return tuple
    return next((known for known in _IN_WORDS if item.type in (known, known | None)), None)


def default_of(item: Setting) -> Any:
    """What a plan has where nobody has set it; for settings that are not required."""
    return item.default


def is_required(item: Setting) -> bool:
    """Whether a setting has no default."""
    return item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING


def check(item: Setting, value: Any, *, within_limits: bool = True) -> None:
    """Raises `LabError` when a value is of the wrong type, out of its limits, or an empty text where one is needed."""
    title, expected = item.metadata["title"], kind(item)
    is_optional = expected is not None and item.type == expected | None
    if is_optional and value is None:
        return
    if expected is None:
        own: Any = item.type  # a class: nothing here is annotated by a text
        if not isinstance(value, own):
            raise LabError(f"{title} is not understood: “{str(value)[:80]}”.", "Leave it out.")
        return
    if not _is_of(expected, value):
        raise LabError(
            f"{title} must be {_IN_WORDS[expected]}; it is “{str(value)[:80]}”.",
            "Put texts in quotes, numbers without.",
        )
    if choices := item.metadata.get("choices"):
        if value not in choices:
            raise LabError(f"{title} cannot be “{str(value)[:80]}”.", f"Choose one of: {', '.join(map(str, choices))}.")
    elif "low" in item.metadata:
        low, high = item.metadata["low"], item.metadata["high"]
        if within_limits and not low <= value <= high:  # also true of NaN
            raise LabError(
                f"{title} must lie between {in_figures(low)} and {in_figures(high)}; it is {_in_short(value)}.",
                f"Choose a value from {in_figures(low)} to {in_figures(high)}.",
            )
    elif expected is str and ("\0" in value or ((is_required(item) or is_optional) and not value.strip())):
        raise LabError(f"{title} is empty.", item.metadata["help"])


def _is_of(expected: type, value: Any) -> bool:
    """Whether a value is of a type: a whole number is a number, too, “true” is none, and a tuple holds texts only."""
    if isinstance(value, bool):
        return expected is bool
    if expected is tuple:
        return isinstance(value, tuple) and all(isinstance(each, str) for each in value)
    return isinstance(value, expected) or (expected is float and isinstance(value, int))


def in_figures(value: float) -> str:
    """A limit or a default as people read it: 4,096 or 1e-08."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,g}"


def _in_short(value: float) -> str:
    try:
        return f"{value:g}"
    except OverflowError:  # a whole number has any size
        return "far larger" if value > 0 else "far smaller"


def from_text(item: Setting, value: Any) -> Any:
    """A value as YAML gives it, as the field takes it: "5e-5" (no number to YAML) as a number, a list as a tuple."""
    wanted = kind(item)
    if wanted is tuple and isinstance(value, list):
        return tuple(value)
    if (wanted is int or wanted is float) and isinstance(value, str):
        try:
            return wanted(value)
        except ValueError:
            return value  # refused by the check, with its title
    return value


def to_text(value: Any) -> Any:
    """The reverse, for YAML."""
    return list(value) if isinstance(value, tuple) else value
