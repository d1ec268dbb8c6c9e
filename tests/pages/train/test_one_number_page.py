"""One number everywhere, on screen: Mistakes, Try it and Predict a file say of a scored text what its scores say.

The same runs, asked by code: tests/core/test_one_number.py.
"""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.inference.run import Run
from core.reports.report import read_report
from core.reports.scored_rows import ScoredRow
from core.training.plan.plan import Plan
from tests.cut_runs import LENGTH, PREDICTING, CutRun, _cut, cut_run  # noqa: F401  fixtures
from tests.pages.train.test_runs_page import PAGE, fill, fine, marked_text, shown


def plan_of(run: Run) -> Plan:
    return Plan.from_yaml(run.plan_text())


def rows_of(run: Run) -> list[ScoredRow]:
    """A short and two long rows of those that were scored."""
    rows = sorted(read_report(run).predictions, key=lambda row: len(f"{row.text} {row.pair}"))
    return [rows[0], *rows[-2:]]


def typed(run: Run, row: ScoredRow) -> dict[str, str]:
    task = plan_of(run).task
    if task == "question-answering":
        return {"try-question": row.text, "try": row.pair}
    if task == "multiple-choice":
        return {"try": row.text, "try-question": row.pair, "try-choices": "\n".join(row.choices)}
    return {"try": row.text} | ({} if row.pair is None else {"try-pair": row.pair})


def check_answer(app: AppTest, run: Run, row: Any) -> None:
    words, task = shown(app), plan_of(run).task
    if task == "sequence-classification":
        assert f"The model says: **{row.predicted}** ({row.probability:.1%})" in words
    elif task == "multi-label":
        assert (
            f"The model says: {', '.join(f'**{name}**' for name in row.predicted) or '**none of the labels**'}" in words
        )
    elif task == "regression":
        assert float(app.metric[0].value) == pytest.approx(row.predicted, rel=1e-3)
    elif task == "token-classification":
        parts = marked_text(app)[0]["lines"][0]["stretches"]
        assert "".join(part["text"] for part in parts) == " ".join(row.words)
        found = [(part["text"], part["name"]) for part in parts if part["colour"]]
        assert found == [
            (" ".join(row.words[first : last + 1]), kind) for kind, first, last in _entities(row.predicted)
        ]
    elif task == "question-answering":
        assert f"The model says: **{row.predicted or 'there is no answer'}**" in words
        assert f"({row.probability:.1%})" in words
    else:
        assert f"The model chooses: **{row.choices['ABC'.index(row.predicted)]}** ({row.probability:.1%})" in words


def _entities(tags: tuple[str, ...]) -> list[tuple[str, int, int]]:
    from seqeval.metrics.sequence_labeling import get_entities

    return get_entities(list(tags))


@pytest.mark.parametrize("case", PREDICTING)
def test_try_it_says_what_was_scored(case: str, open_page, cut_run: CutRun) -> None:  # noqa: F811
    run = cut_run(case)
    app = open_page(PAGE, run=run.id, part="Try it")
    for row in rows_of(run):
        app = fill(app, **typed(run, row))
        assert fine(app)
        check_answer(app, run, row)
    if case != "question-answering":  # which reads all of a passage, in windows
        assert f"cut to {LENGTH} tokens" in shown(app)


def test_words_of_a_text_end_at_blanks_unless_asked_otherwise(open_page, cut_run: CutRun) -> None:  # noqa: F811
    run = cut_run("token-classification")
    app = fill(open_page(PAGE, run=run.id, part="Try it"), **{"try": '["the", "u.s.", "film"]'})
    assert fine(app)
    assert "".join(part["text"] for part in marked_text(app)[0]["lines"][0]["stretches"]) == "the u.s. film"
    app = fill(app, **{"try": "the cat, sat"})
    app.toggle(key="try-punctuation").set_value(True).run()
    assert fine(app)
    assert "".join(part["text"] for part in marked_text(app)[0]["lines"][0]["stretches"]) == "the cat, sat"


@pytest.mark.parametrize("case", PREDICTING)
def test_predict_a_file_says_what_was_scored(case: str, open_page, cut_run: CutRun) -> None:  # noqa: F811
    run = cut_run(case)
    app = open_page(PAGE, run=run.id, part="Predict a file")
    app = app.file_uploader(key="upload").upload("rows.csv", Path(plan_of(run).data).read_bytes(), "text/csv").run()
    next(each for each in app.button if each.label.startswith("Predict ")).click().run()
    assert fine(app)
    table = app.dataframe[-1].value
    with (run.path / "evaluation" / "predictions.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    for line in lines:
        own = table.iloc[int(line["row"])]
        if plan_of(run).task == "regression":
            assert own["Predicted"] == pytest.approx(float(line["predicted"]), abs=1e-5)
        else:
            assert own["Predicted"] == line["predicted"]
        for name in ("probability", "score"):
            if name in line and plan_of(run).task != "regression":
                assert own[name.capitalize()] == pytest.approx(float(line[name]), abs=1e-5)
    if case != "question-answering":
        assert "Cut to the length" in shown(app)


@pytest.mark.parametrize("case", ["sequence-classification", "multiple-choice"])
def test_mistakes_are_counted_by_the_scores(case: str, open_page, cut_run: CutRun) -> None:  # noqa: F811
    run = cut_run(case)
    right, rows = run.metrics()["counts"]["accuracy"]
    assert f"({right} of {rows} test rows)" in shown(open_page(PAGE, run=run.id))
    assert re.search(rf"{rows - right} of {rows} rows are wrong", shown(open_page(PAGE, run=run.id, part="Mistakes")))


def test_try_it_of_a_run_of_an_earlier_version_says_what_was_scored(open_page, cut_run: CutRun) -> None:  # noqa: F811
    run = cut_run("sequence-classification")
    (run.path / "model" / "bertlab.json").unlink()
    config = run.path / "model" / "tokenizer_config.json"
    config.write_text(json.dumps(json.loads(config.read_text("utf-8")) | {"model_max_length": 512}), "utf-8")
    row = rows_of(run)[-1]
    app = fill(open_page(PAGE, run=run.id, part="Try it"), **typed(run, row))
    assert fine(app)
    check_answer(app, run, row)


def test_what_an_answer_rests_on_is_the_answer_that_was_scored(open_page, cut_run: CutRun) -> None:  # noqa: F811
    run = cut_run("sequence-classification")
    text = rows_of(run)[-1].text
    (label,), (chance,) = run.predict([text]).labels, run.predict([text]).confidences
    options = {"model": run.id, "attended": text}
    app = open_page("explore/attention/page.py", **options, **{"attention-view": "What the answer rests on"})
    assert fine(app)
    assert "more than this run was trained and scored with" in shown(app)
    answers = next(each for each in app.selectbox if each.label == "Answer").options
    assert any(label in each and f"{chance:.1%}" in each for each in answers), answers
    app = open_page("explore/attention/page.py", **options, **{"attention-view": "All heads"})
    assert fine(app)
    assert f"use at most {LENGTH} of its tokens" in shown(app)
