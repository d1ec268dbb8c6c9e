"""What somebody else changed about a file between two looks at it, in plain sentences. Keeps nothing itself."""

from collections.abc import Iterator
from typing import Any

from core.data.column_mapping import ColumnMapping
from core.data.dataset.browse import natural_order
from core.data.dataset.edits import Edits
from core.data.dataset.recipe import Recipe
from core.data.decisions.saved_splits import SavedSplits
from core.data.table import ReadOptions
from core.errors import counted
from core.tasks import spec_of

Kept = Edits | ColumnMapping | ReadOptions | Recipe | SavedSplits
_SHOWN = 4
_CHARACTERS = 80
_NOTHING = "(none)"


def changed_meanwhile(seen: Kept | None, before: Kept | None, after: Kept | None) -> tuple[str, ...]:
    """What others changed, from what a person has `seen` to what was kept `before` they made a change, or looked again.

    after: what is kept after the person's own change; `before` where they made none. What both changed is named with
    the value that was overwritten, so that it can be written again.
    """
    own = dict(_differences(before, after))
    lines = []
    for what, (was, now) in _differences(seen, before):
        if what in own:
            lines.append(f"{what} was changed meanwhile: was {_quoted(now)}, is now {_quoted(own[what][1])} (yours).")
        else:
            lines.append(f"{what} was changed meanwhile: was {_quoted(was)}, is now {_quoted(now)}.")
    more = len(lines) - _SHOWN
    return (*lines[:_SHOWN], *([f"{counted(more, 'more was', 'more were')} changed meanwhile."] if more > 0 else []))


def _differences(before: Any, after: Any) -> Iterator[tuple[str, tuple[str, str]]]:
    """What is different between two decisions of one kind, or one and None: its name, and its two values in words."""
    if before is after:
        return
    match before or after:
        case Edits():
            yield from _of_edits(before, after)
        case Recipe():
            yield from _of_recipes(before, after)
        case ColumnMapping():
            yield from _of_mappings(before, after)
        case _:
            yield from _of_words(_in_words(before), _in_words(after))


def _of_edits(before: Edits | None, after: Edits | None) -> Iterator[tuple[str, tuple[str, str]]]:
    one, two = ({(e.row, e.column): e for e in edits or ()} for edits in (before, after))
    for row, column in sorted(one.keys() | two.keys()):
        edits = one.get((row, column)), two.get((row, column))
        in_file = next(edit.before for edit in edits if edit is not None)
        was, now = (in_file if edit is None else edit.after for edit in edits)
        if was != now:
            yield f"Row {row + 1:,}, {column}", (was, now)


def _of_recipes(before: Recipe | None, after: Recipe | None) -> Iterator[tuple[str, tuple[str, str]]]:
    one, two = (dict(zip(r.ids, r.steps, strict=True)) if r is not None else {} for r in (before, after))
    for id in one | two:
        if (id in one) != (id in two):
            step = one.get(id) or two[id]
            states = ("applied", "not applied") if id in one else ("not applied", "applied")
            yield f"The fix “{step.title}”", states


def _of_mappings(before: ColumnMapping | None, after: ColumnMapping | None) -> Iterator[tuple[str, tuple[str, str]]]:
    yield from _of_words(_columns(before), _columns(after))
    one, two = ({} if mapping is None else mapping.titles() for mapping in (before, after))
    for label in one | two:
        if one.get(label, label) != two.get(label, label):
            yield f"The name of the label “{label}”", (one.get(label, label), two.get(label, label))
    labels = natural_order(one | two)  # the order of those that were never put in one
    orders = [", ".join(titles or labels) for titles in (one, two)]
    if orders[0] != orders[1]:
        yield "The order of the labels", (orders[0], orders[1])


def _columns(mapping: ColumnMapping | None) -> dict[str, str]:
    if mapping is None:
        return {}
    titles = {role.name: role.title for role in spec_of(mapping.task).roles}
    return {f"The column for “{titles[role]}”": ", ".join(columns) for role, columns in mapping.columns}


def _of_words(one: dict[str, str], two: dict[str, str]) -> Iterator[tuple[str, tuple[str, str]]]:
    for what in one | two:
        if one.get(what, _NOTHING) != two.get(what, _NOTHING):
            yield what, (one.get(what, _NOTHING), two.get(what, _NOTHING))


def _in_words(kept: Kept | None) -> dict[str, str]:
    """Splits and readings by the names of their parts on screen."""
    match kept:
        case SavedSplits():
            counts = " / ".join(f"{len(part.rows):,}" for part in (kept.train, kept.validation, kept.test))
            how = f"by the column {kept.column}" if kept.how == "column" else f"by shares, seed {kept.seed}"
            return {"The division into splits": f"{counts} rows, {how}"}
        case ReadOptions():
            chosen = {name: value for name, value in kept.to_dict().items() if value != getattr(ReadOptions(), name)}
            return {f"How the file is read ({name})": str(value) for name, value in chosen.items()}
    return {}


def _quoted(text: str) -> str:
    return f"“{text[:_CHARACTERS]}{'…' if len(text) > _CHARACTERS else ''}”"
