"""Every task brings all that it must, and nothing elsewhere is keyed by the name of a task."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.data.columns.check import CHECKS
from core.data.columns.guess import GUESSES
from core.data.columns.task_guess import SIGNS
from core.inference.predictors import PREDICTORS
from core.models import loading
from core.reports.scored_rows import READERS
from core.tasks import FIRST, TASKS, metric_of, spec_of, tasks_using
from core.training.forms.presets import PRESETS
from core.training.plan.plan import FIELDS, columns_of
from core.training.tasks import task_of
from core.training.tasks.task import Task
from core.training.tasks.text import TextTask
from pages.train.runs.tasks import VIEWS
from pages.train.runs.tasks.task_view import TaskView
from tests import finished_runs
from tests.core.training.test_scores import TASKS as SCORED

PROJECT = Path(__file__).parents[2]
# Where a task is named: what it is, and one registry on each floor, see `core.tasks`.
REGISTRIES = {
    "core/data/columns/check.py",
    "core/data/columns/guess.py",
    "core/data/columns/task_guess.py",
    "core/inference/predictors.py",
    "core/reports/scored_rows.py",
}
# Names of heads (`core.models.loading`), some of which are those of tasks.
OTHERS = {"core/models/loading.py", "pages/explore/attention/ablation.py"}

each_task = pytest.mark.parametrize("task", TASKS)


@each_task
def test_a_task_says_what_it_is(task: str) -> None:
    spec = spec_of(task)
    assert spec.name == task
    assert all(text.strip() for text in (spec.title, spec.meaning, spec.noun, spec.pipeline))
    assert spec.meaning.endswith(".")
    assert spec.head in {value for value in vars(loading).values() if isinstance(value, str)}
    shares_head = any(spec_of(other).head == spec.head for other in TASKS if other != task)
    assert spec.problem_type or not shares_head, "Another task has this head: say by problem_type what the logits mean"
    assert set(spec.lengths) <= set(PRESETS)


@each_task
def test_a_task_says_what_its_columns_are(task: str) -> None:
    spec = spec_of(task)
    names = [role.name for role in spec.roles]
    assert len(set(names)) == len(names)
    assert spec.inputs
    assert spec.inputs[0].segment == 1
    for role in spec.roles:
        assert all(text.strip() for text in (role.title, role.help))
        assert role.setting in FIELDS
        assert not role.list_setting or role.list_setting in FIELDS
        assert role.holds in ("text", "words", "label", "labels", "number", "choice", "answer")
    assert spec.grouped_by in ("", *names)


@each_task
def test_a_task_says_which_settings_it_uses(task: str) -> None:
    spec = spec_of(task)
    assert {*spec.settings, *spec.best} <= set(FIELDS)
    for name in spec.settings:
        assert task in FIELDS[name].metadata["tasks"] == tasks_using(name)
    if isinstance(task_of(task), TextTask) and spec.takes_pairs:
        assert "truncation" in spec.settings, "TextTask cuts pairs as plan.truncation says: name it in SPEC.settings"


@each_task
def test_a_task_says_how_its_scores_read(task: str) -> None:
    spec = spec_of(task)
    assert spec.curves
    assert spec.metrics
    names = [metric.name for metric in (*spec.metrics, *spec.further)]
    assert len(set(names)) == len(names)
    assert set(spec.curves) <= set(names)
    assert spec.metrics[0].baselines
    for metric in (*spec.metrics, *spec.further):
        known = metric_of(metric.name)
        assert metric.title
        assert metric.meaning.endswith(".")
        assert (known.title, known.meaning, known.is_share) == (metric.title, metric.meaning, metric.is_share), (
            f"{metric.name} means something else in another task: take it from core/tasks/common.py, "
            "or choose another name"
        )


def missing_of(task: str) -> Iterator[str]:
    """Each place that does not know a task yet, with its file."""
    known = {
        "CHECKS in core/data/columns/check.py": CHECKS,
        "GUESSES in core/data/columns/guess.py": GUESSES,
        # The first task is what a table is for when it looks like nothing else.
        "SIGNS in core/data/columns/task_guess.py": {*SIGNS, FIRST},
        "PREDICTORS in core/inference/predictors.py": PREDICTORS,
        "READERS in core/reports/scored_rows.py": READERS,
        "VIEWS in pages/train/runs/tasks/__init__.py": VIEWS,
        "TASKS, and its short training, in tests/finished_runs.py": finished_runs.TASKS,
        "TASKS, and its scores, in tests/core/training/test_scores.py": {scored[0] for scored in SCORED.values()},
    }
    yield from (place for place, tasks in known.items() if task not in tasks)
    module, name = task.replace("-", "_"), task.title().replace("-", "")
    try:
        found = getattr(importlib.import_module(f"core.training.tasks.{module}"), name, None)
    except ModuleNotFoundError as error:
        if error.name != f"core.training.tasks.{module}":
            raise
        found = None
    if not (isinstance(found, type) and issubclass(found, Task)):
        yield f"class {name}(Task) in core/training/tasks/{module}.py"
    if not isinstance(VIEWS.get(task), TaskView | None):
        yield "a TaskView in VIEWS in pages/train/runs/tasks/__init__.py"


@each_task
def test_every_floor_knows_the_task(task: str) -> None:
    missing = list(missing_of(task))
    assert not missing, "\n".join([f"What {task} still lacks:", *missing])
    assert task_of(task).spec is spec_of(task)
    assert (PREDICTORS[task].table is not None) == spec_of(task).predicts_rows
    assert VIEWS[task].spec is spec_of(task)
    assert VIEWS[task].mistakes_intro


def test_a_task_that_is_nowhere_is_told_every_place() -> None:
    missing = "\n".join(missing_of("choice-of-two"))
    assert "class ChoiceOfTwo(Task) in core/training/tasks/choice_of_two.py" in missing
    for place in (*REGISTRIES, "pages/train/runs/tasks", "tests/finished_runs.py", "test_scores.py"):
        assert place in missing


def test_registries_name_no_task_that_is_none() -> None:
    for registry in (CHECKS, GUESSES, SIGNS, PREDICTORS, READERS, VIEWS):
        assert set(registry) <= set(TASKS)


def names_of_tasks_in(source: str) -> list[int]:
    """The lines in which the name of a task stands as a text of its own."""
    constants = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    return sorted(node.lineno for node in constants if node.value in TASKS)


def test_nothing_else_is_keyed_by_the_name_of_a_task() -> None:
    found = {}
    for file in sorted((*PROJECT.glob("core/**/*.py"), *PROJECT.glob("pages/**/*.py"))):
        name = file.relative_to(PROJECT).as_posix()
        is_allowed = name.startswith("core/tasks/") or name in REGISTRIES | OTHERS
        if not is_allowed and (lines := names_of_tasks_in(file.read_text("utf-8"))):
            found[name] = lines
    assert found == {}, "Say it in the task's SPEC, or as a method of its class"


@pytest.mark.parametrize(
    "source",
    [
        'if task == "regression": pass',
        'WORDS = {"multi-label": 1}',
        'SOME = ("masked-language",)',
        'match task:\n    case "question-answering": pass',
    ],
)
def test_a_name_of_a_task_is_found(source: str) -> None:
    assert names_of_tasks_in(source)
    assert not names_of_tasks_in('"""For regression."""\nkind = "regression task"')


def test_the_settings_of_columns_come_back() -> None:
    from core.data.column_mapping import ColumnMapping

    mapping = ColumnMapping.of("multi-label", text="t", labels=("a", "b"))
    assert columns_of(mapping) == {"task": "multi-label", "text_column": "t", "label_columns": ("a", "b")}
    assert columns_of(ColumnMapping.of("multi-label", text="t", labels="a"))["label_column"] == "a"
