"""Predicting every row of a table with a finished run of each task: in the order of the file, as the run itself did."""

import csv
import io

import pytest

from core.data.column_mapping import ColumnMapping
from core.data.reading.read_table import read_table
from core.data.sources.references import open_table
from core.errors import LabError
from core.inference.predict import task_of_model
from core.inference.table import inputs_of, predict_table
from core.models.loading import open_model
from core.training.plan.plan import Plan
from tests.finished_runs import PREDICTING, TASKS, FinishedRun, _trained, finished_run  # noqa: F401  fixtures


def opened(run):
    plan = Plan.from_yaml(run.plan_text())
    return open_model(run.id, attention="sdpa"), open_table(plan.data), plan.mapping()


@pytest.mark.parametrize("task", PREDICTING)
def test_every_row_is_predicted_in_the_order_of_the_file_as_the_run_predicted_it(task: str, finished_run: FinishedRun):  # noqa: F811
    run = finished_run(task)
    model, table, mapping = opened(run)
    seen: list[int] = []
    found = predict_table(model, table, mapping, on_progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == len(table)
    assert list(found.columns["row"]) == list(range(len(table)))
    assert list(found.columns["text"]) == table[Plan.from_yaml(run.plan_text()).text_column]
    assert found.cut_count == 0
    rows = list(csv.DictReader(io.StringIO(found.to_csv().decode())))
    assert len(rows) == len(table)
    with (run.path / "evaluation" / "predictions.csv").open(encoding="utf-8", newline="") as file:
        scored = list(csv.DictReader(file))
    for line in scored:
        again = rows[int(line["row"])]
        if task == "regression":
            assert float(again["predicted"]) == pytest.approx(float(line["predicted"]), abs=1e-4)
        else:
            assert again["predicted"] == line["predicted"]
        assert again["text"] == line["text"]


@pytest.mark.parametrize("task", TASKS)
def test_a_model_is_known_by_what_it_has_learned(task: str, finished_run: FinishedRun) -> None:  # noqa: F811
    assert task_of_model(open_model(finished_run(task).id)) == task


def test_only_what_is_read_is_asked_for() -> None:
    assert [role.name for role in inputs_of("sequence-classification")] == ["text", "pair"]
    assert [role.name for role in inputs_of("question-answering")] == ["question", "context"]
    assert [role.name for role in inputs_of("multiple-choice")] == ["context", "question", "choices"]
    assert inputs_of("masked-language") == ()


def test_C08_what_a_spreadsheet_would_run_is_escaped(finished_run: FinishedRun) -> None:  # noqa: F811
    model = open_model(finished_run("regression").id)
    table = read_table(b'text\n"=1+1"\n@good\n-5\n', name="a.csv")
    found = predict_table(model, table, ColumnMapping.of("regression", text="text"))
    rows = list(csv.reader(io.StringIO(found.to_csv().decode())))
    assert [row[1] for row in rows] == ["text", "'=1+1", "'@good", "-5"]
    assert [float(row[2]) for row in rows[1:]] == pytest.approx(found.columns["predicted"], abs=1e-6)


def test_odd_cells_are_predicted_too(finished_run: FinishedRun) -> None:  # noqa: F811
    cells = ["", " ", "北京是中国的首都。", "</script><b>", "word " * 3_000, "\u202e\U0001f600", "good"]
    content = "\n".join(["text,other", *(f'"{cell}",x' for cell in cells)]).encode()
    table = read_table(content, name="odd.csv")
    for task, parts in {
        "sequence-classification": {"text": "text"},
        "multi-label": {"text": "text"},
        "token-classification": {"tokens": "text"},
        "question-answering": {"question": "other", "context": "text"},
        "multiple-choice": {"context": "other", "choices": ("text", "other")},
    }.items():
        found = predict_table(open_model(finished_run(task).id), table, ColumnMapping.of(task, **parts))
        assert len(found) == len(found.columns["predicted"]) == len(cells)
        assert found.cut_count == (0 if task == "question-answering" else 1)


def test_choices_in_another_number_than_in_training_are_called_by_their_numbers(finished_run: FinishedRun) -> None:  # noqa: F811
    run = finished_run("multiple-choice")
    table = read_table(b"start,a,b\nthe cat,was good,was bad\n", name="two.csv")
    mapping = ColumnMapping.of("multiple-choice", context="start", choices=("a", "b"))
    found = predict_table(open_model(run.id), table, mapping)
    assert set(found.columns) >= {"p_0", "p_1"}
    assert found.columns["predicted"][0] in ("0", "1")


def test_cancelled_work_leaves_nothing(finished_run: FinishedRun) -> None:  # noqa: F811
    class Cancelled(Exception):
        pass

    def stop(_: int) -> None:
        raise Cancelled

    model, table, mapping = opened(finished_run("question-answering"))
    with pytest.raises(Cancelled):
        predict_table(model, table, mapping, on_progress=stop)


def test_refusals(finished_run: FinishedRun) -> None:  # noqa: F811
    model = open_model(finished_run("regression").id)
    table = read_table(b"text\na\nb\n", name="a.csv")
    with pytest.raises(LabError, match="cannot predict"):
        predict_table(model, table, ColumnMapping.of("sequence-classification", text="text"))
    with pytest.raises(LabError, match="No column"):
        predict_table(model, table, ColumnMapping.of("regression"))
    with pytest.raises(LabError, match="There is no column"):
        predict_table(model, table, ColumnMapping.of("regression", text="other"))
