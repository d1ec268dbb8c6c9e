"""What a finished run of each task has to show: its rows, mistakes in order, figures, and a model that all can open."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.reports.figures import figures_of
from core.reports.report import _rows, export_predictions, read_report, task_of
from core.runs.folder import Run
from core.runs.status import read_json, write_json
from core.tasks import spec_of
from tests.finished_runs import TASKS, FinishedRun, _trained, finished_run  # noqa: F401  fixtures

MAIN = {
    "sequence-classification": ("accuracy", "majority_accuracy"),
    "multi-label": ("micro_f1", "majority_micro_f1"),
    "regression": ("pearson", None),
    "token-classification": ("f1", "majority_f1"),
    "question-answering": ("f1", "no_answer_f1"),
    "multiple-choice": ("accuracy", None),
    "masked-language": ("masked_accuracy", "majority_accuracy"),
}


def written(run: Run) -> list[dict[str, str]]:
    with (run.path / "evaluation" / "predictions.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("task", TASKS)
def test_rows_carry_their_ids_in_the_order_of_the_file_though_batches_are_sorted(task: str, finished_run: FinishedRun):  # noqa: F811
    run = finished_run(task)
    report = read_report(run)
    assert task_of(run) == report.task == task
    assert [item.row for item in report.predictions] == run.row_ids()["test"]
    assert [item.text for item in report.predictions] == [line["text"] for line in written(run)]
    assert len({len(f"{item.text} {item.pair}".split()) for item in report.predictions}) > 2


@pytest.mark.parametrize("task", TASKS)
def test_the_main_figure_is_the_score_on_disk_with_its_interval_and_baseline(task: str, finished_run: FinishedRun):  # noqa: F811
    scores = finished_run(task).metrics()
    first = figures_of(task, scores)[0]
    name, baseline = MAIN[task]
    assert (first.name, first.value) == (name, scores[name])
    if baseline:
        assert first.baseline == scores[baseline]
    assert first.rival
    if task == "masked-language":
        assert first.interval is None
    elif first.is_unsure:  # so few rows, and all of them alike
        assert (first.interval, scores["intervals"][name]) == (None, None)
    else:
        low, high = first.interval
        assert list(first.interval) == scores["intervals"][name]
        assert low <= first.value <= high


@pytest.mark.parametrize("task", TASKS)
def test_every_baseline_that_a_task_names_is_among_its_scores(task: str, finished_run: FinishedRun):  # noqa: F811
    scores = finished_run(task).metrics()
    named = {baseline.name for metric in spec_of(task).metrics for baseline in metric.baselines if baseline.name}
    assert named <= set(scores), "`evaluate` must write each Baseline.name of the SPEC into metrics.json"


def test_precision_and_recall_are_told_with_their_intervals(finished_run: FinishedRun):  # noqa: F811
    scores = finished_run("sequence-classification").metrics()
    figures = {each.name: each for each in figures_of("sequence-classification", scores)}
    for name in ("macro_precision", "macro_recall"):
        assert (figures[name].value, list(figures[name].interval)) == (scores[name], scores["intervals"][name])


def test_the_baseline_is_the_best_of_those_there_are() -> None:
    scores = {"accuracy": 0.6, "chance_accuracy": 0.25, "majority_accuracy": 0.4, "intervals": {"accuracy": [0.5, 0.7]}}
    (accuracy,) = figures_of("multiple-choice", scores)
    assert (accuracy.baseline, accuracy.rival) == (0.4, "always choosing the commonest place")
    assert accuracy.gain == pytest.approx(0.2)
    assert accuracy.is_clear
    (accuracy,) = figures_of("multiple-choice", scores | {"majority_accuracy": 0.55})
    assert not accuracy.is_clear


def test_less_is_more_where_a_score_is_an_error() -> None:
    figures = {each.name: each for each in figures_of("regression", {"pearson": -0.1, "rmse": 2.0, "mean_rmse": 3.0})}
    assert figures["rmse"].gain == 1.0
    assert figures["pearson"].gain == pytest.approx(-0.1)
    assert not figures["rmse"].is_clear  # without an interval nothing is


def test_mistakes_of_labels_and_choices_come_surest_first(finished_run: FinishedRun) -> None:  # noqa: F811
    for task in ("sequence-classification", "multiple-choice"):
        run = finished_run(task)
        report = read_report(run)
        wrong = [line for line in written(run) if line.get("label", line.get("right")) != line["predicted"]]
        assert len(report.mistakes) == len(wrong) == round((1 - report.metrics["accuracy"]) * len(report.predictions))
        chances = [item.probability for item in report.mistakes]
        assert chances == sorted(chances, reverse=True)


def test_mistakes_of_several_labels_name_what_is_missing_and_what_is_too_much(finished_run: FinishedRun) -> None:  # noqa: F811
    run = finished_run("multi-label")
    report = read_report(run)
    true, predicted = ([set(json.loads(line[name])) for line in written(run)] for name in ("labels", "predicted"))
    wrong = sorted((len(one ^ two) for one, two in zip(true, predicted, strict=True) if one != two), reverse=True)
    assert [len(item.missed) + len(item.invented) for item in report.mistakes] == wrong
    assert len(report.mistakes) == round((1 - report.metrics["subset_accuracy"]) * len(true))


def test_mistakes_of_scores_are_the_farthest_first(finished_run: FinishedRun) -> None:  # noqa: F811
    run = finished_run("regression")
    distances = [item.distance for item in read_report(run).mistakes]
    assert distances == sorted(distances, reverse=True)
    assert np.mean(distances) == pytest.approx(run.metrics()["mae"], abs=1e-5)


def test_mistakes_of_tags_are_those_with_the_most_wrong_entities(finished_run: FinishedRun) -> None:  # noqa: F811
    run = finished_run("token-classification")
    report = read_report(run)
    counts = [item.wrong_count for item in report.mistakes]
    assert counts == sorted(counts, reverse=True)
    # F1 = 2 · right / (true + predicted), and what is wrong is what only one of the two has.
    total = sum(len(_entities(item.tags)) + len(_entities(item.predicted)) for item in report.predictions)
    assert 1 - sum(counts) / total == pytest.approx(report.metrics["f1"])


def _entities(tags: tuple[str, ...]) -> list:
    from seqeval.metrics.sequence_labeling import get_entities

    return get_entities(list(tags))


def test_mistakes_of_answers_have_the_lowest_f1_first(finished_run: FinishedRun) -> None:  # noqa: F811
    run = finished_run("question-answering")
    report = read_report(run)
    assert np.mean([item.f1 for item in report.predictions]) == pytest.approx(report.metrics["f1"])
    assert [item.f1 for item in report.mistakes] == sorted(item.f1 for item in report.predictions if item.f1 < 1)
    answered = [item for item in report.predictions if item.predicted]
    assert answered
    assert all(item.pair[item.start :].startswith(item.predicted) for item in answered)


def test_the_hardest_texts_come_first(finished_run: FinishedRun) -> None:  # noqa: F811
    run = finished_run("masked-language")
    losses = [item.loss for item in read_report(run).mistakes]
    assert losses == sorted(losses, reverse=True)
    assert max(losses) == max(float(line["loss"]) for line in written(run) if line["found"] != line["hidden"])


# Old and damaged runs


def test_a_run_from_before_intervals_and_tasks_still_opens(finished_run: FinishedRun) -> None:  # noqa: F811
    run = finished_run("sequence-classification")
    old = {key: value for key, value in run.metrics().items() if key not in ("task", "intervals")}
    write_json(run.path / "evaluation" / "metrics.json", old)
    data = {key: value for key, value in run.data().items() if key != "task"}
    write_json(run.path / "data.json", data)
    report = read_report(run)
    assert report.task == "sequence-classification"
    assert report.predictions
    first = figures_of(report.task, report.metrics)[0]
    assert (first.value, first.baseline) == (old["accuracy"], old["majority_accuracy"])
    assert first.count == (round(old["accuracy"] * old["rows"]), old["rows"])
    assert figures_of(report.task, report.metrics)[1].interval is None


def test_E10_what_was_read_before_a_torn_line_stands(finished_run: FinishedRun) -> None:  # noqa: F811
    for task in TASKS:
        run = finished_run(task)
        path = run.path / "evaluation" / "predictions.csv"
        whole = read_report(run).predictions
        lines = path.read_text("utf-8").splitlines(keepends=True)
        path.write_text("".join([*lines[:3], "7,torn\n"]), encoding="utf-8")
        assert read_report(run).predictions == whole[:2]


def test_intervals_that_are_no_intervals_are_left_out() -> None:
    (each,) = figures_of("masked-language", {"masked_accuracy": 0.5, "intervals": {"masked_accuracy": ["low", None]}})
    assert each.interval is None
    assert figures_of("masked-language", {}) == ()
    assert figures_of("a task of tomorrow", {"accuracy": True}) == ()


def test_C08_exported_predictions_escape_formulas_and_keep_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "evaluation"
    folder.mkdir(parents=True)
    lines = ["row,text,score,predicted", "0,=1+1,-2.5,-0.250000", "1,@x,+1,-1+1", "2,-1e-07,-.5,-1.2.3"]
    (folder / "predictions.csv").write_text("\n".join(lines), "utf-8")
    rows = list(csv.reader(io.StringIO(export_predictions(Run(tmp_path / "run")).decode())))
    assert rows[1:] == [
        ["0", "'=1+1", "-2.5", "-0.250000"],
        ["1", "'@x", "'+1", "'-1+1"],
        ["2", "-1e-07", "-.5", "'-1.2.3"],
    ]


def test_a_cell_as_long_as_the_lab_reads_is_read_again(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "evaluation"
    folder.mkdir(parents=True)
    text = "word " * 40_000
    limit = csv.field_size_limit()
    (folder / "predictions.csv").write_text(f"row,text,label,predicted,probability\n0,{text},a,b,0.9\n", "utf-8")
    write_json(folder / "metrics.json", {"accuracy": 0.0})
    assert [item.text for item in read_report(Run(tmp_path / "run")).mistakes] == [text]
    assert len(export_predictions(Run(tmp_path / "run"))) > len(text)
    assert csv.field_size_limit() == limit  # one for the whole process: others' business


CELLS = st.text(st.sampled_from("ab ,\"\n\r='é"), max_size=6)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=4), max_size=6))
def test_predictions_are_read_as_the_csv_module_reads_them(rows):
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerows(rows)  # as a training writes them
    assert list(_rows(written.getvalue())) == rows


@pytest.mark.parametrize("end", range(1, 40))
def test_a_file_that_ends_too_early_gives_the_rows_that_are_whole(tmp_path: Path, end: int) -> None:
    folder = tmp_path / "run" / "evaluation"
    folder.mkdir(parents=True)
    rows = ["row,text,label,predicted,probability", '0,"one, two",a,b,0.9', '1,"three\nfour, ""five"" six",a,b,0.8', ""]
    whole = "\n".join(rows)
    (folder / "predictions.csv").write_text(whole[:-end], "utf-8")
    write_json(folder / "metrics.json", {"accuracy": 0.0})
    found = [item.text for item in read_report(Run(tmp_path / "run")).mistakes]
    assert found[:1] == ["one, two"]
    assert found[1:] in ([], ['three\nfour, "five" six'])


# The folder model/, with plain transformers

AUTO = {
    "sequence-classification": ("AutoModelForSequenceClassification", "text-classification"),
    "multi-label": ("AutoModelForSequenceClassification", "text-classification"),
    "regression": ("AutoModelForSequenceClassification", "text-classification"),
    "token-classification": ("AutoModelForTokenClassification", "token-classification"),
    "question-answering": ("AutoModelForQuestionAnswering", None),  # transformers 5 has no such pipeline any more
    "multiple-choice": ("AutoModelForMultipleChoice", None),  # nor ever had one
    "masked-language": ("AutoModelForMaskedLM", "fill-mask"),
}


@pytest.mark.parametrize("task", TASKS)
def test_plain_transformers_open_the_model_with_the_labels_of_the_run(task: str, finished_run: FinishedRun) -> None:  # noqa: F811
    import transformers

    run = finished_run(task)
    folder = str(run.path / "model")
    auto, kind = AUTO[task]
    network = getattr(transformers, auto).from_pretrained(folder)
    names = run.data()["label_names"]
    if task not in ("question-answering", "multiple-choice", "masked-language"):
        assert network.config.id2label == dict(enumerate(names))
        assert network.config.label2id == {name: number for number, name in enumerate(names)}
    assert read_json(run.path / "model" / "config.json")["architectures"] == [type(network).__name__]
    if kind is not None:
        text = "the [MASK] sat" if kind == "fill-mask" else "the good cat sat on a film"
        answers = transformers.pipeline(kind, model=folder)(text)
        assert answers
        if kind != "fill-mask":
            assert {each.get("label", each.get("entity")) for each in answers} <= set(names)
