"""Training with a tiny random BERT: the whole way from a file to scores, exact continuation, encoding."""

import csv
import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import get_scheduler

from core.errors import LabError
from core.reports.report import read_report
from core.runs.folder import create_run
from core.training.plan.plan import SCHEDULERS, Plan
from core.training.run.prepare import prepare
from core.training.run.trainer_arguments import training_arguments
from core.training.tasks import task_of
from tests.tiny_training import same_weights, stop_at, tiny_plan, train_here, weights, write_csv  # noqa: F401


def test_a_run_leaves_model_scores_and_events(plan: Plan) -> None:
    run, state = train_here(dataclasses.replace(plan, epochs=6.0, name="tiny"))
    assert state == "finished"
    metrics = run.metrics()
    assert metrics["split"] == "test"
    assert metrics["accuracy"] > metrics["majority_accuracy"]
    data = run.data()
    assert data["name"] == "tiny"
    ids = [row for part in run.row_ids().values() for row in part]
    assert sorted(ids) == list(range(60))
    events = run.events()
    train = [event for event in events if event["kind"] == "train"]
    assert [event["step"] for event in train] == list(range(1, 37))
    assert all(event["loss"] > 0 and event["examples_per_second"] > 0 for event in train)
    assert train[0]["seconds"] <= train[-1]["seconds"]
    assert train[-1]["seconds_left"] == 0
    assert sum(event["kind"] == "evaluation" for event in events) == 12
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {p.name for p in (run.path / "model").iterdir()}
    assert json.loads((run.path / "model" / "config.json").read_text())["id2label"] == {"0": "bad", "1": "good"}
    assert run.environment()["precision"] == "fp32"


def test_the_saved_tokenizer_cuts_and_pads_nothing(plan: Plan) -> None:
    from tokenizers import Tokenizer

    run, _ = train_here(dataclasses.replace(plan, epochs=0.5, max_length=8))
    tokenizer = Tokenizer.from_file(str(run.path / "model" / "tokenizer.json"))
    assert (tokenizer.truncation, tokenizer.padding) == (None, None)
    assert len(tokenizer.encode("the cat " * 20).ids) == 42


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_run_is_reported_and_opened_as_a_model(plan: Plan, precision: str) -> None:
    from core.inference.predict import predict
    from core.models.loading import open_model
    from core.reports.report import export_predictions, read_report

    run, _ = train_here(dataclasses.replace(plan, epochs=3.0, precision=precision))
    report = read_report(run)
    assert sum(map(sum, report.confusion)) == report.metrics["rows"] == len(report.predictions) == 6
    assert [item.row for item in report.predictions] == run.row_ids()["test"]
    assert all(item.label != item.predicted for item in report.mistakes)
    again = predict(open_model(run.id), [item.text for item in report.predictions])
    assert list(again.labels) == [item.predicted for item in report.predictions]
    assert again.confidences == pytest.approx([item.probability for item in report.predictions], abs=2e-6)
    assert export_predictions(run).startswith(b"row,text,label,predicted,probability,p_bad,p_good\n")


def test_the_best_weights_are_the_model(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.training.tasks.sequence_classification import SequenceClassification

    scores = iter([0.2, 0.9, 0.4, 0.1])
    monkeypatch.setattr(
        SequenceClassification,
        "quick_scores",
        lambda *_: {"loss": 1.0, "accuracy": 0.5, "macro_f1": next(scores)},
    )
    run, _ = train_here(plan)
    stopped = create_run(plan.to_yaml())
    scores = iter([0.2, 0.9])
    stop_at(monkeypatch, 6)
    assert train_here(plan, stopped)[1] == "stopped"
    from safetensors.torch import load_file

    best = load_file(stopped.path / "checkpoints" / "step-6" / "model.safetensors")
    assert all((best[name] == value).all() for name, value in weights(run).items())


def test_stopped_and_resumed_equals_uninterrupted(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = train_here(plan)
    with monkeypatch.context() as patch:
        stop_at(patch, 5)
        run, state = train_here(plan)
    assert state == "stopped"
    assert not (run.path / "model").exists()
    (run.path / "STOP").unlink()
    assert train_here(plan, run)[1] == "finished"
    assert same_weights(whole, run)
    losses = [(e["step"], e["loss"]) for e in run.events() if e["kind"] == "train"]
    assert losses == [(e["step"], e["loss"]) for e in whole.events() if e["kind"] == "train"]
    seconds = [event["seconds"] for event in run.events() if "seconds" in event]
    assert seconds == sorted(seconds)


@pytest.mark.parametrize("step", [4, 8])  # in the first epoch, and in the second
def test_E02_the_epoch_that_a_rank_of_several_resumes_keeps_its_order(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, step: int
):
    """The rows of one rank of two, as accelerate deals them out."""
    from accelerate.data_loader import prepare_data_loader
    from torch.utils.data import DataLoader

    from core.training.run.trainer import LabTrainer

    def loader_of_first_rank(self) -> DataLoader:
        rows = self.train_dataset
        every = DataLoader(rows, plan.batch_size, sampler=self._get_train_sampler(rows), collate_fn=self.data_collator)
        return prepare_data_loader(every, num_processes=2, process_index=0, split_batches=True, put_on_device=False)

    monkeypatch.setattr(LabTrainer, "get_train_dataloader", loader_of_first_rank)
    whole, _ = train_here(plan)
    with monkeypatch.context() as patch:
        stop_at(patch, step)
        run, state = train_here(plan)
        assert state == "stopped"
    (run.path / "STOP").unlink()
    _, state = train_here(plan, run)
    assert state == "finished"
    assert [e["padding_share"] for e in points(run)] == [e["padding_share"] for e in points(whole)]
    assert same_weights(whole, run)


def points(run) -> list[dict]:
    return [event for event in run.events() if event["kind"] == "train"]


def test_same_seed_same_model_other_seed_other_model(plan: Plan) -> None:
    short = dataclasses.replace(plan, epochs=0.5)
    one, two = train_here(short)[0], train_here(short)[0]
    other = train_here(dataclasses.replace(short, seed=1))[0]
    assert same_weights(one, two)
    assert not same_weights(one, other)


@pytest.mark.parametrize(
    ("test", "validation", "split", "counts"),
    [
        (True, False, "test", (54, 6, 20)),
        (False, True, "validation", (60, 20, 20)),
        (True, True, "test", (60, 20, 20)),
    ],
)
def test_given_files_are_held_out(
    plan: Plan, tmp_path: Path, test: bool, validation: bool, split: str, counts: tuple
) -> None:
    from core.training.run.prepare import prepare
    from core.training.tasks import task_of

    test_file, validation_file = write_csv(tmp_path / "t.csv", 20, seed=1), write_csv(tmp_path / "v.csv", 20, seed=2)
    prepared = prepare(
        dataclasses.replace(
            plan,
            test_data=str(test_file) if test else None,
            validation_data=str(validation_file) if validation else None,
        ),
        task_of(plan.task),
    )
    assert prepared.scored_split == split
    assert (len(prepared.train), len(prepared.validation), len(prepared.test)) == counts


def test_pairs_are_trained_with_segments(plan: Plan, tmp_path: Path) -> None:
    data = write_csv(tmp_path / "pairs.csv", 30, with_pairs=True)
    run, _ = train_here(dataclasses.replace(plan, data=str(data), pair_column="second", epochs=0.5))
    header = (run.path / "evaluation" / "predictions.csv").read_text().splitlines()[0]
    assert header == "row,text,pair,label,predicted,probability,p_bad,p_good"


def test_texts_with_any_line_end_are_one_line_of_the_predictions(plan: Plan, tmp_path: Path) -> None:
    ends = ["\r", "\n", "\r\n", "\u2028", "\x0b"]
    rows = [{"text": f"the cat{ends[i % 5]}sat {i}", "label": "ab"[i % 2]} for i in range(50)]
    path = tmp_path / "ends.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    run, _ = train_here(dataclasses.replace(plan, data=str(path), epochs=1.0))
    with (run.path / "evaluation" / "predictions.csv").open(encoding="utf-8", newline="") as file:
        predictions = list(csv.DictReader(file))
    assert [each["text"] for each in predictions] == [rows[int(each["row"])]["text"] for each in predictions]
    assert any("\r" in each["text"] and "\n" not in each["text"] for each in predictions)
    assert [each.text for each in read_report(run).predictions] == [each["text"] for each in predictions]
    assert len(predictions) == run.metrics()["rows"]


def test_a_single_row_is_refused_before_it_is_trained_on(plan: Plan, tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text("text,label\nthe cat sat,a b\n")
    one = dataclasses.replace(plan, task="multi-label", data=str(path))
    with pytest.raises(LabError, match="No row is left to score"):
        prepare(one, task_of(one.task))


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_the_longest_warm_up_leaves_every_schedule_a_step_to_fall_in(plan: Plan, tmp_path: Path, steps: int) -> None:
    for scheduler in (name for name in SCHEDULERS if name != "constant"):
        longest = dataclasses.replace(plan, scheduler=scheduler, warmup_share=0.5)
        arguments = training_arguments(longest, folder=tmp_path, total_steps=steps, precision="fp32")
        assert arguments.warmup_steps < steps
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=plan.learning_rate)
        kwargs = arguments.lr_scheduler_kwargs
        falling = get_scheduler(scheduler, optimizer, arguments.warmup_steps, steps, scheduler_specific_kwargs=kwargs)
        for _ in range(steps):  # the polynomial would divide by zero
            optimizer.step()
            falling.step()


def test_lora_with_every_layer_frozen_is_refused(plan: Plan) -> None:
    with pytest.raises(LabError, match="LoRA has none to train"):
        train_here(dataclasses.replace(plan, lora_rank=2, frozen_layers=2))


def test_too_long_a_limit_is_refused(plan: Plan) -> None:
    with pytest.raises(LabError, match="512"):
        train_here(dataclasses.replace(plan, max_length=600))


def test_batches_equal_the_tokenizers_own_padding(tiny_model_folder: Path) -> None:
    from transformers import AutoTokenizer

    from core.training.batches.encoding import Batcher, encode

    tokenizer = AutoTokenizer.from_pretrained(tiny_model_folder)
    texts, pairs = ["the cat", "a very good film " * 9, "", "dog"], ["sat", "on", "the mat", ""]
    for second in (None, pairs):
        encoded = encode(tokenizer, texts, second, max_length=16)
        batch = Batcher(encoded, np.array([0, 1, 0, 1]), tokenizer.pad_token_id)([3, 1, 0, 2])
        order = [3, 1, 0, 2]
        expected = tokenizer(
            [texts[i] for i in order], second and [second[i] for i in order], truncation=True, max_length=16,
            padding=True, return_tensors="pt",
        )  # fmt: skip
        assert all((batch[name] == expected[name]).all() for name in expected)
        assert batch["labels"].tolist() == [1, 1, 0, 0]
        assert encoded.cut_count == 1


@pytest.mark.parametrize(("has_card", "limit", "multiple"), [(True, 512, 8), (True, 510, 1), (False, 512, 1)])
def test_padding_stays_within_the_positions_of_the_model(
    monkeypatch: pytest.MonkeyPatch, has_card: bool, limit: int, multiple: int
) -> None:
    from core.training.batches.encoding import padding_multiple

    monkeypatch.setattr("torch.cuda.is_available", lambda: has_card)
    assert padding_multiple(limit) == multiple


def test_similar_lengths_visit_every_text_once_in_full_batches() -> None:
    from core.training.batches.encoding import SimilarLengths

    lengths = np.random.default_rng(0).integers(3, 60, 1003)
    sampler = SimilarLengths(lengths, 32, seed=7)
    first, again = list(sampler), list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert first == again != second
    assert sorted(first) == sorted(second) == list(range(1003))
    assert lengths[first[:32]].max() == lengths.max()
    batches = [lengths[second[i : i + 32]] for i in range(0, 1003, 32)]
    padded = sum(len(batch) * batch.max() for batch in batches)
    assert padded < 1.1 * lengths.sum()
    means = [batch.mean() for batch in batches]
    assert means != sorted(means)


@pytest.mark.slow
def test_the_command_line_trains_a_sample(tmp_path: Path, tiny_model_folder: Path) -> None:
    output = tmp_path / "out"
    command = [
        sys.executable, "-m", "core.training", "--data", "sample:reviews", "--text-column", "text",
        "--label-column", "label", "--model", str(tiny_model_folder), "--epochs", "1", "--output", str(output),
    ]  # fmt: skip
    answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    assert answer.returncode == 0, answer.stderr
    assert "macro_f1" in answer.stderr
    assert json.loads((output / "evaluation" / "metrics.json").read_text())["rows"] == 40


def test_the_command_line_refuses_in_two_lines(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "core.training", "--data", str(tmp_path / "none.csv"), "--text-column", "text"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    assert answer.returncode == 2
    assert len(answer.stderr.splitlines()) == 2
