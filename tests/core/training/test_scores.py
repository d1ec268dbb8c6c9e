"""What the scores of every task have in common: strict JSON, a score that chooses, no NaN that passes for a score."""

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.errors import LabError
from core.tasks import SPECS
from core.training.scores import answers, choice, classification, language, multi_label, regression, tagging
from core.training.scores.finite import finite

random = np.random.default_rng(0)
LOGITS, LABELS = random.normal(size=(40, 3)), random.integers(0, 3, 40)
MANY = (random.random((40, 3)) < 0.4).astype(np.int64)
SENTENCES, GUESSES = [["O", "B-PER", "I-PER"], ["O", "O"]], [["O", "B-PER", "O"], ["O", "B-LOC"]]
ANSWERS = [["Paris", "in Paris"], [], ["1066"]]
TASKS = {
    "classification": (
        "sequence-classification",
        lambda bad: classification.quick(LOGITS + bad, LABELS),
        lambda bad: classification.full(LOGITS + bad, LABELS, list("abc"), majority_label=0),
    ),
    "multi_label": (
        "multi-label",
        lambda bad: multi_label.quick(LOGITS + bad, MANY),
        lambda bad: multi_label.full(LOGITS + bad, MANY, list("abc"), majority_labels=[0, 1, 0]),
    ),
    "regression": (
        "regression",
        lambda bad: regression.quick(LOGITS[:, 0] + bad, LABELS),
        lambda bad: regression.full(LOGITS[:, 0] + bad, LABELS, training_mean=1.0),
    ),
    "tagging": (
        "token-classification",
        lambda bad: tagging.quick(SENTENCES, GUESSES, 0.5 + bad),
        lambda bad: tagging.full(SENTENCES, GUESSES, 0.5 + bad),
    ),
    "answers": (
        "question-answering",
        lambda bad: answers.quick(["Paris", "", ""], ANSWERS, 0.5 + bad),
        lambda bad: answers.full(["Paris", "", ""], ANSWERS, 0.5 + bad),
    ),
    "choice": (
        "multiple-choice",
        lambda bad: choice.quick(LOGITS + bad, LABELS),
        lambda bad: choice.full(LOGITS + bad, LABELS, majority_position=2),
    ),
    "language": (
        "masked-language",
        lambda bad: language.quick(12.5 + bad, 2, 4, 5, 3, 4),
        lambda bad: language.full(12.5 + bad, 2, 4, 5, 3, 4),
    ),
}
each_task = pytest.mark.parametrize(("task", "quick", "full"), TASKS.values(), ids=TASKS)


@each_task
def test_the_scores_that_choose_and_are_drawn_are_there(task: str, quick: Callable, full: Callable) -> None:
    scores = quick(0.0)
    assert {"loss", *SPECS[task].curves} <= set(scores)
    assert all(type(value) is float and math.isfinite(value) for value in scores.values())
    everything = full(0.0)
    assert {name: everything[name] for name in scores} == scores


@each_task
def test_D09_full_scores_are_strict_json_and_the_same_each_time(task: str, quick: Callable, full: Callable) -> None:
    scores = full(0.0)
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores == full(0.0)
    for name, edges in scores.get("intervals", {}).items():
        assert edges is None or edges[0] <= scores[name] <= edges[1]


@each_task
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_D07_a_loss_that_is_no_number_is_seen_and_never_written(
    task: str, quick: Callable, full: Callable, bad: float
) -> None:
    assert not math.isfinite(quick(bad)["loss"])
    with pytest.raises(LabError, match=r"cannot be scored: loss became (nan|inf)"):
        full(bad)


def test_a_number_deep_inside_is_looked_at() -> None:
    scores = {"f1": 0.5, "none": None, "name": "nan", "per_class": [{"f1": 1.0}]}
    assert finite(scores) is scores
    with pytest.raises(LabError, match=r"per_class\.f1 became inf"):
        finite({**scores, "per_class": [{"f1": 1.0}, {"f1": math.inf}]})


def test_importing_loads_nothing_heavy() -> None:
    modules = ", ".join(f"core.training.scores.{name}" for name in TASKS)
    code = (
        f"import sys, {modules}; print(*{{'torch', 'transformers', 'sklearn', 'scipy', 'seqeval'}} & set(sys.modules))"
    )
    project = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
