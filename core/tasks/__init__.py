"""What a task is, one module a task; the registry of all. Plain data, which every floor may read.

What a floor does for a task stands there, under the same name:

- `core.data.columns`: guessing the columns (`guess`), noticing the task (`task_guess`), checking (`check`)
- `core.training.tasks`: rows, batches, head, loss, scores, one class a task
- `core.inference.predictors`: predicting for texts and for the rows of a table
- `core.reports.scored_rows`: reading a run's `predictions.csv`
- `pages.train.runs.tasks`: drawing scores, mistakes and “Try it”, one class a task

`tests/core/test_tasks.py` fails where one of them is missing.
"""

from core.errors import LabError
from core.tasks import (
    masked_language,
    multi_label,
    multiple_choice,
    question_answering,
    regression,
    sequence_classification,
    token_classification,
)
from core.tasks.spec import Metric as Metric
from core.tasks.spec import Role as Role
from core.tasks.spec import TaskSpec as TaskSpec

# In the order in which people are offered them.
SPECS: dict[str, TaskSpec] = {
    module.SPEC.name: module.SPEC
    for module in (
        sequence_classification,
        multi_label,
        regression,
        token_classification,
        question_answering,
        multiple_choice,
        masked_language,
    )
}
TASKS = tuple(SPECS)
FIRST = TASKS[0]  # also of runs that do not say: they were made when there was no other


def spec_of(task: str) -> TaskSpec:
    """The task of this name. Raises LabError when there is none."""
    if task not in SPECS:
        raise LabError(f"There is no task {str(task)[:80]!r}.", f"The tasks are {', '.join(TASKS)}.")
    return SPECS[task]


def tasks_using(setting: str) -> tuple[str, ...]:
    """The tasks that use a setting of a plan which not all of them use."""
    return tuple(name for name, spec in SPECS.items() if setting in spec.settings)


def metric_of(name: str) -> Metric:
    """The metric that events and `metrics.json` call `name`; an unknown one is shown under its own name.

    >>> metric_of("macro_f1").title, metric_of("my_own").title
    ('Macro F1', 'My own')
    """
    words = name.replace("_", " ").strip() or name
    every = (metric for spec in SPECS.values() for metric in (*spec.metrics, *spec.further))
    return next((metric for metric in every if metric.name == name), Metric(name, words[:1].upper() + words[1:]))


def written(name: str, value: float) -> str:
    """A value of the metric `name` as people read it.

    >>> written("accuracy", 0.75), written("mcc", 0.4541), written("perplexity", 12.345)
    ('75.0%', '0.454', '12.35')
    """
    return metric_of(name).written(value)
