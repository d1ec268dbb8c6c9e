"""What is told before a training starts, before there is a folder; and that a start that fails leaves none."""

import dataclasses
from pathlib import Path

import pytest

from core.errors import LabError
from core.runs.folder import list_runs
from core.runs.slurm import SlurmOptions
from core.training import launch
from core.training.estimate.speeds import Device
from core.training.forms.preflight import check_data, check_limits, check_start
from core.training.plan.plan import Plan
from tests.tiny_training import tiny_plan  # noqa: F401  a fixture

QUESTIONS = {
    "task": "question-answering",
    "text_column": "question",
    "pair_column": "context",
    "label_column": "answer",
}


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device("cpu", "fp32", flops=7e10, memory_bytes=16 * 10**9, cores=2)
    monkeypatch.setattr("core.training.forms.preflight.device_here", lambda precision: device)


@pytest.fixture
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.training._submit", lambda run: pytest.fail("it was started"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"batch_size": 1024, "processes": 1024}, "Devices is 1,024, but this machine allows 2 at most"),
        ({"max_length": 600}, "Maximum length is 600, but this model allows 512 at most"),
        ({"frozen_layers": 3}, "Frozen layers is 3, but this model allows 2 at most"),
        ({"lora_rank": 33}, "LoRA rank is 33, but this model allows 32 at most"),
        ({"lora_rank": 2, "frozen_layers": 2}, "LoRA has none to train"),
        ({"precision": "fp16"}, "fp16 needs a graphics card"),
        ({"text_column": "txt"}, "There is no column 'txt' in data.csv"),
        ({"label_column": "Label"}, "There is no column 'Label'"),
        ({"pair_column": "second"}, "There is no column 'second'"),
        ({"name": "half \ud83d"}, "half a character"),
    ],
)
def test_what_cannot_start_is_told_before_there_is_a_folder(
    plan: Plan, changes: dict, words: str, nothing_starts: None, tmp_path: Path, workspace: Path
) -> None:
    for output in (None, tmp_path / "a" / "b" / "run"):
        with pytest.raises(LabError, match=words):
            launch(dataclasses.replace(plan, **changes), output=output)
    assert list_runs() == []
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("task", "content", "words"),
    [
        ({}, "text,label\na b,x\nc d,x\ne f,x\n", "All rows have the label 'x'"),
        ({}, "text,label\na b,x\nc d,\ne f,y\n", "no usable label"),
        ({"task": "regression"}, "text,label\na b,1\nc d,many\n", "no number in row 2"),
        ({"task": "token-classification"}, "text,label\na b,O B\nc d,O\n", "row 2 has 2 words"),
        (QUESTIONS, "question,context,answer\nwho,me,me\nwho,me,you\n", "row 2"),
    ],
)
def test_rows_that_a_task_cannot_read_are_told_before_a_start(
    plan: Plan, tmp_path: Path, task: dict, content: str, words: str
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(content)
    with pytest.raises(LabError, match=words):
        check_data(dataclasses.replace(plan, data=str(path), **task))


@pytest.mark.parametrize(
    ("content", "words"),
    [("sentence,label\na film,good\n", "no column 'text'"), ("text,label\na film,fine\n", "fine"), ("", "empty")],
)
@pytest.mark.parametrize("part", ["test", "validation"])
def test_B07_another_file_that_does_not_fit_is_told_before_a_start(
    plan: Plan, tmp_path: Path, content: str, words: str, part: str
) -> None:
    path = tmp_path / "more.csv"
    path.write_text(content)
    with pytest.raises(LabError, match=f"The {part} file does not fit: .*{words}"):
        check_data(dataclasses.replace(plan, **{f"{part}_data": str(path)}))


def test_a_sound_plan_passes(plan: Plan) -> None:
    check_start(plan, is_here=True)
    check_start(dataclasses.replace(plan, processes=2, max_length=512, frozen_layers=2, lora_rank=0), is_here=True)


def test_a_cluster_is_not_this_machine_and_an_unknown_model_is_not_guessed(plan: Plan) -> None:
    many = dataclasses.replace(plan, batch_size=64, processes=64, precision="fp16")
    check_limits(many, is_here=False)
    with pytest.raises(LabError, match="Devices is 64"):
        check_limits(many, is_here=True)
    check_limits(dataclasses.replace(plan, model="a/large-model", frozen_layers=20, max_length=4096), is_here=True)


@pytest.mark.parametrize("error", [OSError(11, "no more processes"), KeyboardInterrupt()])
def test_a_start_that_fails_leaves_no_folder(plan: Plan, monkeypatch, tmp_path: Path, error: BaseException) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("core.runs.executors.subprocess.Popen", fail)
    empty = tmp_path / "empty"
    empty.mkdir()
    for output in (None, tmp_path / "a" / "b", empty):
        with pytest.raises((LabError, KeyboardInterrupt)):
            launch(plan, output=output)
    assert list_runs() == []
    assert not (tmp_path / "a").exists()
    assert list(empty.iterdir()) == []  # a folder that was there stays, as it was


def test_a_folder_with_something_in_it_is_never_touched(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    with pytest.raises(LabError, match="is not empty"):
        launch(plan, output=tmp_path / "mine")
    (tmp_path / "mine" / "plan.yaml").write_text(plan.to_yaml())
    with pytest.raises(LabError) as caught:
        launch(plan, output=tmp_path / "mine")
    assert "resume the run" in caught.value.remedy
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "all of it"


def test_a_run_on_a_cluster_is_checked_too(plan: Plan, nothing_starts: None) -> None:
    with pytest.raises(LabError, match="There is no column"):
        launch(dataclasses.replace(plan, text_column="txt"), slurm=SlurmOptions())
