"""What is foreseen of a training: steps as the Trainer takes them, time and memory by a model's real sizes."""

from dataclasses import replace

import numpy as np
import pytest

from core.data.column_mapping import ColumnMapping
from core.data.sources.references import open_table
from core.training.estimate.estimate import Estimate, Measured, estimate, memory_of, schedule, work_per_token
from core.training.estimate.shapes import Shape, shape_of
from core.training.estimate.speeds import Device, device_here, remember_speed
from core.training.estimate.token_lengths import Lengths, count_tokens, lengths_of, load_of
from core.training.plan.plan import Plan
from tests.columns import classes

MINIMAL = {"data": "sample:reviews", "text_column": "text", "label_column": "label"}
QUESTIONS = {
    "data": "d", "task": "question-answering", "text_column": "q", "pair_column": "c", "label_column": "a",
}  # fmt: skip
BUILTIN = shape_of("builtin")


def rows(count: int, tokens: float = 30.0) -> Lengths:
    return Lengths(count, (tokens,) * 10)


def table_of(tmp_path, text: str):
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    return open_table(str(path))


def test_schedule_counts_the_last_partial_batch_and_partial_epochs() -> None:
    plan = Plan(**MINIMAL, batch_size=32, epochs=2.5, evaluations_per_epoch=2)
    steps = schedule(plan, 100)
    assert (steps.steps_per_epoch, steps.steps, steps.evaluate_every) == (4, 10, 2)


def test_foreseen_steps_follow_the_split() -> None:
    plan = Plan(**MINIMAL, batch_size=10, epochs=1)
    assert estimate(plan, rows(100)).steps == 8
    assert estimate(replace(plan, test_data="t"), rows(100)).steps == 9
    assert estimate(replace(plan, validation_data="v"), rows(100)).steps == 10


def test_foreseen_steps_follow_kept_splits() -> None:

    from core.data.dataset.dataset import build_dataset
    from core.data.dataset.splits import split
    from core.data.decisions.preparation import Preparation
    from core.data.decisions.saved_splits import save_splits

    dataset = build_dataset(open_table("sample:reviews"), classes("text", "label"))
    shares = (0.5, 0.25, 0.25)
    kept = save_splits(dataset, split(dataset, shares=shares), how="shares", shares=shares, seed=42)
    plan = Plan(**MINIMAL, batch_size=10, epochs=1, preparation=Preparation(splits=kept).to_json())
    assert estimate(plan, rows(400)).steps == 20


def test_foreseen_steps_are_those_a_training_takes(tmp_path, tiny_model_folder) -> None:
    from tests.tiny_training import train_here, write_csv

    plan = Plan(
        data=str(write_csv(tmp_path / "d.csv", 40)), text_column="text", label_column="label",
        model=str(tiny_model_folder), epochs=1.5, batch_size=8, max_length=24, precision="fp32",
    )  # fmt: skip
    table = open_table(plan.data)
    ahead = estimate(plan, lengths_of(plan.mapping(), table, np.arange(len(table))))
    run, _ = train_here(plan)
    events = run.events()
    assert ahead.steps == max(event["step"] for event in events if event["kind"] == "train")
    assert ahead.evaluations == sum(event["kind"] == "evaluation" for event in events)


def test_foreseen_time_grows_with_epochs_and_learns_from_runs() -> None:
    plan = Plan(**MINIMAL, precision="fp32")
    more = replace(plan, epochs=6.0)
    before = estimate(more, rows(10_000))
    assert before.seconds > estimate(plan, rows(10_000)).seconds > 0
    assert before.source == "guessed"
    remember_speed(device="cpu", precision="fp32", operations_per_second=6e16)
    remember_speed(device="cuda", precision="fp32", operations_per_second=6e16)
    after = estimate(more, rows(10_000))
    assert after.seconds < 10
    assert after.source == "learnt"


def test_what_was_measured_goes_before_what_was_learnt() -> None:
    plan = Plan(**MINIMAL, batch_size=10, epochs=1)
    ahead = estimate(plan, rows(100), Measured(seconds_per_step=2.0, memory_bytes=5))
    assert (ahead.source, ahead.memory_bytes, ahead.steps) == ("measured", 5, 8)
    # 8 steps of 2 s; 2 evaluations of 10 rows and 10 rows at the end, each a third of the 0.2 s of a trained row
    assert ahead.seconds - 8 == pytest.approx(8 * 2 + 30 * 0.2 / 3)


def test_processes_on_a_processor_share_its_cores_and_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, many, each = Plan(**MINIMAL, batch_size=32), rows(10_000), Measured(2.0, 10**9)
    four = replace(plan, processes=4)
    devices = {kind: Device(kind, "fp32", 1e11, memory_bytes=64 * 10**9) for kind in ("cpu", "cuda")}

    def ahead(kind: str, plan: Plan, measured: Measured | None = None) -> Estimate:
        monkeypatch.setattr("core.training.estimate.estimate.device_here", lambda precision: devices[kind])
        return estimate(plan, many, measured)

    assert ahead("cpu", four).seconds == ahead("cpu", plan).seconds
    assert ahead("cpu", four).memory_bytes > 2 * ahead("cpu", plan).memory_bytes
    assert ahead("cuda", four).seconds - 8 == pytest.approx((ahead("cuda", plan).seconds - 8) / 4)
    assert ahead("cuda", four).memory_bytes < ahead("cuda", plan).memory_bytes
    # A probe trains a quarter of a batch with all the cores: four of them at once take four times as long.
    assert ahead("cpu", four, each).seconds - 8 == pytest.approx(4 * (ahead("cuda", four, each).seconds - 8))
    assert [ahead(kind, four, each).memory_bytes for kind in devices] == [4 * 10**9, 10**9]


def test_what_auto_became_is_learnt_from_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card without bf16 trains with fp32 under “auto”, which a page cannot tell."""
    from core.machine import Machine

    monkeypatch.setattr("core.training.estimate.speeds.machine", lambda: Machine("p", 4, 10**9, ("Tesla T4",), 10**9))
    monkeypatch.setattr("core.training.estimate.speeds.gpu_use", lambda: ())
    remember_speed(device="cuda", precision="fp32", operations_per_second=5e12)
    remember_speed(device="cuda", precision="auto", operations_per_second=4e12)
    assert [device_here(precision).flops for precision in ("auto", "fp32")] == [4e12, 5e12]
    assert not device_here("bf16").is_learnt


@pytest.mark.parametrize("precision", ["auto", "fp32"])
def test_a_training_keeps_its_speed_for_what_was_asked_and_what_it_became(
    precision: str, tmp_path, tiny_model_folder
) -> None:
    from core.runs.status import read_json
    from core.training.estimate.precision import choose_precision
    from core.workspace import workspace
    from tests.tiny_training import train_here, write_csv

    plan = Plan(
        data=str(write_csv(tmp_path / "d.csv", 40)), text_column="text", label_column="label", precision=precision,
        model=str(tiny_model_folder), epochs=5, batch_size=8, max_length=24,
    )  # fmt: skip
    train_here(plan)
    known = read_json(workspace() / "speed.json")
    assert known.keys() == {f"cpu-{precision}", f"cpu-{choose_precision(precision)}"}
    assert len(set(known.values())) == 1


def test_weights_are_counted_from_the_configuration() -> None:
    from core import open_model

    total = sum(each.numel() for each in open_model("builtin").network.parameters())
    assert BUILTIN.weights == pytest.approx(total, rel=0.02)


def test_an_unknown_model_is_taken_for_bert_base() -> None:
    assert shape_of("bert-base-uncased").weights == pytest.approx(109_482_240, rel=0.02)
    assert shape_of("no such model") == shape_of("bert-base-uncased")
    assert shape_of("bert-base-uncased").longest == 512


@pytest.mark.parametrize(("tokens", "frozen", "rank"), [(16, 0, 0), (64, 0, 0), (64, 3, 0), (64, 0, 8)])
def test_work_is_what_torch_counts(tokens: int, frozen: int, rank: int) -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import BertConfig, BertModel

    from core.training.run.network import add_lora, freeze

    shape = Shape(width=128, layers=6, distinct=6, inner=512, vocabulary=100, longest=128)
    config = BertConfig(
        vocab_size=100, hidden_size=128, num_hidden_layers=6, num_attention_heads=2, intermediate_size=512,
        max_position_embeddings=128, attn_implementation="eager",
    )  # fmt: skip
    network = BertModel(config, add_pooling_layer=False).train()
    if frozen:
        freeze(network, frozen)
    if rank:
        plan = Plan(**MINIMAL, lora_rank=rank)
        wrapped = torch.nn.Module()
        wrapped.bert, wrapped.config, wrapped.base_model_prefix = network, config, "bert"
        add_lora(plan, wrapped)
    ids = torch.ones(2, tokens, dtype=torch.long)
    with FlopCounterMode(display=False) as counted:
        output = network(ids).last_hidden_state
        forward = counted.get_total_flops()
        output.sum().backward()
    ours = work_per_token(shape, task="regression", tokens=tokens, frozen_layers=frozen, lora_rank=rank)
    assert ours[0] * 2 * tokens == pytest.approx(forward, rel=0.05)
    assert ours[1] * 2 * tokens == pytest.approx(counted.get_total_flops() - forward, rel=0.3 if rank else 0.1)


def test_less_is_trained_with_less_memory_and_time() -> None:
    plan, many = Plan(**MINIMAL, batch_size=32), rows(10_000, 120)
    whole = estimate(plan, many)
    for changes in ({"lora_rank": 8}, {"frozen_layers": 4}):
        less = estimate(replace(plan, **changes), many)
        assert less.memory_bytes < whole.memory_bytes
        assert less.seconds < whole.seconds
    parts = estimate(replace(plan, accumulation=8), many)
    assert parts.memory_bytes < whole.memory_bytes
    assert parts.seconds == whole.seconds
    assert estimate(replace(plan, max_length=64), many).seconds < whole.seconds


def test_memory_that_will_not_suffice_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(**MINIMAL, batch_size=512, max_length=512)
    device = Device("cpu", "fp32", 1e11, memory_bytes=8 * 10**9)
    monkeypatch.setattr("core.training.estimate.estimate.device_here", lambda precision: device)
    assert not estimate(plan, rows(10_000, 600)).fits
    assert estimate(replace(plan, accumulation=64), rows(10_000, 600)).fits
    assert estimate(plan, rows(10_000, 10)).fits


def test_the_vocabulary_counts_for_masked_language() -> None:
    language = work_per_token(BUILTIN, task="masked-language", tokens=30)
    assert sum(language) > 1.5 * sum(work_per_token(BUILTIN, task="regression", tokens=30))
    one = {"texts": 8, "tokens": 128, "kind": "cpu"}
    assert memory_of(BUILTIN, task="masked-language", **one) > memory_of(BUILTIN, task="regression", **one)


def test_long_contexts_are_read_in_windows(tiny_model_folder) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model_folder)
    question, context = ["cat", "dog"] * 5, ["film"] * 300
    real = tokenizer(
        " ".join(question), " ".join(context), truncation="only_second", max_length=100, stride=30,
        return_overflowing_tokens=True,
    )  # fmt: skip
    plan = Plan(**QUESTIONS, max_length=100, window_overlap=30)
    load = load_of(plan, Lengths(1, (10.0,), (300.0,)))
    assert load.windows == len(real["input_ids"])
    assert load.longest == 100
    assert estimate(replace(plan, epochs=1.0, batch_size=1), Lengths(10, (10.0,), (300.0,))).steps == 8 * load.windows


def test_long_texts_of_a_language_are_read_in_windows() -> None:
    plan = Plan(data="d", task="masked-language", text_column="t", max_length=102)
    load = load_of(plan, Lengths(1, (250.0,)))
    assert (load.windows, load.longest) == (3, 102)
    assert load.tokens == pytest.approx((250 + 3 * 2) / 3)


def test_each_choice_is_read(tmp_path) -> None:
    table = table_of(tmp_path, "b,q,x,y,z,right\none two,three,a,b b b b b b b b,c,0\n")
    mapping = ColumnMapping.of("multiple-choice", context="b", question="q", choices=["x", "y", "z"], label="right")
    lengths = lengths_of(mapping, table, np.arange(1))
    assert lengths.sequences == 3
    assert lengths.first == (pytest.approx(3 * 1.3),)
    assert lengths.second == (pytest.approx(8 * 1.3),)  # the longest choice pads the others


def test_words_of_a_list_are_counted(tmp_path) -> None:
    table = table_of(tmp_path, 'w,t\n"[""New York"", ""is""]","[""B"", ""O""]"\n')
    lengths = lengths_of(ColumnMapping.of("token-classification", tokens="w", tags="t"), table, np.arange(1))
    assert lengths.first == (pytest.approx(2 * 1.3 + 1.3),)


def test_the_estimate_of_tokens_is_near_the_count() -> None:
    from core import open_model
    from core.explore.tokens import count_tokens as count

    table = open_table("sample:pairs")
    counts = count(open_model("builtin"), table["first"], table["second"])
    mapping = classes("first", "label", "second")
    plan = Plan(data="sample:pairs", text_column="first", pair_column="second", label_column="label")
    load = load_of(plan, lengths_of(mapping, table, np.arange(len(table))))
    assert load.tokens == pytest.approx(sum(counts) / len(counts), rel=0.2)
    assert count_tokens("房间很好服务太差") == 8


def test_the_device_is_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.machine import CardUse, Machine, machine

    assert device_here().memory_bytes == machine().memory_bytes
    cards = ("NVIDIA H100", "NVIDIA H100")
    monkeypatch.setattr("core.training.estimate.speeds.machine", lambda: Machine("p", 4, 10**9, cards, 10**9))
    uses = (CardUse("0", "H100", 80 * 10**9, 0, 0.0), CardUse("1", "H100", 80 * 10**9, 0, 0.0))
    monkeypatch.setattr("core.training.estimate.speeds.gpu_use", lambda: uses)
    device = device_here()
    assert (device.kind, device.count, device.memory_bytes) == ("cuda", 2, 80 * 10**9)
