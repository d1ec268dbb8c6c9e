"""A run for notebooks and scripts: all that its folder tells, and predictions of any task with its model.

`core.runs` knows no model and stands below, so what predicts is put on top of it here. Nothing heavy is imported before
something is predicted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from core.errors import LabError
from core.runs import folder
from core.tasks import FIRST
from core.workspace import runs_directory

if TYPE_CHECKING:
    from pathlib import Path

    from core.models.loading import Model
    from core.runs.slurm import SlurmOptions
    from core.training.plan.plan import Plan


@dataclass(frozen=True, slots=True)
class Run(folder.Run):
    """A run on disk, as `core.runs.folder.Run`, that also predicts."""

    def model(self) -> Model:
        """The trained model, reading texts as when the run was scored. Raises `LabError` before it has finished."""
        from core.models.loading import open_model

        is_listed = self.path.parent.resolve() == runs_directory().resolve()
        return as_scored(open_model(self.id if is_listed else str(self.path / "model"), attention="sdpa"), self)

    def predict(
        self,
        texts: Sequence[Any],
        pairs: Sequence[str] | None = None,
        *,
        choices: Sequence[Sequence[str]] | None = None,
    ) -> Any:
        """What the model says of each text, the same as its scores, Mistakes, Try it and Predict a file say.

        `texts` and `pairs` are what the task reads: texts (and second texts); sentences, each a list of words or a text
        whose words blanks part; questions and passages; beginnings (and questions) with `choices`; for masked language
        texts with [MASK]. The result is that of `core.predict`, `predict_labels`, `predict_scores`, `tag_words`,
        `answer`, `choose`, or a list with that of `fill_mask` for each text.

        Opens the model again each time: keep `model()` for many calls, and give it to those functions. Raises
        `LabError` as they do, and when something is given that the task does not read.

        >>> open_run("20261128-1200-reviews-1a2b").predict(["A fine film."]).labels  # doctest: +SKIP
        ('positive',)
        """
        if isinstance(texts, str):
            raise LabError("One text is given where a list of texts is read.", "Write [text] instead of text.")
        model = self.model()
        return predict_task(model, texts, pairs, choices)


def predict_task(
    model: Model,
    texts: Sequence[Any],
    pairs: Sequence[str] | None = None,
    choices: Sequence[Sequence[str]] | None = None,
) -> Any:
    """Predict with a model of any task; see `Run.predict`."""
    from core.inference.predict import task_of_model
    from core.inference.predictors import PREDICTORS

    task = task_of_model(model) or FIRST
    predictor = PREDICTORS[task]
    if (pairs is not None and not predictor.reads_pairs) or (choices is not None and not predictor.reads_choices):
        unread = "choices" if choices is not None else "second texts"
        raise LabError(f"A model for {task} reads no {unread}.", "Leave them out.")
    return predictor.texts(model, texts, pairs, choices)


def as_scored(model: Model, run: folder.Run) -> Model:
    """The model of a run, reading texts as when the run was scored.

    It says so itself, but for runs of earlier versions, whose plan tells; where that cannot be read, they stay as they
    are. Nothing is copied but the small frame.
    """
    from core.training.plan.plan import Plan

    if model.settings is not None:
        return model
    try:
        plan = Plan.from_yaml(run.plan_text())
    except LabError:
        return model
    names = run.data().get("label_names", ()) if plan.choice_columns else ()
    own = replace(
        model.inference,
        max_length=min(plan.max_length, model.max_length),
        truncation=plan.truncation,
        window_overlap=plan.window_overlap,
        choices=tuple(map(str, names)),
    )
    return replace(model, settings=own)


def open_run(reference: str | Path) -> Run:
    """The run with this id, or in this folder (a `Path`); as `core.runs.folder.open_run`."""
    return Run(folder.open_run(reference).path)


def list_runs() -> list[Run]:
    """All runs in the workspace, newest first; as `core.runs.folder.list_runs`."""
    return [Run(run.path) for run in folder.list_runs()]


def launch(plan: Plan, *, output: Path | None = None, slurm: SlurmOptions | None = None) -> Run:
    """Start a run and return at once; as `core.training.launch`."""
    from core import training

    return Run(training.launch(plan, output=output, slurm=slurm).path)


def train(plan: Plan, *, output: Path | None = None) -> Run:
    """Start a run and wait for its end; as `core.training.train`.

    >>> run = train(Plan(data="sample:reviews", text_column="text", label_column="label"))  # doctest: +SKIP
    >>> run.metrics()["accuracy"], run.predict(["A fine film."]).labels  # doctest: +SKIP
    """
    from core import training

    return Run(training.train(plan, output=output).path)


def resume(run: folder.Run) -> Run:
    """Continue an interrupted run and return at once; as `core.training.resume`."""
    from core import training

    return Run(training.resume(run).path)
