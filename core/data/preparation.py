"""Everything decided about a file before training, as one value: columns and label names, corrections, fixes, splits.

A run carries it in its plan, so it does not change with what is decided later. Keeps nothing itself (see `choices`).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from core.data import choices
from core.data.columns import Columns
from core.data.dataset import Dataset, build_dataset
from core.data.edits import Edits
from core.data.mapping import Mapping
from core.data.recipe import Recipe
from core.data.saved_splits import SavedSplits
from core.data.table import Table
from core.errors import LabError

_KINDS = {"mapping": Mapping, "edits": Edits, "recipe": Recipe, "splits": SavedSplits}


@dataclass(frozen=True, slots=True)
class Preparation:
    """What was decided; None for what was left as it is. The fields are applied in this order."""

    mapping: Mapping | None = None
    edits: Edits | None = None
    recipe: Recipe | None = None
    splits: SavedSplits | None = None

    @classmethod
    def of(cls, content_hash: str) -> "Preparation":
        """What is kept for a file in the workspace. Raises LabError when it is damaged."""
        return cls(**{name: choices.recall(content_hash, kind) for name, kind in _KINDS.items()})

    def to_json(self) -> str:
        """One line of JSON; "" when nothing was decided."""
        kept = {name: getattr(self, name).to_dict() for name in _KINDS if getattr(self, name) is not None}
        return json.dumps(kept, ensure_ascii=False, allow_nan=False) if kept else ""

    @classmethod
    def from_json(cls, text: str) -> "Preparation":
        """The reverse of `to_json`. Raises LabError for anything else."""
        if not text:
            return cls()
        try:
            values = json.loads(text)
            unknown = set(values) - {field.name for field in fields(cls)}
        except (TypeError, ValueError, RecursionError) as error:
            raise _not_understood() from error
        if unknown or not isinstance(values, dict):
            raise _not_understood()
        return cls(**{name: _KINDS[name].from_dict(value) for name, value in values.items()})

    def dataset(self, table: Table, columns: Columns, *, label_names: Sequence[str] | None = None) -> Dataset:
        """The checked examples after corrections and fixes; labels in the order and under the names decided.

        `label_names` as in `build_dataset`. Raises LabError as there, and for corrections of another file.
        """
        order, titles = (), ()
        if self.mapping is not None and self.mapping["label"] == columns.label:
            order, titles = self.mapping.label_order, self.mapping.label_titles
        given = label_names if label_names is not None else order or None
        built = build_dataset(table, columns, label_names=given, edits=self.edits, recipe=self.recipe)
        return replace(built, label_names=tuple(titles)) if titles and label_names is None else built


def _not_understood() -> LabError:
    return LabError("The preparation of the data is not understood.", "Leave it out, or prepare the data again.")
