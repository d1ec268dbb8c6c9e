"""Multiple choice: reading, batches against transformers' example, learning, exact continuation, predicting."""

import csv
import dataclasses
import json
import random
from pathlib import Path

import numpy as np
import pytest

from core.data.dataset.recipe import Recipe
from core.data.dataset.steps import DropDuplicates
from core.data.decisions.preparation import Preparation
from core.errors import LabError
from core.training.plan.plan import Plan
from tests.families import FAMILIES, family_folder
from tests.tiny_training import same_weights, stop_at, train_here

WORDS = ("cat", "dog", "mat", "film", "very")


def write_choices(path: Path, rows: int = 80, *, seed: int = 0, numbering: str = "0123") -> Path:
    """The right one of four choices is the one with the word “good”."""
    chance = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["start", "ask", "a", "b", "c", "d", "right"])
        for row in range(rows):
            right = chance.randrange(4)
            choices = [f"{chance.choice(WORDS)} {'good' if place == right else 'bad'}" for place in range(4)]
            writer.writerow([f"the {chance.choice(WORDS)} {row}", "was it", *choices, numbering[right]])
    return path


@pytest.fixture
def plan(tmp_path: Path, tiny_model_folder: Path) -> Plan:
    return Plan(
        data=str(write_choices(tmp_path / "choices.csv")), task="multiple-choice", text_column="start",
        pair_column="ask", choice_columns=("a", "b", "c", "d"), label_column="right", model=str(tiny_model_folder),
        epochs=2.0, batch_size=8, learning_rate=3e-3, max_length=24, precision="fp32", checkpoint_seconds=0.0,
    )  # fmt: skip


@pytest.fixture
def tokenizer(tiny_model_folder: Path):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_model_folder)


def read(plan: Plan, names: tuple[str, ...] | None = None):
    from core.data.sources.references import open_table
    from core.training.tasks import task_of

    return task_of(plan.task).read(open_table(plan.data), plan, names)


def test_B09_rows_that_begin_alike_are_no_repeats(plan: Plan, tmp_path: Path) -> None:
    path = tmp_path / "alike.csv"
    lines = [["Which one is right?", f"the cat {i}", f"a dog {i}", "a mat", "a film", str(i % 4)] for i in range(20)]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["start", "a", "b", "c", "d", "right"], *lines])
    examples = read(
        dataclasses.replace(
            plan, data=str(path), text_column="start", pair_column=None, choice_columns=tuple("abcd"),
            label_column="right", preparation=Preparation(recipe=Recipe().then(DropDuplicates())).to_json(),
        )
    )  # fmt: skip
    assert len(examples.rows) == len(set(examples.dataset.first_equal().tolist())) == 20
    assert examples.rows.pairs is None
    assert examples.rows.choices[3] == ("the cat 3", "a dog 3", "a mat", "a film")


def test_rows_are_read(plan: Plan) -> None:
    examples = read(plan)
    rows = examples.rows
    assert len(rows) == 80
    assert rows.texts[3].startswith("the ")
    assert set(rows.pairs) == {"was it"}
    assert all(choices[label].endswith("good") for choices, label in zip(rows.choices, rows.labels, strict=True))
    assert examples.label_names == ("0", "1", "2", "3")


@pytest.mark.parametrize("numbering", ["1234", "ABCD", "abcd"])
def test_the_right_choice_may_be_written_in_other_ways(plan: Plan, tmp_path: Path, numbering: str) -> None:
    other = dataclasses.replace(plan, data=str(write_choices(tmp_path / "other.csv", numbering=numbering)))
    examples = read(other)
    assert examples.rows.labels == read(plan).rows.labels
    names = tuple("abcd") if numbering == "abcd" else tuple(numbering)  # “a” is a column here
    assert examples.label_names == names


def test_a_test_file_means_the_same_numbers(plan: Plan, tmp_path: Path) -> None:
    """Alone, “1” to “3” would count from 0: without a “4” the file does not tell."""
    file = tmp_path / "test.csv"
    file.write_text("start,ask,a,b,c,d,right\nthe cat,was it,good,bad,bad,bad,1\nthe dog,was it,bad,bad,good,bad,3\n")
    test = dataclasses.replace(plan, data=str(file))
    assert read(test).rows.labels == (1, 3)
    assert read(test, ("1", "2", "3", "4")).rows.labels == (0, 2)
    assert read(test, ("0", "1", "2", "3")).rows.labels == (1, 3)


def test_what_names_no_choice_is_refused(plan: Plan, tmp_path: Path) -> None:
    wrong = write_choices(tmp_path / "wrong.csv", numbering="0127")
    with pytest.raises(LabError, match="not always one of the 4"):
        read(dataclasses.replace(plan, data=str(wrong)))
    with pytest.raises(LabError, match="Only one column"):
        read(dataclasses.replace(plan, choice_columns=("a",)))


def test_batches_equal_the_form_of_transformers_example(tokenizer, plan: Plan) -> None:
    from core.training.tasks import task_of

    rows = read(plan).rows.take([0, 5, 2])
    made = task_of(plan.task).encode(tokenizer, rows, dataclasses.replace(plan, max_length=12))
    firsts = [text for text in rows.texts for _ in range(4)]
    seconds = [f"was it {choice}" for choices in rows.choices for choice in choices]
    flat = tokenizer(firsts, seconds, truncation=True, max_length=12)
    lengths = np.reshape([len(ids) for ids in flat["input_ids"]], (3, 4))
    assert made.lengths.tolist() == lengths.max(axis=1).tolist()
    batch = made([2, 0])
    expected = tokenizer(
        firsts[8:] + firsts[:4], seconds[8:] + seconds[:4], truncation=True, max_length=12, padding=True,
        return_tensors="pt",
    )  # fmt: skip
    for name, each in expected.items():
        assert batch[name].shape == (2, 4, each.shape[-1])
        assert (batch[name].flatten(0, 1) == each).all()
    assert batch["labels"].tolist() == [rows.labels[2], rows.labels[0]]


def test_rows_that_are_cut_are_counted_once(tokenizer, plan: Plan) -> None:
    from core.training.batches.examples import Rows
    from core.training.tasks import task_of

    task = task_of(plan.task)
    rows = Rows((0, 1), ("cat", "dog " * 9), (0, 1), None, (("a", "b"), ("c", "d")))
    assert task.encode(tokenizer, rows, dataclasses.replace(plan, max_length=8)).cut_count == 1
    assert task.encode(tokenizer, rows, plan).cut_count == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_loss_and_accuracy_equal_transformers(family: str, tmp_path: Path, plan: Plan) -> None:
    import torch
    import transformers

    from core.training.run.scoring import outputs_of
    from core.training.tasks import task_of

    folder = family_folder(family, "encoder", tmp_path / family)
    transformers.utils.logging.set_verbosity_error()
    torch.manual_seed(0)
    network = transformers.AutoModelForMultipleChoice.from_pretrained(folder).eval()
    tokenizer, task = transformers.AutoTokenizer.from_pretrained(folder), task_of(plan.task)
    rows = read(plan).rows.take(range(11))
    made = task.encode(tokenizer, rows, dataclasses.replace(plan, max_length=40))
    scores = task.quick_scores(outputs_of(network, made, task.outputs, batch_size=4), made, rows, ())
    with torch.inference_mode():
        output = network(**made(range(11)))
    right = output.logits.argmax(1) == torch.tensor(rows.labels)
    assert scores["loss"] == pytest.approx(output.loss.item(), abs=1e-4)
    assert scores["accuracy"] == pytest.approx(right.float().mean().item())


def test_a_run_learns_and_opens_everywhere(plan: Plan) -> None:
    import transformers

    from core.inference.choose import choose
    from core.models.loading import MULTIPLE_CHOICE, open_model

    run, state = train_here(dataclasses.replace(plan, epochs=8.0, evaluations_per_epoch=1))
    assert state == "finished"
    metrics = run.metrics()
    assert metrics["accuracy"] >= 0.75
    assert metrics["accuracy"] > max(metrics["majority_accuracy"], metrics["chance_accuracy"])
    assert metrics["chance_accuracy"] == 0.25
    assert run.data()["label_names"] == list("0123")
    with (run.path / "evaluation" / "predictions.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == ["row", "text", "pair", "choices", "right", "predicted", "probability"]
    assert [int(line["row"]) for line in lines] == run.row_ids()["test"]
    assert np.mean([line["right"] == line["predicted"] for line in lines]) == pytest.approx(metrics["accuracy"])
    network, report = transformers.AutoModelForMultipleChoice.from_pretrained(
        run.path / "model", output_loading_info=True
    )
    assert type(network).__name__ == "BertForMultipleChoice"
    assert not report["missing_keys"]
    model = open_model(run.id)
    assert model.task == MULTIPLE_CHOICE
    texts, questions = [line["text"] for line in lines], [line["pair"] for line in lines]
    choices = [json.loads(line["choices"]) for line in lines]
    seen: list[int] = []
    chosen = choose(model, texts, choices, questions, batch_size=3, on_progress=seen.append)
    assert [str(number) for number in chosen.numbers] == [line["predicted"] for line in lines]
    assert chosen.probabilities.sum(axis=1) == pytest.approx(np.ones(len(lines)), abs=1e-6)
    assert chosen.probabilities.max(axis=1) == pytest.approx([float(line["probability"]) for line in lines], abs=2e-6)
    assert seen == [3, 6, 8]
    assert choose(model, [], []).numbers == ()
    with pytest.raises(LabError, match="differ in number"):
        choose(model, texts, choices[:2])
    with pytest.raises(LabError, match="same number of choices"):
        choose(model, ["one", "two"], [["a", "b"], ["a"]])


def test_another_model_cannot_choose(tiny_model_folder: Path) -> None:
    from core.inference.choose import choose
    from core.models.loading import open_model

    with pytest.raises(LabError, match="not learned to choose"):
        choose(open_model(str(tiny_model_folder)), ["a"], [["b", "c"]])


def test_stopped_and_resumed_equals_uninterrupted(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = dataclasses.replace(plan, label_smoothing=0.1)
    whole, _ = train_here(plan)
    with monkeypatch.context() as patch:
        stop_at(patch, 11)  # in the second of two epochs
        run, state = train_here(plan)
    assert state == "stopped"
    (run.path / "STOP").unlink()
    assert train_here(plan, run)[1] == "finished"
    assert same_weights(whole, run)
    assert run.metrics() == whole.metrics()
