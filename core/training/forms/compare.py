"""In which settings several plans differ, by title and with values as people read them."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from core.data.reading.read_table import ReadOptions
from core.training.forms.editable import written
from core.training.plan.plan import Plan
from core.training.plan.settings import Setting

_DECIDED = {"mapping": "names of labels", "edits": "corrections", "recipe": "fixes", "splits": "splits"}


def differing(plans: Sequence[Plan]) -> dict[str, tuple[str, ...]]:
    """For each setting in which the plans differ, names of runs aside: its title, and the value of every plan."""
    found = {}
    for item in dataclasses.fields(Plan):
        values = [getattr(plan, item.name) for plan in plans]
        if item.name != "name" and any(value != values[0] for value in values):
            found[item.metadata["title"]] = tuple(_in_words(item, value) for value in values)
    return found


def _in_words(item: Setting, value: Any) -> str:
    if item.name == "preparation":
        return ", ".join(_DECIDED[each] for each in json.loads(value or "{}")) or "nothing decided"
    if isinstance(value, ReadOptions):
        given = {name: each for name, each in value.to_dict().items() if each is not None}
        return ", ".join(f"{name} {each!r}" for name, each in given.items()) or "detected"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if isinstance(value, str) and "choices" not in item.metadata:  # a column or a file: as it is called
        return value or "none"
    return "none" if value is None else written(item, value)
