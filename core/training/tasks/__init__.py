"""What differs from task to task, one module a task; `task_of` finds the one that a plan names."""

from core.training.tasks.task import Task


def task_of(name: str) -> Task:
    """The task called `name` (`core.data.mapping.TASKS`). Imports torch."""
    from core.training.tasks.sequence_classification import SequenceClassification

    tasks = (SequenceClassification,)
    return next(task() for task in tasks if task.name == name)
