"""Runs outside the workspace: listed, found again by id and by folder, opened as a model, and left alone."""

import shutil
from pathlib import Path

import pytest

from core.errors import LabError
from core.models import catalogue
from core.runs.folder import Run, create_run, delete_run, list_runs, open_run
from core.runs.status import write_status
from core.workspace import remember_outside, run_folder, run_id


@pytest.fixture
def outside(tmp_path: Path) -> Run:
    run = create_run("data: d", name="Far away", output=tmp_path / "disk" / "my run ü")
    write_status(run.path, "stopped")
    remember_outside(run.path)
    return run


def test_a_run_outside_the_workspace_is_listed_and_found(outside: Run) -> None:
    inside = create_run("data: d", name="Here")
    assert {run.path for run in list_runs()} == {outside.path, inside.path}
    assert open_run(outside.id) == open_run(outside.path) == outside
    assert open_run(outside.id).name == "Far away"
    assert inside.id == inside.path.name
    assert len({inside.id, outside.id}) == 2


def test_folders_of_the_same_name_are_two_runs(outside: Run, tmp_path: Path) -> None:
    other = create_run("data: d", name="Other", output=tmp_path / "elsewhere" / outside.path.name)
    remember_outside(other.path)
    remember_outside(other.path)  # again: nothing changes
    assert other.id != outside.id
    assert open_run(other.id).name == "Other"
    assert len(list_runs()) == 2


def test_a_folder_that_is_gone_is_left_out_without_a_word(outside: Run) -> None:
    shutil.rmtree(outside.path)
    assert list_runs() == []
    assert run_folder(outside.id) is None
    with pytest.raises(LabError, match="no run"):
        open_run(outside.id)


def test_one_that_is_not_noted_can_be_opened_by_its_folder_only(tmp_path: Path) -> None:
    run = create_run("data: d", output=tmp_path / "quiet")
    assert list_runs() == []
    assert open_run(run.path) == run
    with pytest.raises(LabError):
        open_run(run.id)


@pytest.mark.parametrize("id", ["../disk/my run ü", "/etc", "..", "my-run", "", "a" * 200])
def test_C04_an_id_is_never_a_path(outside: Run, id: str) -> None:
    with pytest.raises(LabError):
        open_run(id)


def test_C05_a_note_that_names_another_folder_than_its_own_is_not_followed(outside: Run, workspace: Path) -> None:
    (workspace / "outside" / "stranger").write_text(str(outside.path))
    (workspace / "outside" / "relative").write_text("runs")
    assert [run.path for run in list_runs()] == [outside.path]
    assert run_folder("stranger") is None


def test_it_is_deleted_by_hand_only(outside: Run) -> None:
    with pytest.raises(LabError, match="outside the workspace"):
        delete_run(outside)
    assert outside.path.is_dir()


def test_its_model_opens_by_its_id(outside: Run, tiny_model_folder: Path) -> None:
    with pytest.raises(LabError, match="no trained model yet"):
        catalogue.locate(outside.id)
    shutil.copytree(tiny_model_folder, outside.path / "model")
    assert catalogue.locate(outside.id) == outside.path / "model"
    assert (outside.id, "Run: Far away") in {(entry.reference, entry.title) for entry in catalogue.entries()}


def test_a_folder_in_the_list_of_runs_with_a_name_of_its_own_is_found_too(workspace: Path) -> None:
    run = create_run("data: d", output=workspace / "runs" / "my own name")
    remember_outside(run.path)
    assert open_run(run.id) == run
    plain = create_run("data: d", output=workspace / "runs" / "plain")
    remember_outside(plain.path)
    assert run_id(plain.path) == "plain"
    assert {each.id for each in list_runs()} == {run.id, "plain"}
