"""How each task learns, one module and one class a task; `task_of` finds the class that a plan names."""

import importlib

from core.tasks import spec_of
from core.training.tasks.task import Task


def task_of(name: str) -> Task:
    """The task called `name`: the class `MultiLabel` of the module `multi_label` for “multi-label”. Raises LabError."""
    words = spec_of(name).name.split("-")
    module = importlib.import_module(f"core.training.tasks.{'_'.join(words)}")
    return getattr(module, "".join(map(str.capitalize, words)))()
