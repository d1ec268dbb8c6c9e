"""Safe fixes as a recipe: an ordered list of recorded steps over rows of an untouched file. Undo is one step less.

A step only drops rows or tidies cells; it never invents, copies or reorders rows. The same recipe gives the same rows.
Steps are done in the order that loses fewest rows (`steps.IN_ORDER`), whichever was chosen first. Each step has an id,
so that whoever takes one back takes back this one and not another's.
"""

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, ClassVar

from core.data.dataset import steps
from core.data.dataset.row_selection import RowSelection
from core.data.dataset.steps import Step
from core.errors import LabError

KINDS: dict[str, type[Step]] = {kind.kind: kind for kind in steps.IN_ORDER}


@dataclass(frozen=True, slots=True)
class Applied:
    """What a recipe made of some rows, and one line a step, in the order of `in_order`, that says what it did."""

    selection: RowSelection
    log: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Steps in the order in which they were chosen; `in_order` are they in the order in which they are done.

    ids: names each step; "" for one that is only to be applied.
    as_chosen: whether they are done as they were chosen, as those of version 1 were: runs that carry one stay the same.

    >>> Recipe().then(steps.DropEmpty()).then(steps.CapClasses(rows=100), id="a.1").without("a.1").to_dict()
    {'version': 2, 'steps': [{'kind': 'drop_empty'}]}
    """

    steps: tuple[Step, ...] = ()
    ids: tuple[str, ...] = field(default=(), compare=False)
    as_chosen: bool = False
    version: ClassVar[int] = 2

    def __post_init__(self) -> None:
        missing = len(self.steps) - len(self.ids)
        object.__setattr__(self, "ids", (*self.ids, *[""] * missing)[: len(self.steps)])

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def names_rows(self) -> bool:
        """Whether a step names rows by their number, which are others when the file is read differently."""
        return any(isinstance(step, steps.DropRows) for step in self.steps)

    def then(self, step: Step, *, id: str = "") -> "Recipe":
        """The recipe with one step more at its end."""
        is_old = self.as_chosen and len(self) > 0
        return replace(self, steps=(*self.steps, step), ids=(*self.ids, id), as_chosen=is_old)

    def without(self, id: str) -> "Recipe":
        """The recipe without one step, by its id; the same when it is not there (any more)."""
        if id not in self.ids:
            return self
        left = [entry for entry in zip(self.steps, self.ids, strict=True) if entry[1] != id]
        return replace(self, steps=tuple(step for step, _ in left), ids=tuple(each for _, each in left))

    def in_order(self) -> tuple[Step, ...]:
        """The steps in the order in which they are done."""
        if self.as_chosen:
            return self.steps
        return tuple(sorted(self.steps, key=lambda step: steps.IN_ORDER.index(type(step))))

    def apply(self, selection: RowSelection) -> Applied:
        """Do all steps. Raises LabError when one leaves no row or cannot be done here."""
        log = []
        for step in self.in_order():
            after, line = step.apply(selection)
            if not len(after) and len(selection):
                raise LabError(
                    f"No row is left after the step “{step.title}”.", "Take this step out of the recipe again."
                )
            selection = after
            log.append(line)
        return Applied(selection, tuple(log))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        steps = [_step_to_dict(*entry) for entry in zip(self.steps, self.ids, strict=True)]
        return {"version": 1 if self.as_chosen else self.version, "steps": steps}

    @classmethod
    def from_dict(cls, values: Any) -> "Recipe":
        """The reverse of `to_dict`. Raises LabError for anything that is no recipe.

        What was kept before steps had ids is given some: without, none of them could be taken back.
        """
        if not isinstance(values, dict) or values.get("version") not in (1, cls.version):
            raise _not_understood("it is of another version")
        if set(values) != {"version", "steps"} or not isinstance(values["steps"], list):
            raise _not_understood("a list of steps was expected")
        found = [_step_from_dict(each) for each in values["steps"]]
        ids = tuple(id or f"kept.{place}" for place, (_, id) in enumerate(found))
        return cls(tuple(step for step, _ in found), ids, as_chosen=values["version"] == 1)


def _step_to_dict(step: Step, id: str) -> dict[str, Any]:
    settings = {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(step).items()}
    return {"kind": step.kind, **settings, **({"id": id} if id else {})}


def _step_from_dict(values: Any) -> tuple[Step, str]:
    """A step and its id, "" where it has none."""
    name = values.get("kind") if isinstance(values, dict) else None
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise _not_understood(f"there is no step {str(values)[:80]}")
    settings = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items() if key not in ("kind", "id")}
    if unknown := set(settings) - {field.name for field in fields(kind)}:
        raise _not_understood(f"the step {kind.kind} has no setting {min(unknown)[:80]!r}")
    if not isinstance(values.get("id", ""), str):
        raise _not_understood(f"the id of the step {kind.kind} is no text")
    try:
        return kind(**settings), values.get("id", "")
    except TypeError as error:
        raise _not_understood(f"the step {kind.kind} lacks a setting") from error


def _not_understood(why: str) -> LabError:
    return LabError(f"The recipe is not understood: {why}.", "Make the recipe again on the page “Datasets”.")
