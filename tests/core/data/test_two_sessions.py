"""Two sessions at one file, in any order: what is shown, kept, exported and trained on are the same rows."""

import re
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from core.data import decisions
from core.data.column_mapping import ColumnMapping
from core.data.dataset.edits import Edits
from core.data.dataset.recipe import Recipe
from core.data.dataset.row_selection import select_rows
from core.data.dataset.splits import split
from core.data.dataset.steps import DropDuplicates, DropEmpty, DropRows, TidyTexts
from core.data.decisions.changes import (
    TypedCell,
    add_step,
    correct,
    forget_splits,
    last_of,
    name_labels,
    undo_correction,
    undo_step,
)
from core.data.decisions.fixed import fixed_table
from core.data.decisions.meanwhile import changed_meanwhile
from core.data.decisions.preparation import Preparation
from core.data.decisions.saved_splits import SavedSplits, save_splits
from core.data.reading.read_table import read_table
from core.errors import LabError
from core.training.plan.plan import Plan
from core.training.run.prepare import prepare
from core.training.tasks import task_of
from tests.columns import classes

COLUMNS = classes("text", "label")
MAPPING = classes("text", "label")
LABELS = ("a", "b")
TEXTS = ("one", "one", "", " two ", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
ROWS = list(zip(TEXTS, "aabbabababab", strict=True))
STEPS = (DropEmpty(), DropDuplicates(), TidyTexts(), DropRows((4,)), DropRows((5, 8)))
ORDER = (TidyTexts, DropEmpty, DropDuplicates, DropRows)  # in which they are done, whichever was chosen first
AUTHORS = st.sampled_from(("a", "b"))


def by_hand(step, rows: list[tuple[int, str, str]]) -> list[tuple[int, str, str]]:
    """What a step leaves of (row of the file, text, label), in plain Python."""
    match step:
        case DropEmpty():
            return [row for row in rows if row[1].strip()]
        case TidyTexts():
            return [(row, text.strip(), label) for row, text, label in rows]
        case DropRows():
            return [row for row in rows if row[0] not in step.rows]
        case DropDuplicates():
            return [row for place, row in enumerate(rows) if row[1:] not in [each[1:] for each in rows[:place]]]
    raise AssertionError(step)


class TwoSessions(RuleBasedStateMachine):
    """Each session acts on what it saw last. The model is two plain lists of what was done and not taken back."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.patch = pytest.MonkeyPatch()
        self.patch.setenv("BERTLAB_WORKSPACE", str(self.folder / "workspace"))
        path = self.folder / "rows.csv"
        path.write_text("text,label\n" + "".join(f'"{text}",{label}\n' for text, label in ROWS))
        self.table = read_table(path)
        self.plan = Plan(data=str(path), text_column="text", label_column="label")
        self.hash = self.table.content_hash
        self.cells: list[tuple[str, int, str, str]] = []  # id, row, column, value
        self.steps: list[tuple[str, object]] = []
        self.names: dict[str, str] = {}
        self.seen = {"a": Preparation(), "b": Preparation()}
        self.count = 0

    def teardown(self) -> None:
        if hasattr(self, "patch"):
            self.patch.undo()
            shutil.rmtree(self.folder)

    def change(self, author: str, kind: type, change) -> None:
        """As a page does: what others changed since this session looked is said, and no word when nobody did."""
        field = {Edits: "edits", Recipe: "recipe", ColumnMapping: "mapping", SavedSplits: "splits"}[kind]
        updated = decisions.update(self.hash, kind, change, reading=self.table.options)
        said = changed_meanwhile(getattr(self.seen[author], field), updated.before, updated.after)
        assert bool(said) == (self.words(kind, getattr(self.seen[author], field)) != self.words(kind, updated.before))

    @staticmethod
    def words(kind: type, kept) -> object:
        """What a person could see of a decision."""
        if kind is Edits:
            return kept.settled() if kept is not None and len(kept) else None
        if kind is Recipe:
            return set(kept.ids) if kept is not None and len(kept) else None
        return (kept.titles(), kept.columns) if kind is ColumnMapping and kept is not None else kept

    def id(self, author: str) -> str:
        self.count += 1
        return f"{author}.{self.count}"

    @rule(author=AUTHORS)
    def look(self, author: str) -> None:
        self.seen[author] = Preparation.of(self.hash, self.table.options)

    @rule(author=AUTHORS, row=st.sampled_from((0, 1, 2, 3, 6)), text=st.sampled_from(("one", "two", "", " new ")))
    def correct_a_text(self, author: str, row: int, text: str) -> None:
        self.correct(author, row, "text", text)

    @rule(author=AUTHORS, row=st.sampled_from((0, 1, 2, 3, 6)), label=st.sampled_from(LABELS))
    def correct_a_label(self, author: str, row: int, label: str) -> None:
        self.correct(author, row, "label", label)

    def correct(self, author: str, row: int, column: str, value: str) -> None:
        shown, id = self.cell(row, column), self.id(author)
        self.change(author, Edits, correct(self.table, [TypedCell(row, column, value, id)]))
        if shown != value:
            self.cells.append((id, row, column, value))
        self.look(author)

    @rule(author=AUTHORS)
    def undo_own_correction(self, author: str) -> None:
        edits = self.seen[author].edits
        id = None if edits is None else last_of([edit.id for edit in edits.cells], author)
        if id is not None:
            self.change(author, Edits, undo_correction(id))
            self.cells = [cell for cell in self.cells if cell[0] != id]
            assert all(cell[0] != id for cell in self.cells)
        self.look(author)

    @rule(author=AUTHORS, step=st.sampled_from(STEPS))
    def fix(self, author: str, step) -> None:
        shown, id = self.seen[author].recipe or Recipe(), self.id(author)
        self.change(author, Recipe, add_step(step, id, shown=shown))
        if [each for _, each in self.steps].count(step) <= shown.steps.count(step):
            self.steps.append((id, step))
        self.look(author)

    @rule(author=AUTHORS)
    def undo_own_fix(self, author: str) -> None:
        recipe = self.seen[author].recipe
        id = None if recipe is None else last_of(recipe.ids, author)
        if id is not None:
            self.change(author, Recipe, undo_step(id))
            self.steps = [step for step in self.steps if step[0] != id]
        self.look(author)

    @rule(author=AUTHORS, label=st.sampled_from(LABELS), name=st.sampled_from(("good", "bad", "")))
    def name_a_label(self, author: str, label: str, name: str) -> None:
        shown = self.seen[author].mapping or MAPPING
        other = next(each for each in LABELS if each != label)
        try:
            self.change(author, ColumnMapping, name_labels(shown, LABELS, {label: name}, {}))
        except LabError:
            assert name == self.names.get(other)
            return
        self.names[label] = name
        self.look(author)

    @rule(author=AUTHORS, seed=st.integers(0, 3))
    def keep_splits(self, author: str, seed: int) -> None:
        self.look(author)
        try:
            dataset = self.seen[author].dataset(self.table, COLUMNS)
            found = split(dataset, seed=seed)
        except LabError:
            return
        decisions.save(self.hash, save_splits(dataset, found, how="shares", seed=seed), reading=self.table.options)
        self.look(author)

    @rule(author=AUTHORS)
    def forget_the_splits(self, author: str) -> None:
        shown, now = self.seen[author].splits, decisions.load(self.hash, SavedSplits)
        if shown is None:
            return
        if now is None or now == shown:
            decisions.update(self.hash, SavedSplits, forget_splits(shown))
            assert decisions.load(self.hash, SavedSplits) is None
        else:
            with pytest.raises(LabError, match="replaced meanwhile"):
                decisions.update(self.hash, SavedSplits, forget_splits(shown))
            assert decisions.load(self.hash, SavedSplits) == now
        self.look(author)

    def cell(self, row: int, column: str) -> str:
        own = [value for _, at, name, value in self.cells if (at, name) == (row, column)]
        return own[-1] if own else ROWS[row][("text", "label").index(column)]

    @invariant()
    def I03_shown_kept_exported_and_trained_on_are_the_same_rows(self) -> None:
        if not hasattr(self, "table"):
            return
        expected = [(row, self.cell(row, "text"), self.cell(row, "label")) for row in range(len(ROWS))]
        corrected = [(text, label) for _, text, label in expected]
        for _, step in sorted(self.steps, key=lambda each: ORDER.index(type(each[1]))):
            expected = by_hand(step, expected)
        now = Preparation.of(self.hash, self.table.options)
        edits, recipe = now.edits or Edits(self.hash), now.recipe or Recipe()
        table = edits.apply(self.table)
        assert list(zip(table["text"], table["label"], strict=True)) == corrected  # the view of rows
        assert [step for _, step in self.steps] == list(recipe.steps)  # the health card
        if not expected:
            return
        selection = recipe.apply(select_rows(table, COLUMNS)).selection
        shown = list(
            zip(selection.row_ids.tolist(), selection.texts.to_pylist(), selection.labels.to_pylist(), strict=True)
        )
        assert shown == expected
        exported = fixed_table(self.table, COLUMNS, edits=now.edits, recipe=now.recipe)
        assert list(zip(exported["text"], exported["label"], strict=True)) == [row[1:] for row in expected]
        self.check_training(now, expected)

    def check_training(self, now: Preparation, expected: list[tuple[int, str, str]]) -> None:
        """What a run would read, from the plan alone; where a page says why not, the run says the same."""
        try:
            dataset = now.dataset(self.table, COLUMNS)
            parts = (now.splits.restore(dataset) if now.splits is not None else split(dataset, seed=42)).parts()
        except LabError as problem:
            with pytest.raises(LabError, match=re.escape(problem.problem)):
                prepare(self.plan_of(now), task_of(self.plan.task))
            return
        named = {label: self.names.get(label) or label for label in LABELS}
        rows = {row: (text, named[label]) for row, text, label in expected}
        assert {
            row: (text, dataset.label_names[label])
            for row, text, label in zip(dataset.row_ids, dataset.texts, dataset.labels, strict=True)
        } == rows
        if not any(len(positions) for name, positions in parts if name != "train"):  # fixes dropped all of them
            with pytest.raises(LabError, match="No row is left to score"):
                prepare(self.plan_of(now), task_of(self.plan.task))
            return
        trained = prepare(self.plan_of(now), task_of(self.plan.task))
        found = [trained.train, trained.validation, trained.test]
        for (_, positions), part in zip(parts, found, strict=True):
            if part is not trained.validation or trained.scored_split == "test":
                assert list(part.row_ids) == [dataset.row_ids[position] for position in positions]
        for part in found:
            for row, text, label in zip(part.row_ids, part.texts, part.labels, strict=True):
                assert (text, trained.label_names[label]) == rows[row]

    def plan_of(self, now: Preparation) -> Plan:

        return replace(self.plan, preparation=now.to_json())


TestTwoSessions = TwoSessions.TestCase
TestTwoSessions.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)


def test_a_fix_that_was_chosen_last_may_be_done_first():
    """Texts are tidied before repeats are dropped: the corrected row then repeats another one."""
    sessions = TwoSessions()
    sessions.begin()
    try:
        sessions.fix("a", DropDuplicates())
        sessions.fix("a", TidyTexts())
        sessions.correct_a_label("b", 6, "b")
        sessions.correct_a_text("b", 6, "two")
        sessions.I03_shown_kept_exported_and_trained_on_are_the_same_rows()
    finally:
        sessions.teardown()
