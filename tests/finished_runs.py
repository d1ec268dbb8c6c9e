"""Finished runs of every task on the tiny model, really trained: once in a session, copied to whoever asks."""

import csv
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from core.runs.folder import Run, open_run
from core.tasks import spec_of
from core.training.plan.plan import Plan
from tests.core.training.test_masked_language import write_texts
from tests.core.training.test_question_answering import write_questions
from tests.core.training.test_text_tasks import texts_with_marks, write_rows
from tests.core.training.test_token_classification import write_sentences
from tests.tiny_training import WORDS, copy_into_workspace, train_and_keep, write_csv

CLASSES = "sequence-classification"
TASKS = (
    CLASSES, "multi-label", "regression", "token-classification", "question-answering", "multiple-choice",
    "masked-language",
)  # fmt: skip
PREDICTING = tuple(task for task in TASKS if spec_of(task).predicts_rows)

FinishedRun = Callable[[str], Run]
_KEPT: dict[str, Path] = {}  # each module that imports the fixtures has them anew, and shares what was trained


def write_choices(path: Path, rows: int = 120, *, seed: int = 0) -> Path:
    """Beginnings that are continued by the choice with “good” in it."""
    chance = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["start", "ending0", "ending1", "ending2", "label"])
        for number in range(rows):
            right = chance.randrange(3)
            endings = [
                " ".join([*chance.choices(WORDS, k=chance.randint(1, 6)), "good" if place == right else "bad"])
                for place in range(3)
            ]
            start = " ".join(chance.choices(WORDS, k=chance.randint(1, 6)))
            writer.writerow([f"{start} {number}", *endings, right])
    return path


def plan_of(task: str, folder: Path, model: Path) -> Plan:
    """A short training of a task; texts differ much in length, so that batches are sorted by it."""
    path = folder / f"{task}.csv"
    settings: dict = {"text_column": "text", "label_column": "label", "epochs": 3.0}
    if task == CLASSES:
        write_csv(path, 80)
    elif task == "multi-label":
        rows = [[text, "; ".join(marks)] for text, marks in texts_with_marks(160)]
        write_rows(path, ["text", "labels"], rows)
        settings |= {"label_column": "labels", "label_separator": ";", "epochs": 4.0}
    elif task == "regression":
        write_rows(path, ["text", "stars"], [[text, 3 + len(marks)] for text, marks in texts_with_marks(160)])
        settings |= {"label_column": "stars", "epochs": 4.0}
    elif task == "token-classification":
        write_sentences(path, 120)
        settings |= {"text_column": "words", "label_column": "tags"}
    elif task == "question-answering":
        write_questions(path, 120, unanswerable=0.3)
        settings |= {
            "text_column": "question", "pair_column": "context", "label_column": "answer",
            "answer_start_column": "start", "epochs": 4.0,
        }  # fmt: skip
    elif task == "multiple-choice":
        write_choices(path)
        settings |= {"text_column": "start", "choice_columns": ("ending0", "ending1", "ending2"), "epochs": 3.0}
    elif task == "masked-language":
        write_texts(path)
        settings |= {"label_column": None}
    else:
        raise NotImplementedError(f"Give {task} a short training here")
    return Plan(
        task=task, data=str(path), model=str(model), name=f"Tiny {task}", batch_size=8, learning_rate=3e-3,
        max_length=32, window_overlap=8 if task == "question-answering" else 64, precision="fp32",
        evaluations_per_epoch=1, **settings,
    )  # fmt: skip


@pytest.fixture(scope="session")
def _trained(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path) -> Callable[[str], Path]:
    def trained(task: str) -> Path:
        if task not in _KEPT:
            plan = plan_of(task, tmp_path_factory.mktemp(task), tiny_model_folder)
            _KEPT[task] = train_and_keep(plan, tmp_path_factory.mktemp("finished"))
        return _KEPT[task]

    return trained


@pytest.fixture
def finished_run(_trained: Callable[[str], Path], workspace: Path) -> FinishedRun:
    """`finished_run(task)` is a finished run of this test's own, in its workspace."""

    def copied(task: str) -> Run:
        return open_run(copy_into_workspace(_trained(task)))

    return copied
