"""Runs: what a finished run of each task shows, trying it, predicting a file, and the list of all runs."""

import csv
import dataclasses
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.reports.figures import Figure, figures_of
from core.reports.report import read_report
from core.runs.folder import Run, list_runs
from core.runs.status import write_json
from core.tasks import metric_of, written
from core.training.plan.plan import Plan
from pages.shared.column_mapping import TASKS as TITLES
from pages.train.runs.scores import in_words
from tests.finished_runs import CLASSES, PREDICTING, TASKS, FinishedRun, _trained, finished_run  # noqa: F401  fixtures
from tests.pages.conftest import words_on
from tests.pages.explore.test_tokens_page import ODD_TEXTS

PAGE = "train/runs/page.py"
SCRIPT = "</script><img src=x onerror=alert(1)> [l](https://example.org) :red[x]"


def shown(app: AppTest) -> str:
    """The prose of the page without the signs that keep Markdown from reading it."""
    return words_on(app).replace("\\", "").replace("\u2060", "")


def marked_text(app: AppTest) -> list[dict]:
    """The blocks of the texts with marks."""
    return json.loads(app.get("bidi_component")[0].proto.json)["blocks"]


def fine(app: AppTest) -> bool:
    return not app.exception and not app.error and not app.warning


def tamper(run: Run, **changes: str) -> None:
    """Put other cells into the first scored row."""
    path = run.path / "evaluation" / "predictions.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0] |= changes
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


# Scores


@pytest.mark.parametrize("task", TASKS)
def test_the_scores_are_those_on_disk_in_words_beside_their_baseline(task: str, open_page, finished_run: FinishedRun):  # noqa: F811
    run = finished_run(task)
    app = open_page(PAGE, run=run.id)
    assert fine(app)
    figures = figures_of(task, run.metrics())
    metrics = {metric.label: metric.value for metric in app.metric}
    for each in figures:
        assert metrics[metric_of(each.name).title] == written(each.name, each.value)
    assert f"({written(figures[0].name, figures[0].baseline)})" in shown(app)
    assert ("95% certainty" in shown(app)) == (task != "masked-language")
    assert app.dataframe[0].value["Task"].tolist() == [TITLES[task]]
    assert app.dataframe[0].value["Score"][0].endswith(written(figures[0].name, figures[0].value))


def test_words_say_whether_a_score_beats_its_baseline() -> None:
    score = Figure("accuracy", 0.834, (0.815, 0.852), 0.5, "guessing")
    assert in_words(score, "row") == (
        "**Accuracy 83.4%**, between 81.5% and 85.2% with 95% certainty, by resampling the rows. "
        "It beats guessing (50.0%)."
    )
    counted = dataclasses.replace(score, value=1.0, interval=(0.931, 1.0), count=(52, 52))
    assert in_words(counted, "test row").startswith(
        "**Accuracy 100.0%** (52 of 52 test rows), between 93.1% and 100.0% with 95% certainty, by Wilson's interval"
    )
    unsure = Figure("micro_f1", 1.0, None, 0.5, "guessing", is_unsure=True)
    assert in_words(unsure, "row") == (
        "**Micro F1 1.000**. How sure that is cannot be told: every resample of the rows gives the same value. "
        "It is better than guessing (0.500) here."
    )
    assert "may be chance" in in_words(dataclasses.replace(score, baseline=0.82), "row")
    assert "does not beat" in in_words(dataclasses.replace(score, baseline=0.9), "row")
    error = Figure("rmse", 0.5, None, 0.7, "always answering the mean")
    assert in_words(error, "row") == "**RMSE 0.5**. It beats always answering the mean (0.7)."


def test_the_tasks_own_tables(open_page, finished_run: FinishedRun):  # noqa: F811
    for task, title in {
        CLASSES: "Per class", "multi-label": "Per label", "token-classification": "Per kind of entity",
    }.items():  # fmt: skip
        run = finished_run(task)
        app = open_page(PAGE, run=run.id)
        assert title in shown(app)
        table = app.dataframe[1].value
        assert table["F1"].tolist() == [each["f1"] for each in run.metrics()["per_class"]]
    run = finished_run("question-answering")
    table = open_page(PAGE, run=run.id).dataframe[1].value
    scores = run.metrics()
    assert table["Number"].tolist() == [scores["rows"], scores["answerable"]["rows"], scores["unanswerable"]["rows"]]
    run = finished_run("regression")
    figure = json.loads(open_page(PAGE, run=run.id).get("plotly_chart")[0].proto.spec)
    rows = read_report(run).predictions
    assert figure["data"][0]["hovertext"] == [row.text for row in rows]
    assert "stars" in figure["layout"]["title"]["text"]


def test_a_run_from_before_intervals_and_tasks_still_opens(open_page, finished_run: FinishedRun):  # noqa: F811
    run = finished_run(CLASSES)
    path = run.path / "evaluation" / "metrics.json"
    write_json(path, {key: value for key, value in run.metrics().items() if key not in ("task", "intervals")})
    write_json(run.path / "data.json", {key: value for key, value in run.data().items() if key == "name"})
    for part in ("Scores", "Mistakes", "Try it"):
        assert fine(open_page(PAGE, run=run.id, part=part))
    assert shown(open_page(PAGE, run=run.id)).count("95% certainty") == 1  # of the accuracy, which counts tell


def test_runs_of_one_task_stand_beside_one_another(open_page, finished_run: FinishedRun):  # noqa: F811
    run, _ = finished_run(CLASSES), finished_run("regression")
    assert "Beside other runs" not in shown(open_page(PAGE, run=run.id))
    other = run.path.with_name(f"{run.id}-again")
    shutil.copytree(run.path, other)
    write_json(other / "evaluation" / "metrics.json", run.metrics() | {"accuracy": 0.125})
    app = open_page(PAGE, run=run.id)
    table = app.dataframe[-1].value
    assert table["Accuracy"].tolist() == [written("accuracy", run.metrics()["accuracy"]), "12.5%"]
    assert table["Same rows"].tolist() == [True, True]
    write_json(other / "data.json", run.data() | {"content_hash": "another"})
    app = open_page(PAGE, run=run.id)
    assert app.dataframe[-1].value["Same rows"].tolist() == [True, False]
    assert "compare only where" in shown(app)


# Mistakes


@pytest.mark.parametrize("task", [CLASSES, "multi-label", "regression", "multiple-choice", "masked-language"])
def test_mistakes_are_a_table_with_the_worst_first(task: str, open_page, finished_run: FinishedRun):  # noqa: F811
    run = finished_run(task)
    if task == "multiple-choice":
        tamper(run, predicted="1", right="0", probability="0.999999")
    app = open_page(PAGE, run=run.id, part="Mistakes")
    assert fine(app)
    mistakes = read_report(run).mistakes
    assert mistakes
    table = app.dataframe[-1].value
    assert table["Row"].tolist() == [row.row + 1 for row in mistakes]
    assert table["Text"].tolist() == [row.text for row in mistakes]


def test_words_are_marked_with_true_and_predicted_tags(open_page, finished_run: FinishedRun):  # noqa: F811
    run = finished_run("token-classification")
    tamper(run, text="the cat sat in very film", tags="O B-PER O O B-LOC I-LOC", predicted="B-LOC B-PER O O O O")
    app = open_page(PAGE, run=run.id, part="Mistakes")
    assert fine(app)
    row = read_report(run).predictions[0].row
    block = next(each for each in marked_text(app) if each["title"].startswith(f"Row {row + 1:,}:"))
    true, predicted = (
        [(part["text"], part["name"], part["is_wrong"]) for part in line["stretches"] if part["colour"]]
        for line in block["lines"]
    )
    assert true == [("cat", "PER", False), ("very film", "LOC", True)]
    assert predicted == [("the", "LOC", True), ("cat", "PER", False)]
    for line in block["lines"]:
        assert "".join(part["text"] for part in line["stretches"]).split() == [
            "the",
            "cat",
            "sat",
            "in",
            "very",
            "film",
        ]


def test_both_answers_are_marked_in_the_passage(open_page, finished_run: FinishedRun):  # noqa: F811
    run = finished_run("question-answering")
    passage = "a bad dog, " * 200 + "then very good and bad"
    start = passage.index("very")
    tamper(
        run, text="film?", pair=passage, answers='["good and bad"]', predicted="very good", start=str(start),
        f1="0.4", exact_match="0.0",
    )  # fmt: skip
    app = open_page(PAGE, run=run.id, part="Mistakes")
    assert fine(app)
    block = next(each for each in marked_text(app) if each["title"].endswith("film?"))
    parts = [(part["text"], part["colour"]) for part in block["lines"][-1]["stretches"] if part["colour"]]
    assert parts == [("very ", "orange"), ("good", "green"), (" and bad", "green")]
    drawn = "".join(part["text"] for part in block["lines"][-1]["stretches"])
    assert drawn.startswith("… ")
    assert len(drawn) < 500


@pytest.mark.parametrize("task", [CLASSES, "token-classification", "question-answering"])
def test_C07_a_script_in_a_cell_stays_text(task: str, open_page, finished_run: FinishedRun):  # noqa: F811
    run = finished_run(task)
    words = json.dumps(SCRIPT.split(" "))
    tags = " ".join(["B-PER"] * len(SCRIPT.split(" ")))
    changes = {
        CLASSES: {"text": SCRIPT, "label": "good", "predicted": "bad"},
        "token-classification": {"text": words, "tags": tags, "predicted": tags.replace("B-PER", "O")},
        "question-answering": {
            "text": SCRIPT, "pair": SCRIPT, "answers": "[]", "predicted": SCRIPT, "start": "0", "f1": "0",
        },
    }[task]  # fmt: skip
    tamper(run, **changes)
    app = open_page(PAGE, run=run.id, part="Mistakes")
    assert fine(app)
    assert "onerror" not in words_on(app)
    if task == CLASSES:
        assert SCRIPT in app.dataframe[-1].value["Text"].tolist()
    else:
        lines = [line for block in marked_text(app) for line in block["lines"]]
        assert SCRIPT in ["".join(part["text"] for part in line["stretches"]).strip() for line in lines]


def test_C08_the_download_of_predictions_is_escaped(open_page, finished_run: FinishedRun):  # noqa: F811
    from core.reports.report import export_predictions

    run = finished_run(CLASSES)
    tamper(run, text="=1+1")
    assert b",'=1+1," in export_predictions(run)
    assert fine(open_page(PAGE, run=run.id, part="Mistakes"))


def test_without_scored_rows_the_page_says_so(open_page, finished_run: FinishedRun):  # noqa: F811
    run = finished_run("question-answering")
    (run.path / "evaluation" / "predictions.csv").unlink()
    app = open_page(PAGE, run=run.id, part="Mistakes")
    assert fine(app)
    assert "no scored rows" in shown(app)


# Try it

FIELDS = {
    CLASSES: {"try": "the film was good"},
    "multi-label": {"try": "a good play"},
    "regression": {"try": "a good play"},
    "token-classification": {"try": "the cat sat on a film"},
    "question-answering": {"try-question": "film", "try": "the cat was very good on a mat"},
    "multiple-choice": {"try": "the cat", "try-choices": "was good\nwas bad"},
    "masked-language": {"try": "the [MASK] sat"},
}
LINES = ("try-question",)


def fill(app: AppTest, **texts: str) -> AppTest:
    for key, text in texts.items():
        field = app.text_input(key=key) if key in LINES else app.text_area(key=key)
        app = field.set_value(text).run()
    return app


@pytest.mark.parametrize("task", TASKS)
def test_a_text_of_ones_own_is_answered_by_the_trained_model(task: str, open_page, finished_run: FinishedRun):  # noqa: F811
    from core.inference import answer, choose, predict, tag
    from core.models.loading import open_model

    run = finished_run(task)
    app = open_page(PAGE, run=run.id, part="Try it")
    assert fine(app)
    assert "Type" in shown(app)
    texts = FIELDS[task]
    app = fill(app, **texts)
    assert fine(app)
    model, words, text = open_model(run.id, attention="sdpa"), shown(app), texts["try"]
    if task == CLASSES:
        assert f"The model says: **{predict.predict(model, [text]).labels[0]}**" in words
    elif task == "multi-label":
        names = predict.predict_labels(model, [text]).labels[0]
        assert f"The model says: {', '.join(f'**{name}**' for name in names) or '**none of the labels**'}" in words
    elif task == "regression":
        value = predict.predict_scores(model, [text]).values[0]
        assert [(each.label, each.value) for each in app.metric] == [("stars", f"{value:.4g}")]
    elif task == "token-classification":
        parts = marked_text(app)[0]["lines"][0]["stretches"]
        assert "".join(part["text"] for part in parts) == text
        found = tag.tag_texts(model, [text]).entities()[0]
        assert [(part["text"], part["name"]) for part in parts if part["colour"]] == [(e.text, e.kind) for e in found]
    elif task == "question-answering":
        (found,) = answer.answer(model, ["film"], [text], top_k=5)
        said = found.best.text or "there is no answer"
        assert f"The model says: **{said}**" in words
        table = app.dataframe[-1].value
        assert table["Answer"].tolist() == [*(each.text for each in found.found), "(no answer)"]
        assert table["Probability"].iloc[-1] == found.no_answer.probability
    elif task == "multiple-choice":
        chosen = choose.choose(model, [text], [["was good", "was bad"]]).numbers[0]
        assert f"The model chooses: **{('was good', 'was bad')[chosen]}**" in words
    else:
        assert json.loads(app.get("plotly_chart")[0].proto.spec)["layout"]["title"]["text"] == "Mask 1"
        links = [link.proto for link in app.get("page_link") if link.proto.label.startswith("Fill")]
        assert f"model={run.id}" in links[0].query_string


@pytest.mark.parametrize("task", TASKS)
def test_odd_texts_show_neither_error_nor_warning(task: str, open_page, finished_run: FinishedRun):  # noqa: F811
    app = fill(open_page(PAGE, run=finished_run(task).id, part="Try it"), **FIELDS[task])
    mask = "[MASK] " if task == "masked-language" else ""
    for text in [*ODD_TEXTS.values(), "\u200b\U0001f600", "   "]:
        app = fill(app, **{"try": f"{mask}{text}" if text.strip() else text})
        assert fine(app), text[:40]
        assert "onerror" not in words_on(app)
        assert "](https" not in words_on(app)


def test_a_run_on_pairs_asks_for_both_texts(open_page, finished_run: FinishedRun):  # noqa: F811
    from core.inference.predict import predict
    from core.models.loading import open_model

    run = finished_run(CLASSES)
    plan = dataclasses.replace(Plan.from_yaml(run.plan_text()), pair_column="second")
    (run.path / "plan.yaml").write_text(plan.to_yaml(), encoding="utf-8")
    app = fill(open_page(PAGE, run=run.id, part="Try it"), **{"try": "the film"})
    assert "Type two texts" in shown(app)
    app = fill(app, **{"try-pair": "was good"})
    assert fine(app)
    answer = predict(open_model(run.id, attention="sdpa"), ["the film"], ["was good"])
    assert f"The model says: **{answer.labels[0]}** ({answer.confidences[0]:.1%})" in shown(app)


# A whole file


@pytest.mark.parametrize("task", PREDICTING)
def test_a_whole_file_is_predicted_in_its_order(task: str, open_page, finished_run: FinishedRun):  # noqa: F811
    run = finished_run(task)
    plan = Plan.from_yaml(run.plan_text())
    app = open_page(PAGE, run=run.id, part="Predict a file")
    assert not app.exception
    app = app.file_uploader(key="upload").upload("rows.csv", Path(plan.data).read_bytes(), "text/csv").run()
    assert fine(app)
    next(each for each in app.button if each.label.startswith("Predict ")).click().run()
    assert fine(app)
    table: pd.DataFrame = app.dataframe[-1].value
    assert table["Row"].tolist() == list(range(1, len(table) + 1))
    own = {row.row: row.predicted for row in read_report(run).predictions}
    for row, predicted in own.items():
        cell = table["Predicted"][row]
        if task == "regression":
            assert cell == pytest.approx(predicted, abs=1e-4)
        elif task in ("multi-label", "token-classification"):
            assert cell == (json.dumps(list(predicted)) if task == "multi-label" else " ".join(predicted))
        else:
            assert cell == predicted


def test_columns_are_guessed_and_can_be_changed(open_page, finished_run: FinishedRun):  # noqa: F811
    app = open_page(PAGE, run=finished_run(CLASSES).id, part="Predict a file")
    content = b"id,sentence,notes\n1,the film was good,a\n2,the film was bad,b\n"
    app = app.file_uploader(key="upload").upload("other.csv", content, "text/csv").run()
    column = next(each for each in app.selectbox if each.label == "Text")
    assert column.value == "sentence"
    column.set_value("notes").run()
    next(each for each in app.button if each.label == "Predict 2 rows").click().run()
    assert fine(app)
    assert app.dataframe[-1].value["Text"].tolist() == ["a", "b"]


def test_language_runs_predict_no_rows(open_page, finished_run: FinishedRun):  # noqa: F811
    app = open_page(PAGE, run=finished_run("masked-language").id)
    assert "Predict a file" not in next(each for each in app.button_group if each.key == "part").options
    assert len(list_runs()) == 1
