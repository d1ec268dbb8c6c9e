"""Whether runs were scored on the same rows: told by small files, also where the rows are a million."""

import os
from pathlib import Path

import pytest

from core import memory
from core.reports import compare
from core.reports.compare import scored_rows
from core.runs.folder import Run, create_run
from core.runs.status import read_json, write_json
from core.training.batches.examples import row_ids_hash
from tests.finished_runs import CLASSES, FinishedRun, _trained, finished_run  # noqa: F401  fixtures


def older(path: Path, test: list[int], *, content: str = "abc") -> Run:
    """A run as earlier versions wrote it: all ids in data.json."""
    run = create_run("", output=path)
    ids = {"train": [90, 91], "validation": [], "test": test}
    write_json(run.path / "data.json", {"content_hash": content, "scored_split": "test", "row_ids": ids})
    return run


def test_runs_on_the_same_rows_are_told_whoever_wrote_them(tmp_path: Path) -> None:
    one, same = older(tmp_path / "one", [3, 1, 2]), older(tmp_path / "same", [3, 1, 2])
    others = [older(tmp_path / "rows", [3, 2, 1]), older(tmp_path / "file", [3, 1, 2], content="abd")]
    new = create_run("", output=tmp_path / "new")
    hashes = {"train": row_ids_hash([5]), "test": row_ids_hash([3, 1, 2])}
    write_json(new.path / "data.json", {"content_hash": "abc", "scored_split": "test", "row_ids_hash": hashes})
    assert scored_rows(one) == scored_rows(same) == scored_rows(new) is not None
    assert all(scored_rows(other) != scored_rows(one) for other in others)
    validated = read_json(new.path / "data.json") | {"scored_split": "train"}
    write_json(new.path / "data.json", validated)
    assert scored_rows(new) != scored_rows(one)


def test_ids_of_a_new_run_stand_apart_and_are_not_read_to_compare(finished_run: FinishedRun) -> None:  # noqa: F811
    run = finished_run(CLASSES)
    ids = run.row_ids()
    assert set(ids) == {"train", "validation", "test"}
    assert "row_ids" not in run.data()
    assert scored_rows(run)[2] == row_ids_hash(ids["test"])
    (run.path / "row_ids.json").unlink()
    assert scored_rows(run)[2] == row_ids_hash(ids["test"])
    assert run.row_ids() == {}


def test_a_file_of_an_earlier_run_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = older(tmp_path / "run", list(range(1_000)))
    assert run.row_ids()["test"] == list(range(1_000))
    seen: list[Path] = []
    monkeypatch.setattr(memory, "TICK_NS", 0)
    monkeypatch.setattr(compare, "read_json", lambda path: seen.append(path) or read_json(path))
    first = scored_rows(run)
    assert scored_rows(run) == first
    assert len(seen) == 1
    older_time = run.path.joinpath("data.json").stat().st_mtime_ns - 10**9
    os.utime(run.path / "data.json", ns=(older_time, older_time))
    assert scored_rows(run) == first
    assert len(seen) == 2


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"content_hash": "a"}', '{"content_hash": "a", "row_ids": {}}'])
def test_E10_a_run_that_does_not_tell_is_the_same_as_none(content: str, tmp_path: Path) -> None:
    run = create_run("", output=tmp_path / "run")
    (run.path / "data.json").write_text(content, "utf-8")
    assert scored_rows(run) is None
    (run.path / "data.json").unlink()
    assert scored_rows(run) is None
