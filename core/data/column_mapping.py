"""Which column plays which part in a task: the parts of every task, the columns chosen, label order and names.

Holds the choice; `core.data.columns.guess` proposes one, `core.data.columns.check` says what is wrong with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from core.errors import LabError
from core.tasks import SPECS, Role, sequence_classification, spec_of

CLASSIFICATION = sequence_classification.SPEC.name
SEPARATORS = (",", ";", "|", " ", "\t")


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """The columns of one task. `columns` has one entry for each part that is played: its name and its columns.

    separator: what parts the labels in one cell, when all labels stand in one column (multi-label only);
    None: they are a JSON list or parted by white space.
    label_order: the labels as they stand in the file, in the order of their numbers; empty means "as found".
    label_titles: a name to show for each of these, in the same order; empty means the labels themselves.

    >>> ColumnMapping.of("regression", text="sentence1", pair="sentence2", score="score")["score"]
    'score'
    """

    task: str
    columns: tuple[tuple[str, tuple[str, ...]], ...] = ()
    separator: str | None = None
    label_order: tuple[str, ...] = ()
    label_titles: tuple[str, ...] = ()
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        known = {role.name: role for role in spec_of(self.task).roles}
        parts = [name for name, _ in self.columns]
        if len(set(parts)) != len(parts) or any(part not in known for part in parts):
            raise LabError(f"The task {self.task} has the parts {', '.join(known)}.", "Choose columns for these.")
        for part, columns in self.columns:
            if not columns or (len(columns) > 1 and not known[part].is_list):
                raise LabError(f"“{known[part].title}” takes one column.", "Choose one.")
        if self.separator is not None and self.separator not in SEPARATORS:
            raise LabError(f"Labels cannot be parted by {self.separator[:10]!r}.", "Choose another sign.")
        if len(set(self.label_order)) != len(self.label_order):
            raise LabError("The order of labels names one of them twice.", "Name each label once.")
        if self.label_titles and len(self.label_titles) != len(self.label_order):
            raise LabError("There are not as many names as labels.", "Give each label one name.")
        if len(set(self.label_titles)) != len(self.label_titles) or not all(t.strip() for t in self.label_titles):
            raise LabError("Two labels have the same name, or one has none.", "Give each label a name of its own.")

    @classmethod
    def of(cls, task: str, **columns: "str | Sequence[str] | None") -> "ColumnMapping":
        """A mapping from a column, or a list of columns, for each part; None leaves a part out."""
        entries = {part: (each,) if isinstance(each, str) else tuple(each) for part, each in columns.items() if each}
        order = [role.name for role in SPECS[task].roles] if task in SPECS else []
        place = {name: position for position, name in enumerate(order)}
        return cls(task, tuple(sorted(entries.items(), key=lambda entry: place.get(entry[0], len(order)))))

    def __getitem__(self, role: str) -> str | None:
        """The column that plays a part, the first of several, or None."""
        return next(iter(self.all(role)), None)

    def all(self, role: str) -> tuple[str, ...]:
        """All columns that play a part."""
        return dict(self.columns).get(role, ())

    def column_of(self, role: str) -> str:
        """The column that plays a part, the first of several. Raises LabError when none does."""
        column = self[role]
        if column is None:
            titles = {each.name: each.title for each in spec_of(self.task).roles}
            raise LabError(f"No column is chosen for “{titles.get(role, role)}”.", "Choose one.")
        return column

    def with_columns(self, role: str, columns: "str | Sequence[str] | None") -> "ColumnMapping":
        """Another choice for one part; labels are then found again when it is theirs."""
        changed = ColumnMapping.of(self.task, **{**dict(self.columns), role: columns})
        label_role = spec_of(self.task).label_role
        keep = label_role is None or role != label_role.name
        order, titles = (self.label_order, self.label_titles) if keep else ((), ())
        return replace(changed, separator=self.separator, label_order=order, label_titles=titles)

    def used(self) -> set[str]:
        """The columns that play any part."""
        return {name for _, columns in self.columns for name in columns}

    def missing(self) -> tuple[Role, ...]:
        """The parts that must be played and are not."""
        return tuple(role for role in spec_of(self.task).roles if role.is_required and not self.all(role.name))

    def with_labels(self, order: Sequence[str], titles: Mapping[str, str] | None = None) -> "ColumnMapping":
        """Labels in this order, shown under these names; those not named keep their own. Raises LabError."""
        if spec_of(self.task).label_role is None:
            raise LabError(f"The task {self.task} has no label names.", "Leave them out.")
        names = dict(zip(self.label_order, self.label_titles, strict=False)) | dict(titles or {})
        return replace(self, label_order=tuple(order), label_titles=tuple(names.get(label, label) for label in order))

    def titles(self) -> dict[str, str]:
        """The name to show for each label that was put in order."""
        return dict(zip(self.label_order, self.label_titles or self.label_order, strict=True))

    def id2label(self, found: Sequence[str] = ()) -> dict[int, str]:
        """The number of each label and the name to show; `found` are the labels of the data when no order was given."""
        return dict(enumerate(self.label_titles or self.label_order or found))

    @property
    def text_column(self) -> str:
        """The column that is read as the text of a row (`TaskSpec.text_role`). Raises LabError."""
        text = self[spec_of(self.task).text_role.name]
        if text is None:
            raise LabError("No column is chosen for the text.", "Choose the column that holds it.")
        return text

    @property
    def pair_column(self) -> str | None:
        """The column of the next input beside the text that is chosen, or None.

        With choices and no question the first choice is the second text: rows that begin alike are no repeats.
        """
        spec = spec_of(self.task)
        return next((self[role.name] for role in spec.inputs if role != spec.text_role and self[role.name]), None)

    @property
    def label_column(self) -> str | None:
        """The column of classes, or None: tags, scores and answers are no classes."""
        role = spec_of(self.task).label_role
        return self[role.name] if role is not None and role.holds == "label" else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "version": self.version,
            "task": self.task,
            "columns": {part: list(columns) for part, columns in self.columns},
            "separator": self.separator,
            "label_order": list(self.label_order),
            "label_titles": list(self.label_titles),
        }

    @classmethod
    def from_dict(cls, values: Any) -> "ColumnMapping":
        """The reverse of `to_dict`. Raises LabError for anything that is no mapping."""
        try:
            lists = [*values["columns"].values(), values["label_order"], values["label_titles"]]
            texts = [values["task"], *values["columns"], *(text for each in lists for text in each)]
            known = values["version"] == cls.version and all(isinstance(each, list) for each in lists)
            fits = isinstance(values["separator"], (str, type(None))) and all(isinstance(text, str) for text in texts)
        except (TypeError, KeyError, AttributeError) as error:
            raise _not_understood() from error
        if not known or not fits:
            raise _not_understood()
        columns = tuple((part, tuple(names)) for part, names in values["columns"].items())
        order, titles = tuple(values["label_order"]), tuple(values["label_titles"])
        return cls(values["task"], columns, values["separator"], order, titles)


def _not_understood() -> LabError:
    return LabError("The choice of columns is not understood.", "Choose the columns again.")
