"""What is kept for a file: nothing that two people, tabs or processes do is lost, and a deleted file stays deleted."""

import json
import multiprocessing
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from core import memory
from core.data import decisions
from core.data.column_mapping import ColumnMapping
from core.data.dataset.dataset import build_dataset
from core.data.dataset.edits import Edits
from core.data.dataset.recipe import Recipe
from core.data.dataset.splits import split
from core.data.dataset.steps import CapClasses, DropDuplicates, DropEmpty, DropRows, TidyTexts
from core.data.decisions.changes import (
    TypedCell,
    add_step,
    choose_columns,
    correct,
    forget_splits,
    name_labels,
    undo_correction,
    undo_step,
)
from core.data.decisions.meanwhile import changed_meanwhile
from core.data.decisions.saved_splits import SavedSplits, save_splits
from core.data.reading.read_table import ReadOptions, read_table
from core.data.sources import uploads
from core.data.sources.references import open_table
from core.errors import LabError
from tests.columns import classes

CONTENT = b"text,label\none,x\ntwo,y\ntwo,x\nthree,y\n"
LONG = "text,label\n" + "".join(f"row number {n},{'ab'[n % 2]}\n" for n in range(100))
SAMPLE = classes("text", "label")


@pytest.fixture
def table():
    return read_table(CONTENT, name="x.csv")


@pytest.fixture
def kept(tmp_path, monkeypatch):
    path = tmp_path / "kept"
    path.mkdir()
    monkeypatch.setenv("BERTLAB_WORKSPACE", str(path))
    return path


def test_what_was_chosen_outlives_a_session(table, kept):
    dataset = build_dataset(table, classes("text", "label"))
    made = (
        classes("text", "label").with_labels(["y", "x"], {"y": "yes"}),
        Edits(table.content_hash).set(table, 0, "text", "uno"),
        Recipe((DropEmpty(),)),
        save_splits(dataset, split(dataset), how="shares", shares=(0.8, 0.1, 0.1), seed=42),
    )
    for choice in made:
        assert decisions.load(table.content_hash, type(choice)) is None
        decisions.save(table.content_hash, choice)
        assert decisions.load(table.content_hash, type(choice)) == choice
    decisions.delete(table.content_hash, Recipe)
    assert decisions.load(table.content_hash, Recipe) is None
    assert decisions.load(table.content_hash, SavedSplits) is not None
    decisions.delete(table.content_hash)
    decisions.delete(table.content_hash)
    assert not list(kept.glob("choices/*"))


def test_what_names_rows_is_only_loaded_for_the_reading_it_was_made_for(table, kept):
    bare = read_table(CONTENT, name="x.csv", options=ReadOptions(header=False))
    dataset = build_dataset(table, classes("text", "label"))
    splits = save_splits(dataset, split(dataset), how="shares")
    rows, everything = Recipe((DropRows((1,)),)), Recipe((DropEmpty(),))
    for choice in (splits, rows):
        decisions.save(table.content_hash, choice)  # as before readings were kept beside it
        assert decisions.load(table.content_hash, type(choice), bare.options) == choice
        decisions.save(table.content_hash, choice, reading=table.options)
        assert decisions.load(table.content_hash, type(choice), table.options) == choice
        assert decisions.load(table.content_hash, type(choice), replace(table.options, encoding="cp1252")) == choice
        with pytest.raises(decisions.OtherReading, match="made for another reading"):
            decisions.load(table.content_hash, type(choice), bare.options)
    decisions.save(table.content_hash, everything, reading=table.options)
    assert decisions.load(table.content_hash, Recipe, bare.options) == everything  # whatever the rows are


@pytest.mark.parametrize(
    "name", ["..", "../uploads", "%2e%2e", "a" * 63, "A" * 64, "a\\b", "/etc", "a" * 64 + "\n", "", None]
)
def test_C04_only_a_hash_names_a_folder(kept, name):
    (kept / "uploads").mkdir()
    for use in (
        lambda: decisions.save(name, Recipe()),
        lambda: decisions.load(name, Recipe),
        lambda: decisions.delete(name),
    ):
        with pytest.raises(LabError, match="not the hash"):
            use()
    assert list(kept.iterdir()) == [kept / "uploads"]


def test_damaged_or_foreign_decisions_are_said_and_nothing_is_lost(table, kept):
    decisions.save(table.content_hash, Recipe())
    path = kept / "choices" / table.content_hash / "recipe.json"
    for content in (b"{", b"\xff", b"[" * 100_000, b"3"):
        path.write_bytes(content)
        with pytest.raises(LabError):
            decisions.load(table.content_hash, Recipe)
    with pytest.raises(LabError, match="another file"):
        decisions.save(table.content_hash, Edits("0" * 64))
    path.unlink()
    secret = kept / "secret.json"
    secret.write_text(json.dumps(Recipe().to_dict()))
    os.symlink(secret, path)
    assert decisions.load(table.content_hash, Recipe) is None
    decisions.delete(table.content_hash)
    assert secret.exists()


def cell(row: int, value: str, id: str, column: str = "label") -> TypedCell:
    return TypedCell(row, column, value, id)


def correct_rows(workspace: str, content_hash: str, author: str, rows: list[int]) -> None:
    """One session: a correction after the other, each a message of its own."""
    os.environ["BERTLAB_WORKSPACE"] = workspace
    table = read_table(LONG.encode(), name="long.csv")
    for row in rows:
        decisions.update(content_hash, Edits, correct(table, [cell(row, f"new {row}", f"{author}.{row}")]))


def test_I01_80_corrections_of_two_sessions_are_80_kept(kept):
    table = read_table(LONG.encode(), name="long.csv")
    rows = [list(range(40)), list(range(40, 80))]
    threads = [
        threading.Thread(target=correct_rows, args=(str(kept), table.content_hash, author, own))
        for author, own in zip("ab", rows, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    edits = decisions.load(table.content_hash, Edits)
    assert edits.apply(table)["label"][:80] == [f"new {row}" for row in range(80)]


def test_I01_80_corrections_of_four_processes_with_two_threads_each_are_80_kept(kept):
    table = read_table(LONG.encode(), name="long.csv")
    processes = multiprocessing.get_context("spawn")
    running = [
        processes.Process(
            target=_two_threads, args=(str(kept), table.content_hash, f"p{n}", list(range(20 * n, 20 * n + 20)))
        )
        for n in range(4)
    ]
    for process in running:
        process.start()
    for process in running:
        process.join(120)
        assert process.exitcode == 0
    edits = decisions.load(table.content_hash, Edits)
    assert edits.apply(table)["label"][:80] == [f"new {row}" for row in range(80)]
    assert len({edit.id for edit in edits.cells}) == 80


def _two_threads(workspace: str, content_hash: str, author: str, rows: list[int]) -> None:
    threads = [
        threading.Thread(target=correct_rows, args=(workspace, content_hash, f"{author}{half}", rows[half::2]))
        for half in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_I01_every_kind_of_change_keeps_what_another_made(table, kept):
    """Two sessions that saw the same file change one after the other, each knowing nothing of the other."""
    content_hash, shown = table.content_hash, Recipe()
    decisions.update(content_hash, Recipe, add_step(DropEmpty(), "a.1", shown=shown))
    decisions.update(content_hash, Recipe, add_step(DropDuplicates(), "b.1", shown=shown))
    assert decisions.load(content_hash, Recipe).steps == (DropEmpty(), DropDuplicates())
    decisions.update(content_hash, Recipe, undo_step("a.1"))
    assert decisions.load(content_hash, Recipe).steps == (DropDuplicates(),)

    labels = ["x", "y"]
    decisions.update(content_hash, ColumnMapping, name_labels(SAMPLE, labels, {"x": "good"}, {}))
    decisions.update(content_hash, ColumnMapping, name_labels(SAMPLE, labels, {"y": "bad"}, {"y": 0}))
    decisions.update(
        content_hash, ColumnMapping, choose_columns(SAMPLE, "pair", "other", there=("text", "label", "other"))
    )
    mapping = decisions.load(content_hash, ColumnMapping)
    assert (mapping.titles(), mapping["pair"]) == ({"y": "bad", "x": "good"}, "other")


def test_the_same_step_asked_for_in_two_tabs_is_done_once(table, kept):
    shown = Recipe()
    for id in ("a.1", "b.1"):
        decisions.update(table.content_hash, Recipe, add_step(DropEmpty(), id, shown=shown))
    seen = decisions.load(table.content_hash, Recipe)
    assert (seen.steps, seen.ids) == ((DropEmpty(),), ("a.1",))
    decisions.update(table.content_hash, Recipe, add_step(DropEmpty(), "b.2", shown=seen))  # asked for again, and shown
    assert len(decisions.load(table.content_hash, Recipe)) == 2


def test_undo_takes_back_ones_own_and_leaves_what_another_wrote_over_it(table, kept):
    for row, value, id in ((0, "mine", "a.1"), (1, "theirs", "b.1"), (0, "over it", "b.2")):
        decisions.update(table.content_hash, Edits, correct(table, [cell(row, value, id)]))
    decisions.update(table.content_hash, Edits, undo_correction("a.1"))
    assert decisions.load(table.content_hash, Edits).apply(table)["label"] == ["over it", "theirs", "x", "y"]
    decisions.update(table.content_hash, Edits, undo_correction("b.2"))
    assert decisions.load(table.content_hash, Edits).apply(table)["label"] == ["x", "theirs", "x", "y"]
    decisions.update(table.content_hash, Edits, undo_correction("b.1"))
    assert decisions.load(table.content_hash, Edits) is None


def test_names_of_labels_that_no_row_has_now_are_kept(table, kept):
    decisions.save(table.content_hash, SAMPLE.with_labels(("z", "y", "x"), {"z": "Zed", "y": "Why"}))
    decisions.update(table.content_hash, ColumnMapping, name_labels(SAMPLE, ["y", "x"], {"x": "Ex"}, {"x": 0}))
    mapping = decisions.load(table.content_hash, ColumnMapping)
    assert mapping.titles() == {"x": "Ex", "y": "Why", "z": "Zed"}
    decisions.update(
        table.content_hash, ColumnMapping, name_labels(SAMPLE, ["x", "y"], {"x": ""}, {})
    )  # its own name again
    assert decisions.load(table.content_hash, ColumnMapping).titles() == {"x": "x", "y": "Why", "z": "Zed"}
    with pytest.raises(LabError, match="same name"):
        decisions.update(table.content_hash, ColumnMapping, name_labels(SAMPLE, ["x", "y"], {"x": "Why"}, {}))
    assert decisions.load(table.content_hash, ColumnMapping).titles()["x"] == "x"


def test_columns_chosen_for_another_task_leave_names_of_labels_alone(table, kept):
    decisions.save(table.content_hash, SAMPLE.with_labels(("y", "x"), {"y": "Why"}))
    scores = ColumnMapping.of("regression", text="text", score="label")
    decisions.update(table.content_hash, ColumnMapping, choose_columns(scores, "score", "text", there=table.columns))
    assert decisions.load(table.content_hash, ColumnMapping).titles() == {"y": "Why", "x": "x"}


def test_splits_that_another_tab_replaced_are_not_forgotten_with_those_that_were_shown(table, kept):
    dataset = build_dataset(table, classes("text", "label"))
    first, second = (save_splits(dataset, split(dataset, seed=seed), how="shares", seed=seed) for seed in (1, 2))
    decisions.save(table.content_hash, second)
    with pytest.raises(LabError, match="replaced meanwhile"):
        decisions.update(table.content_hash, SavedSplits, forget_splits(first))
    assert decisions.load(table.content_hash, SavedSplits) == second
    decisions.update(table.content_hash, SavedSplits, forget_splits(second))
    assert decisions.load(table.content_hash, SavedSplits) is None


def test_corrections_are_not_mixed_with_those_of_another_reading(kept):
    bare = read_table(CONTENT, name="x.csv", options=ReadOptions(header=False))
    table = read_table(CONTENT, name="x.csv")
    decisions.update(table.content_hash, Edits, correct(table, [cell(0, "z", "a.1")]))
    with pytest.raises(LabError, match="no column 'label'"):
        decisions.update(table.content_hash, Edits, correct(bare, [cell(1, "z", "b.1", "column_2")]))
    assert decisions.load(table.content_hash, Edits).apply(table)["label"][0] == "z"


CHANGES = {
    "a correction": lambda h, r: decisions.update(h, Edits, lambda now: Edits(h), reference=r),
    "a step": lambda h, r: decisions.update(h, Recipe, add_step(DropEmpty(), "a.1", shown=Recipe()), reference=r),
    "columns": lambda h, r: decisions.update(h, ColumnMapping, lambda now: SAMPLE, reference=r),
    "a reading": lambda h, r: decisions.save(h, ReadOptions(header=False), reference=r),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_deleted_upload_stays_deleted_whatever_another_tab_still_does(kept, change):
    upload = uploads.store_upload(CONTENT, "x.csv")
    change(upload.id, upload.reference)
    assert list(kept.glob("choices/*/*.json"))
    uploads.delete_upload(upload.id)
    decisions.delete(upload.id)
    with pytest.raises(LabError, match="deleted meanwhile"):
        change(upload.id, upload.reference)
    assert list((kept / "choices").iterdir()) == []
    change(upload.id, "sample:of-the-same-content")  # is still there
    uploads.store_upload(CONTENT, "again.csv")
    change(upload.id, upload.reference)


def test_a_change_while_an_upload_is_deleted_leaves_nothing(kept, monkeypatch):
    """The deletion comes between the look whether the upload is there and the writing."""
    upload = uploads.store_upload(CONTENT, "x.csv")
    table = open_table(upload.reference)
    entered, deleting = threading.Event(), threading.Event()

    def change(now: Recipe | None) -> Recipe:
        entered.set()
        deleting.wait(10)
        return Recipe((DropEmpty(),))

    def delete() -> None:
        entered.wait(10)
        uploads.delete_upload(upload.id)
        deleting.set()
        decisions.delete(table.content_hash)

    threads = [
        threading.Thread(
            target=decisions.update, args=(upload.id, Recipe, change), kwargs={"reference": upload.reference}
        ),
        threading.Thread(target=delete),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert deleting.is_set()
    assert decisions.load(upload.id, Recipe) is None
    assert not (kept / "choices" / upload.id).exists()


def test_changes_and_deletions_by_many_threads_leave_a_whole_file_or_none(table, kept):
    """Who waits for a lock that is deleted meanwhile waits for the next one, and is still alone."""
    inside, most = [], []

    def change(now: Recipe | None) -> Recipe:
        inside.append(1)
        most.append(len(inside))
        recipe = (now or Recipe()).then(CapClasses(rows=len(most)))
        inside.pop()
        return recipe

    def work(number: int) -> None:
        for turn in range(15):
            if (number + turn) % 3:
                decisions.update(table.content_hash, Recipe, change)
            else:
                decisions.delete(table.content_hash)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    decisions.load(table.content_hash, Recipe)


def test_a_change_that_is_refused_changes_nothing(table, kept):
    decisions.save(table.content_hash, Recipe((DropEmpty(),)))
    path = kept / "choices" / table.content_hash / "recipe.json"
    before = path.stat()

    def refuse(now):
        raise LabError("No.", "Never.")

    with pytest.raises(LabError, match="Never"):
        decisions.update(table.content_hash, Recipe, refuse)
    assert decisions.update(table.content_hash, Recipe, lambda now: now).after == Recipe((DropEmpty(),))
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_what_is_kept_is_read_once_for_each_change_of_the_file(table, kept, monkeypatch):
    path = kept / "choices" / table.content_hash / "recipe.json"
    reads = []
    real = Path.read_text

    def counted(self, *arguments):
        reads.append(self)
        return real(self, *arguments)

    decisions.save(table.content_hash, Recipe((DropEmpty(),)))
    monkeypatch.setattr(Path, "read_text", counted)
    monkeypatch.setattr(memory, "TICK_NS", 0)
    first = decisions.load(table.content_hash, Recipe)
    assert all(decisions.load(table.content_hash, Recipe) is first for _ in range(5))
    assert len(reads) == 1
    other = json.dumps(Recipe((TidyTexts(),)).to_dict())  # by another process, and as long as before
    path.write_text(other.ljust(path.stat().st_size))
    assert decisions.load(table.content_hash, Recipe).steps == (TidyTexts(),)
    path.unlink()
    assert decisions.load(table.content_hash, Recipe) is None


def test_what_was_written_a_moment_ago_is_read_again(table, kept):
    """Two changes within one tick of the disk's clock look alike from outside."""
    path = kept / "choices" / table.content_hash / "recipe.json"
    decisions.save(table.content_hash, Recipe((DropRows((1,)),)))
    assert decisions.load(table.content_hash, Recipe).steps == (DropRows((1,)),)
    times = path.stat()
    path.write_text(path.read_text().replace("[1]", "[2]"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert decisions.load(table.content_hash, Recipe).steps == (DropRows((2,)),)


def test_what_others_changed_is_said_with_the_value_that_was_overwritten(table):
    seen = Edits(table.content_hash).set(table, 0, "label", "a", id="a.1")
    before = seen.set(table, 1, "label", "b", id="b.1").set(table, 0, "label", "c", id="b.2")
    assert changed_meanwhile(seen, seen, before) == ()
    assert changed_meanwhile(seen, before, before) == (
        "Row 1, label was changed meanwhile: was “a”, is now “c”.",
        "Row 2, label was changed meanwhile: was “y”, is now “b”.",
    )
    after = before.set(table, 1, "label", "mine", id="a.2")
    assert changed_meanwhile(seen, before, after)[1] == (
        "Row 2, label was changed meanwhile: was “b”, is now “mine” (yours)."
    )
    assert changed_meanwhile(before, None, None)[0] == "Row 1, label was changed meanwhile: was “c”, is now “x”."
    many = [cell(row, "n", f"b.{row}") for row in range(4)] + [cell(row, "n", f"b.{row}", "text") for row in range(4)]
    assert changed_meanwhile(None, correct(table, many)(None), correct(table, many)(None))[-1] == (
        "4 more were changed meanwhile."
    )


def test_fixes_columns_names_and_splits_of_others_are_said(table):
    one, two = Recipe().then(DropEmpty(), id="a.1"), Recipe().then(DropDuplicates(), id="b.1")
    assert changed_meanwhile(one, two, two) == (
        "The fix “Drop rows without a text” was changed meanwhile: was “applied”, is now “not applied”.",
        "The fix “Drop exact duplicates” was changed meanwhile: was “not applied”, is now “applied”.",
    )
    named = SAMPLE.with_labels(("y", "x"), {"y": "Why"}).with_columns("pair", "text")
    assert changed_meanwhile(SAMPLE, named, named) == (
        "The column for “Second text” was changed meanwhile: was “(none)”, is now “text”.",
        "The name of the label “y” was changed meanwhile: was “y”, is now “Why”.",
        "The order of the labels was changed meanwhile: was “x, y”, is now “y, x”.",
    )
    dataset = build_dataset(table, classes("text", "label"))
    splits = save_splits(dataset, split(dataset, seed=1), how="shares", seed=1)
    (line,) = changed_meanwhile(None, splits, splits)
    assert line.startswith("The division into splits was changed meanwhile: was “(none)”, is now “")
    bare = ReadOptions(header=False)
    assert changed_meanwhile(None, bare, bare) == (
        "How the file is read (header) was changed meanwhile: was “(none)”, is now “False”.",
    )
