"""From a plan to the rows of each part: reads the files, lets the task read their columns, divides."""

from collections.abc import Sequence

import numpy as np

from core.data.dataset.dataset import shared_examples
from core.data.dataset.splits import Splits, split
from core.data.decisions.preparation import Preparation
from core.data.quality.leaks import leaks_within
from core.data.sources.references import open_table
from core.errors import LabError
from core.training.batches.examples import Examples, Prepared, Rows
from core.training.plan.plan import Plan
from core.training.tasks import Task


def prepare(plan: Plan, task: Task) -> Prepared:
    """Read and divide the data of a plan.

    The plan's preparation comes first: corrections, fixes, names of labels, and its splits where there are any. Without
    these and further files 80/10/10, stratified by label, repeats kept together. With a test file 90 % train and 10 %
    validate. With a validation file only, everything else trains, and the scores come from the validation rows.
    Raises `LabError` as reading and the task do, and when no row is left to learn from or to score.
    """
    examples = task.read(open_table(plan.data, options=plan.reading), plan)
    test, validation = (
        None if source is None else task.read(open_table(source, options=plan.reading), plan, examples.label_names)
        for source in (plan.test_data, plan.validation_data)
    )
    shared = []
    if validation is not None:
        train_rows = _take(examples, range(len(examples.rows)))
        validation_rows = _take(validation, range(len(validation.rows)))
        test_rows = validation_rows
    else:
        parts = _parts(plan, examples, has_test=test is not None)
        train_rows, validation_rows, test_rows = (_take(examples, positions) for _, positions in parts.parts())
        shared = [len(leaks_within(examples.dataset, parts))]  # none, but where splits were kept
    if test is not None:
        test_rows = _take(test, range(len(test.rows)))
    if not len(train_rows):
        raise LabError("No row is left to learn from.", "Give more rows.")
    scored_split = "validation" if validation is not None and test is None else "test"
    if not len(test_rows):
        test_rows, scored_split = validation_rows, "validation"
    if not len(test_rows):
        raise LabError("No row is left to score: all are trained on.", "Give more rows, other splits or a test file.")
    given = [part.dataset for part in (validation, test) if part is not None]
    shared += [len(shared_examples(examples.dataset, dataset)) for dataset in given]
    read = [examples.dataset, *given]
    unused = _about_unused(plan, has_files=bool(given), validates=bool(len(validation_rows)))
    return Prepared(
        train=train_rows,
        validation=validation_rows,
        test=test_rows,
        scored_split=scored_split,
        label_names=examples.label_names,
        notices=tuple(notice for part in read for notice in part.notices) + _about_shared(shared) + unused,
        content_hash="+".join(part.content_hash for part in read),
    )


def _parts(plan: Plan, examples: Examples, *, has_test: bool) -> Splits:
    splits = Preparation.from_json(plan.preparation).splits
    if splits is not None and not has_test:
        return splits.restore(examples.dataset)
    shares = (0.9, 0.1, 0.0) if has_test else (0.8, 0.1, 0.1)
    return split(examples.dataset, shares=shares, seed=plan.seed, groups=examples.groups)


def _about_shared(counts: Sequence[int]) -> tuple[str, ...]:
    """A notice for each count of rows that are also trained on: scores over them would flatter."""
    return tuple(f"{count:,} of the rows to be scored also stand in the training data." for count in counts if count)


def _about_unused(plan: Plan, *, has_files: bool, validates: bool) -> tuple[str, ...]:
    """A notice for each setting that these rows leave without effect."""
    notices = []
    if has_files and Preparation.from_json(plan.preparation).splits is not None:
        notices.append(
            "The splits kept for this file are not used, because validation or test have a file of their own."
        )
    if plan.early_stopping and not validates:
        notices.append("No row validates, so nothing can stop early, and the last weights are kept.")
    return tuple(notices)


def _take(examples: Examples, positions: Sequence[int]) -> Rows:
    return examples.rows.take(np.asarray(positions, np.int64).tolist())
