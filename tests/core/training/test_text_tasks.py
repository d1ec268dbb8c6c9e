"""One answer for a text: several labels and scores, from the file to a model that plain transformers opens."""

import csv
import dataclasses
import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import f1_score
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from core.data.dataset.recipe import Recipe
from core.data.dataset.steps import DropRows
from core.data.decisions.preparation import Preparation
from core.errors import LabError
from core.runs.folder import Run
from core.training.plan.plan import Plan
from core.training.run.prepare import prepare
from core.training.tasks import task_of
from tests.tiny_training import WORDS, same_weights, stop_at, tiny_plan, train_here  # noqa: F401

MARKS = ("good", "bad", "play")


def write_rows(path: Path, header: list[str], rows: list[list[object]]) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return str(path)


def texts_with_marks(count: int, seed: int = 0) -> list[tuple[str, list[str]]]:
    """Texts in which some of the marks stand, and which."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        marks = [mark for mark in MARKS if chance.random() < 0.5]
        words = [*marks, *(chance.choice([w for w in WORDS if w not in MARKS]) for _ in range(chance.randint(2, 6)))]
        chance.shuffle(words)
        found.append((f"{' '.join(words)} {number}", marks))
    return found


@pytest.fixture
def several(plan: Plan, tmp_path: Path) -> Plan:
    rows = [[text, "; ".join(marks)] for text, marks in texts_with_marks(240)]
    return dataclasses.replace(
        plan, task="multi-label", data=write_rows(tmp_path / "several.csv", ["text", "labels"], rows),
        label_column="labels", label_separator=";", epochs=15.0, evaluations_per_epoch=1,
    )  # fmt: skip


@pytest.fixture
def scored(plan: Plan, tmp_path: Path) -> Plan:
    rows = [[text, 70 + len(marks)] for text, marks in texts_with_marks(240)]
    return dataclasses.replace(
        plan, task="regression", data=write_rows(tmp_path / "scored.csv", ["text", "score"], rows),
        label_column="score", epochs=15.0, evaluations_per_epoch=1,
    )  # fmt: skip


def read_predictions(run: Run) -> list[dict[str, str]]:
    with (run.path / "evaluation" / "predictions.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def logits_by_hand(run: Run, texts: list[str]) -> np.ndarray:
    """One text after the other, without padding, through plain transformers."""
    network = AutoModelForSequenceClassification.from_pretrained(run.path / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(run.path / "model")
    with torch.inference_mode():
        return np.concatenate([network(**tokenizer(text, return_tensors="pt")).logits.numpy() for text in texts])


def test_several_labels_are_learned_and_told(several: Plan) -> None:
    run, _ = train_here(several)
    rows, metrics = read_predictions(run), run.metrics()
    assert metrics["micro_f1"] > metrics["majority_micro_f1"] + 0.2
    assert [int(row["row"]) for row in rows] == run.row_ids()["test"]
    truth = texts_with_marks(240)
    assert all(json.loads(row["labels"]) == sorted(truth[int(row["row"])][1]) for row in rows)
    chances = 1 / (1 + np.exp(-logits_by_hand(run, [row["text"] for row in rows])))
    names = run.data()["label_names"]
    assert names == sorted(MARKS)
    shown = np.array([[float(row[f"p_{name}"]) for name in names] for row in rows])
    assert shown == pytest.approx(chances, abs=1e-5)
    true = np.array([[name in json.loads(row["labels"]) for name in names] for row in rows])
    assert metrics["micro_f1"] == pytest.approx(f1_score(true, chances > 0.5, average="micro"))
    config = json.loads((run.path / "model" / "config.json").read_text())
    assert config["problem_type"] == "multi_label_classification"
    assert config["id2label"] == {str(number): name for number, name in enumerate(names)}
    (answer,) = pipeline("text-classification", model=str(run.path / "model"), top_k=None)([rows[0]["text"]])
    assert {each["label"]: each["score"] for each in answer} == pytest.approx(
        dict(zip(names, chances[0], strict=True)), abs=1e-5
    )


def test_labels_in_columns_are_the_same_labels(several: Plan, tmp_path: Path) -> None:
    rows = [[text, *(int(mark in marks) for mark in sorted(MARKS))] for text, marks in texts_with_marks(240)]
    data = write_rows(tmp_path / "columns.csv", ["text", *sorted(MARKS)], rows)
    plan = dataclasses.replace(
        several, data=data, label_column=None, label_columns=tuple(sorted(MARKS)), label_separator=None
    )
    task = task_of("multi-label")
    assert prepare(plan, task).train.labels == prepare(several, task).train.labels


def test_scores_are_learned_in_their_own_unit(scored: Plan) -> None:
    run, _ = train_here(scored)
    rows, metrics = read_predictions(run), run.metrics()
    assert [int(row["row"]) for row in rows] == run.row_ids()["test"]
    true, guessed = (np.array([float(row[name]) for row in rows]) for name in ("score", "predicted"))
    assert guessed == pytest.approx(logits_by_hand(run, [row["text"] for row in rows])[:, 0], abs=1e-4)
    assert metrics["pearson"] == pytest.approx(pearsonr(true, guessed).statistic, abs=1e-5)
    assert metrics["spearman"] == pytest.approx(spearmanr(true, guessed).statistic, abs=1e-5)
    assert metrics["pearson"] > 0.7
    assert metrics["rmse"] < metrics["mean_rmse"]
    config = json.loads((run.path / "model" / "config.json").read_text())
    assert (config["problem_type"], config["id2label"]) == ("regression", {"0": "score"})


def test_a_regression_goes_on_from_a_trained_head(scored: Plan) -> None:
    first, _ = train_here(scored)
    again, _ = train_here(dataclasses.replace(scored, model=str(first.path / "model"), epochs=0.1, learning_rate=1e-8))
    assert again.metrics()["pearson"] == pytest.approx(first.metrics()["pearson"], abs=1e-3)


@pytest.mark.parametrize("kind", ["several", "scored"])
def test_stopped_and_resumed_equals_uninterrupted(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = dataclasses.replace(request.getfixturevalue(kind), epochs=1.0)
    whole, _ = train_here(plan)
    with monkeypatch.context() as patch:
        stop_at(patch, 5)
        run, state = train_here(plan)
    assert state == "stopped"
    (run.path / "STOP").unlink()
    assert train_here(plan, run)[1] == "finished"
    assert same_weights(whole, run)


@pytest.mark.parametrize(
    ("kind", "header", "row", "word"),
    [
        ("scored", ["text", "score"], ["x", "many"], "no number in row 241"),
        ("scored", ["text", "score"], ["x", "1e39"], "no number in row 241"),
        ("several", ["text", "labels"], ["x", "unheard"], "unheard.*row 1"),
    ],
)
def test_what_cannot_be_learned_names_its_rows(
    kind: str, header: list, row: list, word: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    plan = request.getfixturevalue(kind)
    if kind == "scored":
        with Path(plan.data).open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow(row)
    else:  # a label that only the test file has
        plan = dataclasses.replace(plan, test_data=write_rows(tmp_path / "test.csv", header, [row]))
    with pytest.raises(LabError, match=word):
        prepare(plan, task_of(plan.task))


def test_a_label_that_only_dropped_rows_had_is_not_learned(several: Plan, tmp_path: Path) -> None:
    rows = [["the cat", "rare; good"], *([f"a dog {i}", ("good", "bad", "")[i % 3]] for i in range(12))]
    data = write_rows(tmp_path / "rare.csv", ["text", "labels"], rows)
    kept = Preparation(recipe=Recipe().then(DropRows((0,)))).to_json()
    plan = dataclasses.replace(several, data=data)
    assert prepare(plan, task_of(plan.task)).label_names == ("bad", "good", "rare")
    assert prepare(dataclasses.replace(plan, preparation=kept), task_of(plan.task)).label_names == ("bad", "good")
