"""Finished runs of every task whose texts are short and far longer than what the plan reads: each says one thing of a
text, wherever it is asked. Trained once in a session, copied to whoever asks, like `finished_runs`."""

import csv
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from core.inference.run import Run, open_run
from core.training.plan.plan import Plan
from tests.tiny_training import WORDS, copy_into_workspace, train_and_keep

LENGTH = 12  # tokens that are read of a text; the longest has about five times as many
ROWS = 120
ODD_WORDS = ("u.s.", "don't", "1996-08-30", "(good)")  # one word each for the file, several for the tokenizer
TRUNCATIONS = {"pairs": "longest", "pairs cut first": "first", "pairs cut second": "second"}
CASES = (
    "sequence-classification", *TRUNCATIONS, "multi-label", "regression", "token-classification", "question-answering",
    "multiple-choice", "masked-language",
)  # fmt: skip
PREDICTING = CASES[:-1]

CutRun = Callable[[str], Run]
_KEPT: dict[str, Path] = {}


def _words(chance: random.Random, most: int = 50, least: int = 1) -> list[str]:
    """Half of them short, half long."""
    return chance.choices(WORDS, k=chance.randint(least, 4) if chance.random() < 0.4 else chance.randint(20, most))


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def _insert(chance: random.Random, words: list[str], word: str) -> list[str]:
    place = chance.randint(0, len(words))
    return [*words[:place], word, *words[place:]]


def _rows(case: str, chance: random.Random, number: int) -> list[Any]:
    label = chance.choice(("good", "bad", "not"))
    text = " ".join(_insert(chance, _words(chance), label)) + f" {number}"
    second = " ".join(_words(chance))
    if case == "pairs cut first":
        second = " ".join(chance.choices(WORDS, k=3))
    elif case == "pairs cut second":
        text = " ".join(_insert(chance, chance.choices(WORDS, k=2), label))
        second += f" {number}"
    if case in TRUNCATIONS or case == "regression":
        return [text, second, label if case in TRUNCATIONS else chance.random() * 5]
    if case == "multi-label":
        return [text, ";".join(mark for mark in ("good", "bad", "film") if mark in text.split())]
    if case == "token-classification":
        words = _insert(chance, _insert(chance, _words(chance), chance.choice(ODD_WORDS)), "film")
        tags = ["B-LOC" if word in ODD_WORDS else "B-PER" if word == "film" else "O" for word in words]
        return [" ".join([*words, str(number)]), " ".join([*tags, "O"])]
    if case == "question-answering":
        before, after = " ".join([*_words(chance), ""]), " ".join(["", *_words(chance), str(number)])
        answer = "" if number % 4 == 0 else chance.choice(("good", "very good", "bad"))
        return [f"film {chance.choice(WORDS)}", f"{before}{answer}{after}", answer, len(before) if answer else ""]
    if case == "multiple-choice":
        right = chance.randrange(3)
        ends = [" ".join([*_words(chance, 25), "good" if place == right else "bad"]) for place in range(3)]
        return [text, "not", *ends, "ABC"[right]]
    return [text, label]


_SETTINGS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {  # by case: columns, and what the plan says of them
    **{
        case: (
            ("text", "second", "label"),
            {"pair_column": "second", "label_column": "label", "truncation": truncation},
        )
        for case, truncation in TRUNCATIONS.items()
    },
    "multi-label": (("text", "labels"), {"label_column": "labels", "label_separator": ";"}),
    "regression": (("text", "second", "stars"), {"pair_column": "second", "label_column": "stars"}),
    "token-classification": (("words", "tags"), {"text_column": "words", "label_column": "tags"}),
    "question-answering": (
        ("question", "context", "answer", "start"),
        {
            "text_column": "question", "pair_column": "context", "label_column": "answer",
            "answer_start_column": "start", "window_overlap": 3,
        },
    ),
    "multiple-choice": (
        ("start", "question", "one", "two", "three", "label"),
        {
            "text_column": "start", "pair_column": "question", "label_column": "label",
            "choice_columns": ("one", "two", "three"),
        },
    ),
    "masked-language": (("text", "unused"), {"label_column": None}),
}  # fmt: skip


def plan_of(case: str, folder: Path, model: Path) -> Plan:
    chance, path = random.Random(7), folder / f"{case.replace(' ', '-')}.csv"
    columns, settings = _SETTINGS.get(case, (("text", "label"), {"label_column": "label"}))
    _write(path, columns, [_rows(case, chance, number) for number in range(ROWS)])
    task = "sequence-classification" if case in TRUNCATIONS else case
    return Plan(
        task=task, data=str(path), model=str(model), name=case, batch_size=8, learning_rate=2e-3, epochs=2.0,
        max_length=LENGTH, precision="fp32", evaluations_per_epoch=1, **{"text_column": "text", **settings},
    )  # fmt: skip


@pytest.fixture(scope="session")
def _cut(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path) -> Callable[[str], Path]:
    def trained(case: str) -> Path:
        if case not in _KEPT:
            plan = plan_of(case, tmp_path_factory.mktemp("cut"), tiny_model_folder)
            _KEPT[case] = train_and_keep(plan, tmp_path_factory.mktemp("finished"))
        return _KEPT[case]

    return trained


@pytest.fixture
def cut_run(_cut: Callable[[str], Path], workspace: Path) -> CutRun:
    """`cut_run(case)` is a finished run of this test's own, in its workspace."""

    def copied(case: str) -> Run:
        return open_run(copy_into_workspace(_cut(case)))

    return copied
