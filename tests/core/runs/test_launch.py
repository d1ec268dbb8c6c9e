"""What `launch` checks before it starts anything, and what a plan's paths mean to the worker."""

import dataclasses
import shutil

import pytest

from core.data.dataset.splits import split
from core.data.decisions.preparation import Preparation
from core.data.decisions.saved_splits import save_splits
from core.data.sources.references import open_table
from core.errors import LabError
from core.runs.folder import list_runs
from core.training import _absolute_model, launch
from core.training.plan.plan import Plan
from core.training.run.prepare import prepare
from core.training.tasks import task_of
from tests.tiny_training import write_csv


@pytest.mark.parametrize(
    "changes",
    [{"data": "nowhere.csv"}, {"data": "https://example.org/x.csv"}, {"model": "no such model"}, {"test_data": "x"}],
)
def test_C06_what_is_not_there_is_refused_before_a_run_exists(changes: dict):
    plan = {"data": "sample:reviews", "text_column": "text", "label_column": "label"} | changes
    with pytest.raises(LabError):
        launch(Plan(**plan))
    assert list_runs() == []


def test_a_model_folder_is_found_from_where_the_person_stands(tmp_path, monkeypatch, tiny_model_folder):
    shutil.copytree(tiny_model_folder, tmp_path / "my-model")
    monkeypatch.chdir(tmp_path)
    assert _absolute_model("my-model") == str((tmp_path / "my-model").resolve())
    assert _absolute_model("builtin") == "builtin"


def test_B08_rows_scored_and_trained_on_are_counted(tmp_path):
    data = write_csv(tmp_path / "train.csv", 40)
    lines = data.read_text().splitlines(keepends=True)
    test = tmp_path / "test.csv"
    test.write_text("".join([lines[0], *lines[5:8], "the mat was good,good\n", "a dog was bad,bad\n"]))
    plan = Plan(data=str(data), test_data=str(test), text_column="text", label_column="label")
    assert any(notice.startswith("3 of the rows to be scored") for notice in prepare(plan, task_of(plan.task)).notices)


def test_what_the_rows_leave_without_effect_is_told(tmp_path) -> None:
    data, test = write_csv(tmp_path / "train.csv", 40), write_csv(tmp_path / "test.csv", 12, seed=1)
    plan = Plan(data=str(data), text_column="text", label_column="label", early_stopping=2)
    examples = task_of(plan.task).read(open_table(plan.data), plan).dataset
    shares = (0.8, 0.0, 0.2)
    splits = save_splits(examples, split(examples, shares=shares), how="shares", shares=shares, seed=42)
    kept = dataclasses.replace(plan, preparation=Preparation(splits=splits).to_json())
    notices = prepare(kept, task_of(plan.task)).notices
    assert any("nothing can stop early" in notice for notice in notices)
    assert not any("are not used" in notice for notice in notices)
    notices = prepare(dataclasses.replace(kept, test_data=str(test)), task_of(plan.task)).notices
    assert any("The splits kept for this file are not used" in notice for notice in notices)
    assert not any("nothing can stop early" in notice for notice in notices)


def test_the_command_line_asks_a_cluster_for_what_it_was_told() -> None:
    from core.runs.slurm import SlurmOptions
    from core.training.forms.cli import parser, slurm_of

    words = ["plan.yaml", "--slurm", "--slurm-partition", "gpu", "--slurm-nodes", "2", "--slurm-option", "qos=long"]
    options = parser("").parse_args([*words, "--slurm-option", "exclusive"])
    assert slurm_of(options) == SlurmOptions(partition="gpu", nodes=2, further={"qos": "long", "exclusive": ""})
    assert slurm_of(parser("").parse_args(["plan.yaml"])) is None
    with pytest.raises(LabError, match="no --slurm"):
        slurm_of(parser("").parse_args(["plan.yaml", "--slurm-nodes", "2"]))


def test_where_there_is_no_cluster_a_run_on_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.runs.slurm import SlurmOptions

    plan = Plan(data="sample:reviews", text_column="text", label_column="label")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LabError, match="SLURM cannot be reached"):
        launch(plan, slurm=SlurmOptions())
    with pytest.raises(LabError, match="spread evenly"):
        launch(plan, slurm=SlurmOptions(nodes=2))
    assert list_runs() == []


def test_E06_a_launch_that_is_refused_leaves_nothing_and_may_be_tried_again(tmp_path, monkeypatch) -> None:
    plan = Plan(data="sample:reviews", text_column="text", label_column="label", processes=2)
    monkeypatch.setattr("core.runs.executors.default_device", lambda: "cuda")
    monkeypatch.setattr("core.runs.executors.slots_of", lambda device: 1)
    for _ in range(2):  # the second time the folder is not “not empty”
        with pytest.raises(LabError, match="2 graphics cards"):
            launch(plan, output=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(LabError, match="2 graphics cards"):
        launch(plan)
    assert list_runs() == []


def test_a_name_with_half_a_character_is_refused_in_words(workspace) -> None:
    plan = Plan(data="sample:reviews", text_column="text", label_column="label", name="half \ud83d")
    with pytest.raises(LabError, match="half a character"):
        launch(plan)
    assert list((workspace / "runs").iterdir()) == []
