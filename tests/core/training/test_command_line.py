"""The command line: a plan's own gives the same plan again, presets fill what is not given, runs are resumed."""

import dataclasses
import logging
import shlex
from pathlib import Path

import pytest

from core.data.reading.read_table import ReadOptions
from core.errors import LabError
from core.runs.folder import Run, create_run
from core.runs.status import write_status
from core.training import __main__ as program
from core.training.forms.cli import command_line, parser, plan_of
from core.training.forms.presets import BALANCED, BEST, QUICK, plan_from_preset
from core.training.plan.plan import Plan
from tests.tiny_training import write_csv

MINIMAL = {"data": "d.csv", "text_column": "t", "label_column": "l"}


def parsed(command: str) -> Plan:
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "core.training"]
    return plan_of(parser("").parse_args(words[3:]))[0]


@pytest.mark.parametrize(
    "settings",
    [
        MINIMAL,
        {**MINIMAL, "data": "a b/ü's.csv", "text_column": "-t", "label_column": "$HOME `x`", "name": '-- a\n"b"'},
        {**MINIMAL, "epochs": 0.5, "learning_rate": 3e-5, "compile": True, "retry_on_memory": True, "pair_column": "p"},
        {"data": "d", "task": "multi-label", "text_column": "t", "label_column": "l", "label_separator": ";"},
        {"data": "d", "task": "multi-label", "text_column": "t", "label_columns": ("a", "b c")},
        {"data": "d", "task": "multiple-choice", "text_column": "t", "choice_columns": ("x", "y"), "label_column": "l"},
        {"data": "d", "task": "masked-language", "text_column": "t", "mask_share": 0.3, "whole_words": True},
        {**MINIMAL, "reading": ReadOptions(delimiter="\t", header=False, quoting=False, encoding="gbk", fill=True)},
    ],
)
def test_a_command_line_gives_the_same_plan(settings: dict) -> None:
    plan = Plan(**settings)
    assert parsed(command_line(plan)) == plan


def test_what_only_a_file_can_hold_has_no_command_line() -> None:
    from core.data.column_mapping import ColumnMapping
    from core.data.decisions.preparation import Preparation

    mapping = ColumnMapping.of("sequence-classification", text="t", label="l").with_labels(("b", "a"))
    assert command_line(Plan(**MINIMAL, preparation=Preparation(mapping).to_json())) is None
    assert command_line(Plan(**MINIMAL, reading=ReadOptions(header=True))) is None  # the options only say that none is
    choices = {"task": "multiple-choice", "text_column": "t", "choice_columns": ("-x", "y"), "label_column": "l"}
    assert command_line(Plan(data="d", **choices)) is None


def given(*words: str, data: Path | str = "sample:reviews") -> list[str]:
    return ["--data", str(data), "--text-column", "text", "--label-column", "label", *words]


def planned(*words: str, data: Path | str = "sample:reviews") -> Plan:
    return plan_of(parser("").parse_args(given(*words, data=data)))[0]


def test_what_is_not_given_is_the_balanced_preset() -> None:
    plan = planned()
    assert (
        plan
        == planned("--preset", BALANCED)
        == plan_from_preset(data="sample:reviews", text_column="text", label_column="label")
    )
    assert (plan.epochs, plan.batch_size, plan.learning_rate) == (5.0, 8, 1e-4)  # 400 rows, the built-in model
    fixed = planned("--preset", "none")
    assert fixed == Plan(data="sample:reviews", text_column="text", label_column="label")
    assert planned("--preset", BEST).scheduler == "cosine"
    assert planned("--preset", QUICK).evaluations_per_epoch == 1


def test_a_setting_that_is_given_wins_over_the_preset_and_others_follow_it() -> None:
    plan = planned("--epochs", "2", "--no-retry-on-memory", "--name", "mine")
    assert (plan.epochs, plan.batch_size, plan.retry_on_memory, plan.name) == (2.0, 8, False, "mine")
    lora = planned("--lora-rank", "4")
    assert (lora.lora_rank, lora.lora_alpha, lora.learning_rate) == (4, 8.0, 1e-3)
    assert planned("--lora-rank", "4", "--learning-rate", "2e-4").learning_rate == 2e-4


def test_a_preset_looks_at_the_rows(tmp_path: Path) -> None:
    assert planned(data=write_csv(tmp_path / "many.csv", 1_200)).batch_size == 32
    assert planned(data=write_csv(tmp_path / "few.csv", 60)).batch_size == 8
    (tmp_path / "other.csv").write_text("a,b\nc,d\n")
    with pytest.raises(LabError, match="no column 'text'"):
        planned(data=tmp_path / "other.csv")


def test_a_plan_file_keeps_what_it_says_and_takes_no_preset(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text("data: d\ntext_column: text\nlabel_column: label\nepochs: 2\n")
    plan, preset = plan_of(parser("").parse_args([str(file), "--batch-size", "16"]))
    assert preset is None
    assert plan == Plan(data="d", text_column="text", label_column="label", epochs=2.0, batch_size=16)
    with pytest.raises(LabError, match="takes no preset"):
        plan_of(parser("").parse_args([str(file), "--preset", "best"]))


def ended(plan: Plan, tmp_path: Path, state: str, **words: str) -> Run:
    run = create_run(plan.to_yaml(), output=tmp_path / "out")
    write_status(run.path, state, **words)
    return run


def test_what_the_preset_chose_is_printed_and_kept(monkeypatch, caplog, tmp_path: Path) -> None:
    started: list[Plan] = []

    def launch(plan: Plan, **_: object) -> Run:
        started.append(plan)
        return ended(plan, tmp_path, "finished", message="The training diverged.", remedy="Lower the rate.")

    monkeypatch.setattr(program, "launch", launch)
    with caplog.at_level(logging.INFO):
        assert program.main(given("--epochs", "2")) == 0
    assert (
        "Balanced: learning rate 1e-4, batch size 8, maximum length 128, retry when memory runs out on." in caplog.text
    )
    assert "A small model bears a larger learning rate." in caplog.text
    assert "The training diverged.\nLower the rate." in caplog.text
    kept = Plan.from_yaml((tmp_path / "out" / "plan.yaml").read_text())
    assert kept == started[0] == planned("--epochs", "2")


def test_a_run_is_resumed_by_its_folder_and_by_its_id(monkeypatch, caplog, tmp_path: Path) -> None:
    run = ended(planned("--preset", "none"), tmp_path, "stopped")
    resumed: list[Run] = []

    def resume(run: Run) -> Run:
        resumed.append(run)
        write_status(run.path, "finished")
        return run

    monkeypatch.setattr(program, "resume", resume)
    assert program.main(["resume", str(run.path)]) == 0
    inside = create_run("data: d")
    assert program.main(["resume", inside.id]) == 0
    assert [each.path for each in resumed] == [run.path, inside.path]
    with caplog.at_level(logging.ERROR):
        assert program.main(["resume", str(tmp_path)]) == 2  # a folder, but of no run
        assert program.main(["resume", "nothing-there"]) == 2
    assert caplog.text.count("There is no run") == 2


def test_a_finished_run_is_not_resumed_and_one_that_does_not_fit_this_machine_neither(caplog, tmp_path: Path) -> None:
    plan = dataclasses.replace(planned("--preset", "none"), batch_size=4096, processes=1024)
    run = ended(plan, tmp_path, "finished")
    assert program.main(["resume", str(run.path)]) == 2
    assert "has finished" in caplog.text
    write_status(run.path, "stopped")
    assert program.main(["resume", str(run.path)]) == 2
    assert "Devices is 1,024" in caplog.text


def test_an_option_of_sbatch_given_twice_is_told() -> None:
    from core.training.forms.cli import slurm_of

    with pytest.raises(LabError, match="given twice"):
        slurm_of(parser("").parse_args(["--slurm", "--slurm-option", "qos=a", "--slurm-option", "qos=b"]))
