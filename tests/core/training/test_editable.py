"""What the settings of a plan do: accumulation, schedules, weights of classes, freezing, LoRA, early stopping."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, get_scheduler

from core.errors import LabError
from core.runs.folder import create_run
from core.training.batches.examples import Rows
from core.training.plan.plan import SCHEDULERS, Plan
from core.training.run.network import add_lora, open_network
from core.training.run.trainer_arguments import parts_of_a_batch, training_arguments
from core.training.tasks import task_of
from core.training.tasks.task import weighted_cross_entropy
from tests.tiny_training import same_weights, stop_at, tiny_plan, train_here, weights, without_dropout  # noqa: F401


def state_of(plan: Plan) -> dict[str, torch.Tensor]:
    """The network's weights before the first step."""
    network, _ = open_network(plan, task_of(plan.task), ("bad", "good"))
    return {name: value.clone() for name, value in network.state_dict().items()}


def changed(plan: Plan) -> set[str]:
    """The weights that a training has moved."""
    before, after = state_of(plan), weights(train_here(plan)[0])
    assert before.keys() == after.keys()
    return {name for name, value in after.items() if not torch.equal(value, before[name])}


def test_accumulation_changes_a_step_by_rounding_only(plan: Plan) -> None:
    plan = dataclasses.replace(plan, batch_size=16, epochs=1.0)  # 48 rows: three full batches
    network = dataclasses.replace(plan, accumulation=4)
    whole, parts = (train_here(each)[0] for each in (plan, network))
    losses = [[e["loss"] for e in run.events() if e["kind"] == "train"] for run in (whole, parts)]
    # dropout draws differently in parts of another shape, so the losses are near, not equal
    assert losses[1] == pytest.approx(losses[0], rel=0.2)
    norms = [[e["gradient_norm"] for e in run.events() if e["kind"] == "train"] for run in (whole, parts)]
    assert norms[1] == pytest.approx(norms[0], rel=0.6)  # four times as large if parts were added up


def test_accumulation_without_dropout_is_the_same_training(plan: Plan, tiny_model_folder: Path) -> None:
    plan = dataclasses.replace(plan, model=without_dropout(tiny_model_folder), batch_size=16, epochs=1.0)
    one, other = (train_here(each)[0] for each in (plan, dataclasses.replace(plan, accumulation=4)))
    norms = [[e["gradient_norm"] for e in run.events() if e["kind"] == "train"] for run in (one, other)]
    assert norms[1] == pytest.approx(norms[0], rel=1e-3)
    ours, theirs = weights(one), weights(other)
    assert all(torch.allclose(ours[name], theirs[name], atol=2e-3) for name in ours)


@pytest.mark.parametrize(
    ("batch", "accumulation", "attempt", "expected"),
    [
        (32, 1, 0, (32, 1)),
        (32, 4, 0, (8, 4)),
        (24, 1, 2, (6, 4)),
        (10, 1, 2, (2, 5)),
        (7, 1, 1, (1, 7)),
        (8, 1, 9, (1, 8)),
    ],
)
def test_parts_of_a_batch_always_make_the_whole(batch: int, accumulation: int, attempt: int, expected: tuple) -> None:
    plan = Plan(data="d", text_column="t", label_column="l", batch_size=batch, accumulation=accumulation)
    assert parts_of_a_batch(plan, attempt) == expected
    assert math.prod(expected) == batch


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    with pytest.raises(LabError, match="cannot be cut"):
        Plan(data="d", text_column="t", label_column="l", batch_size=10, accumulation=4)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_the_learning_rate_follows_the_schedule(plan: Plan, scheduler: str) -> None:
    warm_up = 0.0 if scheduler == "constant" else 0.25  # it has none
    plan = dataclasses.replace(plan, scheduler=scheduler, warmup_share=warm_up, epochs=2.0)  # 12 steps
    run, _ = train_here(plan)
    rates = [event["learning_rate"] for event in run.events() if event["kind"] == "train"]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=plan.learning_rate)
    special = {"cosine_with_restarts": {"num_cycles": 2}, "polynomial": {"power": 2.0, "lr_end": 1e-7}}
    oracle = get_scheduler(scheduler, optimizer, 3, 12, scheduler_specific_kwargs=special.get(scheduler, {}))
    expected = []
    for _ in range(12):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        oracle.step()
    assert rates == pytest.approx(expected, abs=1e-12)


def test_biases_and_norms_are_never_decayed(plan: Plan, tmp_path: Path) -> None:
    from core.training.batches.encoding import Batcher, encode
    from core.training.run.ranks import Ranks
    from core.training.run.trainer import LabTrainer

    network, tokenizer = open_network(plan, task_of(plan.task), ("bad", "good"))
    batches = Batcher(encode(tokenizer, ["a"], max_length=8), np.array([0]), tokenizer.pad_token_id)
    trainer = LabTrainer(
        network, training_arguments(plan, folder=tmp_path, total_steps=1, precision="fp32"), train=batches,
        step_rows=1, validate=None, best="f1", loss=None, callbacks=[], checkpoint_folder=tmp_path,
        lab_state=dict, ranks=Ranks(),
    )  # fmt: skip
    decayed = {
        id(p) for group in trainer.create_optimizer().param_groups if group["weight_decay"] for p in group["params"]
    }
    names = {name for name, parameter in network.named_parameters() if id(parameter) in decayed}
    assert names == {n for n, _ in network.named_parameters() if not n.endswith("bias") and "LayerNorm" not in n}


def test_class_weights_are_those_of_scikit_learn() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.array([0] * 6 + [1] * 3 + [2])
    plan = Plan(data="d", text_column="t", label_column="l", class_weights="balanced", label_smoothing=0.1)
    logits, targets = torch.randn(5, 3), torch.tensor([0, 1, 2, 2, 0])
    output = type("Output", (), {"logits": logits})
    loss = task_of(plan.task).loss(plan, Rows((0,) * 10, ("",) * 10, tuple(labels.tolist())), 3)
    expected = torch.nn.functional.cross_entropy(
        logits,
        targets,
        weight=torch.tensor(compute_class_weight("balanced", classes=np.arange(3), y=labels), dtype=torch.float32),
        label_smoothing=0.1,
    )
    assert loss(output, targets).item() == pytest.approx(expected.item(), rel=1e-6)


def test_no_weights_and_no_smoothing_is_the_networks_own_loss(plan: Plan) -> None:
    assert weighted_cross_entropy(plan, np.array([1, 2])) is None
    assert same_weights(*(train_here(dataclasses.replace(plan, epochs=0.5))[0] for _ in range(2)))


def test_balanced_classes_learn_a_rare_label(plan: Plan) -> None:
    run, state = train_here(dataclasses.replace(plan, class_weights="balanced", label_smoothing=0.1, epochs=1.0))
    assert state == "finished"
    assert run.metrics()["rows"] == 6


def test_frozen_layers_stay_bit_for_bit(plan: Plan) -> None:
    moved = changed(dataclasses.replace(plan, frozen_layers=1, epochs=0.5))
    assert not any("embeddings." in name or ".layer.0." in name for name in moved)
    assert any(".layer.1." in name for name in moved)
    assert any(name.startswith("classifier") for name in moved)


def test_more_frozen_layers_than_there_are_is_refused(plan: Plan) -> None:
    with pytest.raises(LabError, match="this model allows 2 at most"):
        train_here(dataclasses.replace(plan, frozen_layers=3))


def test_lora_trains_small_matrices_and_leaves_a_plain_model(plan: Plan) -> None:
    plan = dataclasses.replace(plan, lora_rank=2, lora_alpha=4.0, epochs=8.0, learning_rate=5e-3)
    moved = changed(plan)
    assert any(".attention.self.query.weight" in name for name in moved)
    allowed = ("query.weight", "value.weight", "classifier.weight", "classifier.bias", "pooler.dense")
    assert all(any(part in name for part in allowed) for name in moved)


def test_lora_matrices_are_all_that_the_encoder_learns(plan: Plan) -> None:
    plan = dataclasses.replace(plan, lora_rank=2, frozen_layers=1)
    network, _ = open_network(plan, task_of(plan.task), ("bad", "good"))
    add_lora(plan, network)
    learned = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert all("lora_" in name or name.startswith("classifier") or ".pooler." in name for name in learned)
    assert any(".layer.1." in name for name in learned)
    assert not any(".layer.0." in name for name in learned)


def test_merged_lora_answers_as_the_network_that_was_scored(plan: Plan) -> None:
    """The scores are those of the saved folder, opened by plain transformers."""
    run, _ = train_here(dataclasses.replace(plan, lora_rank=4, lora_alpha=8.0, epochs=2.0, learning_rate=5e-3))
    from core.inference.predict import predict
    from core.models.loading import open_model
    from core.reports.report import read_report

    AutoModelForSequenceClassification.from_pretrained(run.path / "model")
    report = read_report(run)
    again = predict(open_model(str(run.path / "model")), [item.text for item in report.predictions])
    assert list(again.labels) == [item.predicted for item in report.predictions]


def test_lora_stopped_and_resumed_equals_uninterrupted(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = dataclasses.replace(plan, lora_rank=2, epochs=1.0)
    whole, _ = train_here(plan)
    with monkeypatch.context() as patch:
        stop_at(patch, 4)
        run, state = train_here(plan)
    assert state == "stopped"
    (run.path / "STOP").unlink()
    assert train_here(plan, run)[1] == "finished"
    assert same_weights(whole, run)


def test_early_stopping_ends_after_evaluations_without_a_better_one(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.training.tasks.sequence_classification import SequenceClassification

    scores = iter([0.2, 0.9, 0.4, 0.1, 0.3])
    monkeypatch.setattr(
        SequenceClassification,
        "quick_scores",
        lambda *_: {"loss": 1.0, "accuracy": 0.5, "macro_f1": next(scores)},
    )
    run, state = train_here(dataclasses.replace(plan, early_stopping=2, epochs=10.0))
    assert state == "finished"
    evaluations = [event["step"] for event in run.events() if event["kind"] == "evaluation"]
    assert len(evaluations) == 4
    notes = [event["message"] for event in run.events() if event["kind"] == "note"]
    assert f"Stopped early at step {evaluations[-1]}: 2 evaluations brought nothing better by 0.001 or more." in notes


@pytest.mark.parametrize(
    ("threshold", "scores", "evaluations"),
    [
        (0.001, [0.5, 0.9, 0.9005, 0.9008, 0.9], 4),  # gains, but each too small since 0.9
        (0.001, [0.5, 0.9, 0.9006, 0.9012, 0.9, 0.9], 6),  # too small alone, and enough together
        (0.0, [0.5, 0.9, 0.9001, 0.9002, 0.9, 0.9], 6),  # any gain counts
        (0.0, [0.5, 0.9, 0.9, 0.9], 4),  # none does not, though the loss falls
    ],
)
def test_early_stopping_waits_for_the_least_gain_and_the_best_weights_are_kept_all_the_same(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, threshold: float, scores: list[float], evaluations: int
) -> None:
    from core.training.run.trainer import LabTrainer
    from core.training.tasks.sequence_classification import SequenceClassification

    given = iter(enumerate(scores))
    trainers: list[LabTrainer] = []

    def quick_scores(*_: object) -> dict[str, float]:
        number, score = next(given)
        return {"loss": 1.0 - number / 100, "accuracy": 0.5, "macro_f1": score}

    original = LabTrainer.restore_best
    monkeypatch.setattr(SequenceClassification, "quick_scores", quick_scores)
    monkeypatch.setattr(LabTrainer, "restore_best", lambda self: (trainers.append(self), original(self))[1])
    run, _ = train_here(dataclasses.replace(plan, early_stopping=2, early_stopping_threshold=threshold, epochs=10.0))
    assert sum(event["kind"] == "evaluation" for event in run.events()) == evaluations
    assert trainers[0].best["macro_f1"] == max(scores[:evaluations])


def test_the_score_to_beat_survives_a_resume(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.training.tasks.sequence_classification import SequenceClassification

    scores = iter([0.5, 0.9, 0.9006, 0.9008, 0.9])
    found = lambda *_: {"loss": 1.0, "accuracy": 0.5, "macro_f1": next(scores)}  # noqa: E731
    monkeypatch.setattr(SequenceClassification, "quick_scores", found)
    plan = dataclasses.replace(plan, early_stopping=2, epochs=10.0)
    with monkeypatch.context() as patch:
        stop_at(patch, 10)  # after the third evaluation, whose gain was too small
        run, state = train_here(plan)
    assert state == "stopped"
    (run.path / "STOP").unlink()
    train_here(plan, run)
    assert sum(event["kind"] == "evaluation" for event in run.events()) == 4


def test_early_stopping_that_can_end_nothing_is_noted(plan: Plan) -> None:
    run, _ = train_here(dataclasses.replace(plan, early_stopping=9))
    notes = [event["message"] for event in run.events() if event["kind"] == "note"]
    assert any("it ends nothing sooner" in note for note in notes)


def test_truncation_of_the_first_or_second_text(plan: Plan) -> None:
    from core.training.batches.encoding import encode
    from core.training.tasks.task import Task

    task: Task = task_of(plan.task)
    _, tokenizer = open_network(plan, task, ("bad", "good"))
    texts, pairs = ["the cat sat on the mat " * 4], ["a dog " * 4]
    for truncation, strategy in (("first", "only_first"), ("second", "only_second"), ("longest", True)):
        size = 30 if truncation == "second" else 16
        ours = encode(tokenizer, texts, pairs, max_length=size, truncation=truncation)
        assert ours.ids.tolist() == tokenizer(texts, pairs, truncation=strategy, max_length=size)["input_ids"][0]
    with pytest.raises(LabError, match="first text of a pair alone"):
        encode(tokenizer, texts, pairs, max_length=16, truncation="second")


def test_D08_any_changed_setting_refuses_to_resume(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        stop_at(patch, 4)
        run, _ = train_here(plan)
    (run.path / "STOP").unlink()
    for change in ({"scheduler": "cosine"}, {"accumulation": 2}, {"label_smoothing": 0.1}, {"frozen_layers": 1}):
        (run.path / "plan.yaml").write_text(dataclasses.replace(plan, **change).to_yaml(), encoding="utf-8")
        with pytest.raises(LabError, match=next(iter(change))):
            train_here(plan, run)
    same = dataclasses.replace(plan, retry_on_memory=True, name="other")
    (run.path / "plan.yaml").write_text(same.to_yaml(), encoding="utf-8")
    assert train_here(plan, run)[1] == "finished"


def test_E08_a_run_that_has_gone_on_in_smaller_parts_resumes_in_them(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attempt is counted again in each life of the supervisor."""
    from core.training.run.job import Job

    whole, run = (create_run(plan.to_yaml()) for _ in range(2))
    assert Job(whole.path, attempt=2).run() == "finished"
    with monkeypatch.context() as patch:
        stop_at(patch, 5)
        assert Job(run.path, attempt=2).run() == "stopped"
    (run.path / "STOP").unlink()
    assert Job(run.path).run() == "finished"
    assert same_weights(whole, run)  # dropout would draw differently in other parts
    notes = [event["message"] for event in run.events() if event["kind"] == "note"]
    assert notes.count("A batch of 8 is now worked off in 4 parts of 2 rows.") == 2


def test_E08_memory_that_runs_out_asks_for_another_attempt_with_half_the_rows(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    from core.runs.status import read_json
    from core.training.run import worker
    from core.training.run.trainer import LabTrainer

    plan = dataclasses.replace(plan, retry_on_memory=True, epochs=0.5)
    run = create_run(plan.to_yaml())
    original = LabTrainer.training_step

    def step(self: LabTrainer, model: object, inputs: dict, *rest: object, **more: object) -> torch.Tensor:
        if len(inputs["input_ids"]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return original(self, model, inputs, *rest, **more)

    monkeypatch.setattr(LabTrainer, "training_step", step)
    monkeypatch.setattr(os, "nice", lambda _: None)
    outcomes = []
    for attempt in range(3):
        (run.path / "outcome.json").unlink(missing_ok=True)  # as the supervisor does
        monkeypatch.setenv("BERTLAB_ATTEMPT", str(attempt))
        worker.main(run.path)
        outcomes.append(read_json(run.path / "outcome.json"))
    assert [(each["state"], each.get("again")) for each in outcomes] == [
        ("failed", True), ("failed", True), ("finished", None),
    ]  # fmt: skip
    assert "memory" in outcomes[0]["message"]
    notes = [event["message"] for event in run.events() if event["kind"] == "note"]
    assert "A batch of 8 is now worked off in 4 parts of 2 rows." in notes
