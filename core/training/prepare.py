"""From a plan to the rows of each split: reads the files, maps the columns, divides. Tokenizes nothing, no torch."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from core.data.columns import Columns
from core.data.dataset import Dataset, build_dataset, shared_examples
from core.data.preparation import Preparation
from core.data.reading import read_table
from core.data.splits import split
from core.errors import LabError
from core.training.plan import Plan


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one split; the fields run parallel. `row_ids` are 0-based rows of the file they come from."""

    row_ids: tuple[int, ...]
    texts: tuple[str, ...]
    pairs: tuple[str, ...] | None
    labels: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.row_ids)


@dataclass(frozen=True, slots=True)
class Prepared:
    """All a training needs to know of its data. `scored_split` is "test", or "validation" where there is no test."""

    train: Rows
    validation: Rows
    test: Rows
    scored_split: str
    label_names: tuple[str, ...]
    notices: tuple[str, ...]
    content_hash: str  # of all files read

    @property
    def majority_label(self) -> int:
        """The commonest label among the training rows."""
        return Counter(self.train.labels).most_common(1)[0][0]


def prepare(plan: Plan) -> Prepared:
    """Read and divide the data of a plan.

    The plan's preparation comes first: corrections, fixes, names of labels, and its splits where there are any. Without
    these and further files 80/10/10, stratified, duplicates kept together. With a test file 90 % train and 10 %
    validate. With a validation file only, everything else trains, and the scores come from the validation rows.
    Raises `LabError` as reading and `build_dataset` do, and when no row is left to learn from.
    """
    preparation = Preparation.from_json(plan.preparation)
    dataset = preparation.dataset(read_table(plan.data, options=plan.reading), _columns(plan))
    test = _read(plan, plan.test_data, dataset.label_names) if plan.test_data else None
    validation = _read(plan, plan.validation_data, dataset.label_names) if plan.validation_data else None
    everything = range(len(dataset.row_ids))
    if validation is not None:
        train_rows = _take(dataset, everything)
        validation_rows = _take(validation, range(len(validation.row_ids)))
        test_rows = validation_rows
    else:
        if preparation.splits is not None and test is None:
            parts = preparation.splits.restore(dataset)
        else:
            shares = (0.8, 0.1, 0.1) if test is None else (0.9, 0.1, 0.0)
            parts = split(dataset, shares=shares, seed=plan.seed)
        train_rows, validation_rows = _take(dataset, parts.train), _take(dataset, parts.validation)
        test_rows = _take(dataset, parts.test)
    if test is not None:
        test_rows = _take(test, range(len(test.row_ids)))
    if not len(train_rows):
        raise LabError("No row is left to learn from.", "Give more rows.")
    scored_split = "validation" if validation is not None and test is None else "test"
    if not len(test_rows):
        test_rows, scored_split = validation_rows, "validation"
    read = [part for part in (dataset, validation, test) if part is not None]
    return Prepared(
        train=train_rows,
        validation=validation_rows,
        test=test_rows,
        scored_split=scored_split,
        label_names=tuple(dataset.label_names),
        notices=tuple(notice for part in read for notice in part.notices) + _shared(dataset, test, validation),
        content_hash="+".join(part.content_hash for part in read),
    )


def _read(plan: Plan, source: str, label_names: Sequence[str] | None) -> Dataset:
    return build_dataset(read_table(source, options=plan.reading), _columns(plan), label_names=label_names)


def _columns(plan: Plan) -> Columns:
    return Columns(text=plan.text_column, label=plan.label_column, pair=plan.pair_column)


def _shared(dataset: Dataset, *given: Dataset | None) -> tuple[str, ...]:
    """A notice for each file of its own whose rows were also trained on: its scores would flatter."""
    counts = [len(shared_examples(dataset, part)) for part in given if part is not None]
    return tuple(f"{count:,} of the rows to be scored also stand in the training data." for count in counts if count)


def _take(dataset: Dataset, positions: Sequence[int]) -> Rows:
    return Rows(
        row_ids=tuple(dataset.row_ids[i] for i in positions),
        texts=tuple(dataset.texts[i] for i in positions),
        pairs=None if dataset.pairs is None else tuple(dataset.pairs[i] for i in positions),
        labels=tuple(dataset.labels[i] for i in positions),
    )
