"""One number everywhere: whoever is asked about a text that was scored says what the scores say, however long it is.

Asked are: the scored rows (Mistakes), the scores, Predict a file, `run.predict`, the command line, and plain
transformers by the code of the model's own card. What the pages show: tests/pages/test_one_number_page.py.
"""

import csv
import dataclasses
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.data.sources.references import open_table
from core.data.table import Table
from core.errors import LabError
from core.inference.run import Run, as_scored
from core.inference.table import predict_table
from core.models.inference_settings import FILE, InferenceSettings, read_settings
from core.models.loading import open_model
from core.reports.report import read_report
from core.training import __main__ as command_line
from core.training.estimate.shapes import shape_of
from core.training.plan.plan import Plan
from tests.cut_runs import CASES, LENGTH, PREDICTING, TRUNCATIONS, CutRun, _cut, cut_run  # noqa: F401  fixtures
from tests.cut_runs import plan_of as cut_plan
from tests.tiny_training import train_here

Said = list[tuple[Any, Any]]  # of each scored row: the answer, and a number behind it


def plan_of(run: Run) -> Plan:
    return Plan.from_yaml(run.plan_text())


def scored(run: Run) -> Said:
    """What Mistakes is made of, in the order of the scored rows."""
    rows = read_report(run).predictions
    if plan_of(run).task == "multi-label":
        with (run.path / "evaluation" / "predictions.csv").open(encoding="utf-8", newline="") as file:
            chances = [float(line["p_good"]) for line in csv.DictReader(file)]
        return [(row.predicted, chance) for row, chance in zip(rows, chances, strict=True)]
    if plan_of(run).task == "token-classification":
        return [(row.predicted, 0.0) for row in rows]
    if plan_of(run).task == "regression":
        return [("", row.predicted) for row in rows]
    return [(row.predicted, row.probability) for row in rows]


def of_file(run: Run, table: Table, ids: list[int]) -> Said:
    plan = plan_of(run)
    columns = predict_table(run.model(), table, plan.mapping()).columns
    answers, task = [columns["predicted"][row] for row in ids], plan.task
    if task == "multi-label":
        return [(tuple(json.loads(answer)), columns["p_good"][row]) for answer, row in zip(answers, ids, strict=True)]
    if task == "token-classification":
        return [(tuple(answer.split()), 0.0) for answer in answers]
    if task == "regression":
        return [("", answer) for answer in answers]
    numbers = columns["score" if task == "question-answering" else "probability"]
    return [(answer, numbers[row]) for answer, row in zip(answers, ids, strict=True)]


def inputs_of(run: Run, table: Table, ids: list[int]) -> tuple[list[str], list[str] | None, list[list[str]] | None]:
    """Texts, second texts and choices of the scored rows."""
    plan = plan_of(run)

    def column(name: str | None) -> list[str] | None:
        return None if name is None else [table[name][row] for row in ids]

    choices = list(zip(*map(column, plan.choice_columns), strict=True)) or None
    return column(plan.text_column), column(plan.pair_column), choices


def of_run(run: Run, table: Table, ids: list[int]) -> Said:
    texts, pairs, choices = inputs_of(run, table, ids)
    task = plan_of(run).task
    found = run.predict(texts, pairs, choices=choices)
    if task == "multi-label":
        chances = found.probabilities[:, found.label_names.index("good")]
        return list(zip(found.labels, chances, strict=True))
    if task == "token-classification":
        return [(tuple(tag.tag for tag in tags), 0.0) for tags in found.tags]
    if task == "regression":
        return [("", value) for value in found.values]
    if task == "question-answering":
        return [(each.best.text, each.best.probability) for each in found]
    if task == "multiple-choice":
        return [("ABC"[number], row.max()) for number, row in zip(found.numbers, found.probabilities, strict=True)]
    return list(zip(found.labels, found.confidences, strict=True))


# Plain transformers, as the card says


def card_code(run: Run) -> str:
    return re.search(r"```python\n(.*?)```", (run.path / "model" / "README.md").read_text("utf-8"), re.DOTALL)[1]


def of_transformers(run: Run, table: Table, ids: list[int]) -> Said:
    """What the code of the card says; the working directory is the model's folder."""
    texts, pairs, choices = inputs_of(run, table, ids)
    code, task = card_code(run), plan_of(run).task
    names: dict[str, Any] = {}
    if task == "question-answering":
        opening, _, asking = code.partition("\nwindows = ")
        exec(opening, names)
        return [_by_windows(run, names, f"windows = {asking}", *each) for each in zip(texts, pairs, strict=True)]
    if task == "multiple-choice":
        opening, _, asking = code.partition("\nbatch = ")
        exec(opening, names)
        return [_by_choices(names, f"batch = {asking}", *each) for each in zip(texts, pairs, choices, strict=True)]
    exec(code.rpartition("\nmodel(")[0], names)  # its example alone may be longer than these runs read
    if task == "token-classification":
        return [(_by_words(names["model"](text), text), 0.0) for text in texts]
    given = texts if pairs is None else [{"text": a, "text_pair": b} for a, b in zip(texts, pairs, strict=True)]
    found = [names["model"](each) for each in given]
    if task == "multi-label":
        found = [row[0] if isinstance(row[0], list) else row for row in found]
        order = run.data()["label_names"]
        by_name = [{each["label"]: each["score"] for each in row} for row in found]
        return [(tuple(name for name in order if row[name] > 0.5), row["good"]) for row in by_name]
    first = [each[0] if isinstance(each, list) else each for each in found]
    return [("" if task == "regression" else each["label"], each["score"]) for each in first]


def _by_words(tokens: list[dict[str, Any]], text: str) -> tuple[str, ...]:
    by_start = {token["start"]: token["entity"] for token in tokens}
    return tuple(by_start.get(match.start(), "O") for match in re.finditer(r"\S+", text))


def _by_windows(run: Run, names: dict[str, Any], code: str, question: str, passage: str) -> tuple[str, Any]:
    import torch

    names |= {"question": question, "passage": passage}
    exec(code, names)
    windows = names["windows"]
    offsets = windows.pop("offset_mapping").tolist()
    windows.pop("overflow_to_sample_mapping")
    assert windows["input_ids"].shape[1] <= LENGTH
    with torch.inference_mode():
        output = names["network"](**windows)
    starts, ends = output.start_logits.double().numpy(), output.end_logits.double().numpy()
    spans = []
    for window, places in enumerate(offsets):
        inside = [place for place, sequence in enumerate(windows.sequence_ids(window)) if sequence == 1]
        own = [0, *inside]
        chances = [np.exp(each[window, own] - np.logaddexp.reduce(each[window, own])) for each in (starts, ends)]
        spans += [
            (
                starts[window, first] + ends[window, last],
                passage[places[first][0] : places[last][1]],
                chances[0][1 + inside.index(first)] * chances[1][1 + inside.index(last)],
            )
            for first in inside
            for last in inside
            if first <= last < first + 30
        ]
        spans[-1] += ((starts[window, 0] + ends[window, 0], chances[0][0] * chances[1][0]),)
    none = min(span[3] for span in spans if len(span) == 4)
    best = max(spans, key=lambda span: span[0])
    if "There is no answer" in (run.path / "model" / "README.md").read_text("utf-8") and none[0] > best[0]:
        return "", none[1]
    return best[1], best[2]


def _by_choices(names: dict[str, Any], code: str, beginning: str, question: str, choices: list[str]) -> tuple[str, Any]:
    names |= {"beginning": beginning, "choices": [f"{question} {choice}" for choice in choices]}
    exec(code, names)
    chances = names["logits"].softmax(-1)[0].tolist()
    return "ABC"[int(np.argmax(chances))], max(chances)


WAYS: dict[str, Callable[[Run, Table, list[int]], Said]] = {
    "predict a file": of_file,
    "run.predict": of_run,
    "transformers": of_transformers,
}


@pytest.mark.parametrize("case", PREDICTING)
def test_every_way_of_asking_says_what_was_scored(
    case: str,
    cut_run: CutRun,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = cut_run(case)
    table, expected = open_table(plan_of(run).data), scored(run)
    ids = [row.row for row in read_report(run).predictions]
    assert len({answer for answer, _ in expected} | {number for _, number in expected}) > 2
    monkeypatch.chdir(run.path / "model")
    for way, ask in WAYS.items():
        said = ask(run, table, ids)
        assert [answer for answer, _ in said] == [answer for answer, _ in expected], way
        assert [number for _, number in said] == pytest.approx([number for _, number in expected], abs=2e-5), way
    whole = dataclasses.replace(run.model(), settings=None)  # as it was: read to the limit of the model
    monkeypatch.setattr(Run, "model", lambda self: whole)
    assert of_run(run, table, ids) != expected, "this test cannot see the difference"


@pytest.mark.parametrize("case", PREDICTING)
def test_scores_follow_from_what_predict_a_file_says(case: str, cut_run: CutRun) -> None:  # noqa: F811
    run = cut_run(case)
    table, task, scores = open_table(plan_of(run).data), plan_of(run).task, run.metrics()
    rows = read_report(run).predictions
    said = of_file(run, table, [row.row for row in rows])
    assert scores["rows"] == len(rows)
    if task == "regression":
        errors = [abs(value - row.score) for (_, value), row in zip(said, rows, strict=True)]
        assert scores["mae"] == pytest.approx(np.mean(errors), abs=1e-5)
        return
    if task == "token-classification":
        pairs = [each for (tags, _), row in zip(said, rows, strict=True) for each in zip(tags, row.tags, strict=True)]
        assert scores["token_accuracy"] == pytest.approx(np.mean([one == other for one, other in pairs]))
        assert scores["cut_words"] > 0
        return
    if task == "question-answering":
        right = [answer in (row.answers or ("",)) for (answer, _), row in zip(said, rows, strict=True)]
    else:
        true = [row.labels if task == "multi-label" else row.label for row in rows]
        right = [answer == own for (answer, _), own in zip(said, true, strict=True)]
    name = {"multi-label": "subset_accuracy", "question-answering": "exact_match"}.get(task, "accuracy")
    assert scores[name] == pytest.approx(np.mean(right))


@pytest.mark.parametrize("case", CASES)
def test_the_command_line_prints_the_scores_on_disk(
    case: str,
    cut_run: CutRun,  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = cut_run(case)
    with caplog.at_level(logging.INFO, logger="core.training"):
        assert command_line._follow(run) == 0
    printed = dict(line.split(maxsplit=1) for line in caplog.messages if len(line.split()) == 2)
    for name, value in run.metrics().items():
        if isinstance(value, float):
            assert printed[name] == f"{value:.4f}"


# What is kept, and where


@pytest.mark.parametrize("case", CASES)
def test_a_run_keeps_how_it_was_scored(case: str, cut_run: CutRun) -> None:  # noqa: F811
    import transformers

    run = cut_run(case)
    folder = run.path / "model"
    kept = read_settings(folder)
    assert (kept.max_length, kept.position_limit, kept.task) == (LENGTH, 512, plan_of(run).task)
    assert kept.truncation == TRUNCATIONS.get(case, "longest")
    if case == "question-answering":
        assert (kept.window_overlap, kept.longest_answer, kept.can_decline) == (3, 30, True)
    assert kept.choices == (("A", "B", "C") if case == "multiple-choice" else ())
    assert transformers.AutoTokenizer.from_pretrained(folder).model_max_length == LENGTH
    assert "truncation" not in (folder / "tokenizer.json").read_text("utf-8") or (
        json.loads((folder / "tokenizer.json").read_text("utf-8"))["truncation"] is None
    )
    assert str(run.path) not in (folder / "README.md").read_text("utf-8")


def test_explore_looks_as_far_as_the_network_goes(cut_run: CutRun) -> None:  # noqa: F811
    from core import tokenize

    run = cut_run("sequence-classification")
    model = open_model(run.id)
    assert (model.max_length, model.inference.max_length) == (512, LENGTH)
    assert len(tokenize(model, "cat " * 100)) == 102
    assert shape_of(run.id).longest == 512


def test_a_run_that_goes_on_from_a_run_may_read_more(cut_run: CutRun) -> None:  # noqa: F811
    first = cut_run("sequence-classification")
    plan = dataclasses.replace(plan_of(first), model=first.id, max_length=40, epochs=0.2)
    second, state = train_here(plan)
    assert state == "finished"
    expected = InferenceSettings(max_length=40, position_limit=512, task="sequence-classification")
    assert read_settings(second.path / "model") == expected
    assert open_model(second.id).inference.max_length == 40


def test_a_run_of_an_earlier_version_opens_as_it_did_and_predicts_as_it_was_scored(cut_run: CutRun) -> None:  # noqa: F811
    for case in PREDICTING:
        run = cut_run(case)
        (run.path / "model" / FILE).unlink()
        config = run.path / "model" / "tokenizer_config.json"
        config.write_text(json.dumps(json.loads(config.read_text("utf-8")) | {"model_max_length": 512}), "utf-8")
        if case == "question-answering":
            config = run.path / "model" / "config.json"
            config.write_text(json.dumps(json.loads(config.read_text("utf-8")) | {"can_decline": True}), "utf-8")
        model = open_model(run.id)
        assert (model.settings, model.max_length, model.inference.max_length) == (None, 512, 512)
        table, expected = open_table(plan_of(run).data), scored(run)
        said = of_run(run, table, [row.row for row in read_report(run).predictions])
        assert [answer for answer, _ in said] == [answer for answer, _ in expected], case
        assert [number for _, number in said] == pytest.approx([number for _, number in expected], abs=2e-5), case


def test_a_run_whose_plan_cannot_be_read_stays_as_it_is(cut_run: CutRun) -> None:  # noqa: F811
    run = cut_run("sequence-classification")
    (run.path / "model" / FILE).unlink()
    (run.path / "plan.yaml").write_text("no plan", "utf-8")
    model = open_model(run.id)
    assert as_scored(model, run) is model


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"max_length": 12}', '{"max_length": "12", "position_limit": 512}',
     '{"max_length": 600, "position_limit": 512}', '{"max_length": 12, "position_limit": 512, "truncation": "none"}',
     '{"max_length": 12, "position_limit": 512, "threshold": NaN}',
     '{"max_length": 12, "position_limit": 512, "choices": [1]}',
     '{"max_length": 12, "position_limit": 512, "task": 1}', "\udcff"],
)  # fmt: skip
def test_damaged_settings_are_refused_in_words(content: str, cut_run: CutRun) -> None:  # noqa: F811
    run = cut_run("sequence-classification")
    (run.path / "model" / FILE).write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(LabError, match="damaged"):
        open_model(run.id)


def test_settings_of_a_later_version_are_read_as_far_as_they_are_known(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"max_length": 12, "position_limit": 512, "pooling": "mean"}', "utf-8")
    assert read_settings(tmp_path) == InferenceSettings(max_length=12, position_limit=512)


# Asking in a way that the task has not


def test_what_a_task_does_not_read_is_refused(cut_run: CutRun) -> None:  # noqa: F811
    with pytest.raises(LabError, match="list of texts"):
        cut_run("regression").predict("a text", "another")
    with pytest.raises(LabError, match="reads no second texts"):
        cut_run("token-classification").predict(["a"], ["b"])
    with pytest.raises(LabError, match="reads no choices"):
        cut_run("sequence-classification").predict(["a"], choices=[["b", "c"]])
    with pytest.raises(LabError, match="no passages"):
        cut_run("question-answering").predict(["a"])
    with pytest.raises(LabError, match="nothing to choose"):
        cut_run("multiple-choice").predict(["a"])


def test_the_face_gives_runs_that_predict(cut_run: CutRun) -> None:  # noqa: F811
    import core

    run = cut_run("masked-language")
    assert core.open_run(run.id) == core.list_runs()[0] == core.Run(run.path)
    ((best, *_),) = core.open_run(run.id).predict(["the [MASK] sat"])[0]
    assert best[0]
    assert core.open_run(run.path).predict(["the [MASK] sat"])


@pytest.mark.parametrize("case", ["pairs cut first", "pairs cut second"])
def test_a_pair_that_cannot_be_cut_as_in_training_takes_no_other_along(case: str, cut_run: CutRun) -> None:  # noqa: F811
    run = cut_run(case)
    long, short = "the cat " * 20, "a dog"
    found = run.predict([short, long, short, long], [short, short, long, long])
    one = dataclasses.replace(run.model(), settings=dataclasses.replace(run.model().inference, truncation="longest"))
    from core.inference.predict import predict

    alone = predict(one, [short, long, short, long], [short, short, long, long])
    impossible = [2, 3] if case == "pairs cut first" else [1, 3]
    assert found.cut_count == 3
    for row in impossible:
        assert found.probabilities[row] == pytest.approx(alone.probabilities[row], abs=1e-6)


def test_rows_are_scored_as_precisely_as_the_model_is_opened(
    tmp_path: Path, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from core.training.run import job

    before, seen = torch.get_float32_matmul_precision(), []
    outputs_of = job.outputs_of

    def noted(*arguments: Any, **options: Any) -> list[np.ndarray]:
        seen.append(torch.get_float32_matmul_precision())
        return outputs_of(*arguments, **options)

    monkeypatch.setattr(job, "outputs_of", noted)
    plan = cut_plan("sequence-classification", tmp_path, tiny_model_folder)
    torch.set_float32_matmul_precision("high")  # as for trainings on a card, where it means TF32
    try:
        run, _ = train_here(dataclasses.replace(plan, precision="bf16", epochs=1.0))
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision(before)
    assert {*seen[:-1]} == {"high"}
    assert seen[-1] == "highest"
    run = Run(run.path)
    table, expected = open_table(plan.data), scored(run)
    said = of_run(run, table, [row.row for row in read_report(run).predictions])
    assert [number for _, number in said] == pytest.approx([number for _, number in expected], abs=2e-6)
