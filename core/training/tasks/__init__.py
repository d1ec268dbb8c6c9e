"""What differs from task to task, one module a task; `task_of` finds the one that a plan names."""

import importlib

from core.training.tasks.task import Task

_HOME = {
    "sequence-classification": "SequenceClassification",
    "multi-label": "MultiLabel",
    "regression": "Regression",
    "token-classification": "TokenClassification",
    "question-answering": "QuestionAnswering",
    "multiple-choice": "MultipleChoice",
    "masked-language": "MaskedLanguage",
}


def task_of(name: str) -> Task:
    """The task called `name` (`core.data.column_mapping.TASKS`), from the module of that name."""
    module = importlib.import_module(f"core.training.tasks.{name.replace('-', '_')}")
    return getattr(module, _HOME[name])()
