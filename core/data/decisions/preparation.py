"""Everything decided about a file before training, as one value: columns and label names, corrections, fixes, splits.

A run carries it in its plan, so it does not change with what is decided later. Keeps nothing itself (see `decisions`).
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

import numpy as np

from core.data.column_mapping import ColumnMapping
from core.data.dataset.browse import natural_order
from core.data.dataset.dataset import Dataset, build_dataset
from core.data.dataset.edits import Edits
from core.data.dataset.recipe import Recipe
from core.data.dataset.row_selection import RowSelection, is_usable_label
from core.data.decisions import store
from core.data.decisions.saved_splits import SavedSplits
from core.data.table import ReadOptions, Table
from core.data.views import Numbers
from core.errors import LabError

KINDS = {"mapping": ColumnMapping, "edits": Edits, "recipe": Recipe, "splits": SavedSplits}


@dataclass(frozen=True, slots=True)
class Preparation:
    """What was decided; None for what was left as it is. The fields are applied in this order."""

    mapping: ColumnMapping | None = None
    edits: Edits | None = None
    recipe: Recipe | None = None
    splits: SavedSplits | None = None
    _memo: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, content_hash: str, reading: ReadOptions | None = None) -> "Preparation":
        """What is kept for a file in the workspace.

        Raises LabError when it is damaged, or names the rows of another reading of the file than this one.
        """
        return cls(**{name: store.load(content_hash, kind, reading) for name, kind in KINDS.items()})

    def to_json(self) -> str:
        """One line of JSON; "" when nothing was decided.

        It holds what applies, not how it came about: the same rows and names give the same line.
        """
        settled = replace(
            self,
            edits=self.edits.settled() if self.edits is not None and len(self.edits) else None,
            recipe=Recipe(self.recipe.steps) if self.recipe is not None and len(self.recipe) else None,
        )
        kept = {name: getattr(settled, name).to_dict() for name in KINDS if getattr(settled, name) is not None}
        return json.dumps(kept, ensure_ascii=False, allow_nan=False) if kept else ""

    @classmethod
    def from_json(cls, text: str) -> "Preparation":
        """The reverse of `to_json`. Raises LabError for anything else."""
        if not text:
            return cls()
        try:
            values = json.loads(text)
            unknown = set(values) - set(KINDS)
        except (TypeError, ValueError, RecursionError) as error:
            raise _not_understood() from error
        if unknown or not isinstance(values, dict):
            raise _not_understood()
        return cls(**{name: KINDS[name].from_dict(value) for name, value in values.items()})

    @property
    def digest(self) -> str:
        """A short name for all that changes rows: corrections, fixes, and names of labels, but not splits."""
        if "digest" not in self._memo:
            rest = replace(self, edits=None, splits=None).to_json()
            edits = self.edits.digest if self.edits is not None and len(self.edits) else ""
            self._memo["digest"] = sha256(f"{edits} {rest}".encode("utf-8", "replace")).hexdigest()[:16]
        return self._memo["digest"]

    def dataset(self, table: Table, mapping: ColumnMapping) -> Dataset:
        """The checked examples after corrections and fixes; labels in the order and under the names decided.

        Raises LabError as `build_dataset`, and for corrections of another file.
        """
        built = build_dataset(table, mapping, edits=self.edits, recipe=self.recipe)
        decided = self._decided_for(mapping)
        if decided is None:
            return built
        names = dict(named_labels(decided, built.label_names))
        place = {label: number for number, label in enumerate(names)}
        moved = np.array([place[label] for label in built.label_names], np.int64)
        numbers = Numbers(moved[built.labels.array]) if len(moved) else built.labels
        return replace(built, labels=numbers, label_names=tuple(names.values()))

    def dataset_of_other(self, table: Table, mapping: ColumnMapping, label_names: Sequence[str]) -> Dataset:
        """The examples of another file, without the corrections and fixes of the first, under the first's labels.

        `label_names` are those that `dataset` gave; in the file all may stand as in the first, or all by these names.
        Raises LabError as `build_dataset` with `label_names`.
        """
        decided = self._decided_for(mapping)
        written = {} if decided is None else {name: label for label, name in decided.titles().items()}
        as_in_first = [written.get(name, name) for name in label_names]
        column = mapping.label_column
        found = set() if column is None else set(table.column(column).unique().to_pylist())
        names = min(as_in_first, label_names, key=lambda names: len(found.difference(names)))
        return replace(build_dataset(table, mapping, label_names=names), label_names=tuple(label_names))

    def labels(self, selection: RowSelection, mapping: ColumnMapping) -> list[tuple[str, str]]:
        """The labels of rows that corrections and fixes have left, as (in the file, name), in the order of numbers."""
        found = natural_order([label for label in selection.label_codes()[1] if is_usable_label(label)])
        decided = self._decided_for(mapping)
        return [(label, label) for label in found] if decided is None else named_labels(decided, found)

    def _decided_for(self, mapping: ColumnMapping) -> ColumnMapping | None:
        """What was decided about labels, where these stand in the same column."""
        own = self.mapping
        return own if own is not None and own.label_column == mapping.label_column else None


def named_labels(mapping: ColumnMapping, found: Sequence[str]) -> list[tuple[str, str]]:
    """Each label of `found` with its name: those that the mapping orders first, new ones behind them.

    Raises LabError when a new label is called like another one's name.
    """
    titles, there = mapping.titles(), set(found)
    order = [label for label in titles if label in there]
    named = [(label, titles.get(label, label)) for label in (*order, *(each for each in found if each not in titles))]
    if (most := Counter(name for _, name in named).most_common(1)) and most[0][1] > 1:
        raise LabError(f"Two labels are called {most[0][0]!r}.", "Give each label a name of its own.")
    return named


def _not_understood() -> LabError:
    return LabError("The preparation of the data is not understood.", "Leave it out, or prepare the data again.")
