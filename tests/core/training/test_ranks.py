"""Several processes that train one model: on the processor over gloo, as on cards over NCCL. Slow: each loads torch."""

import dataclasses
import os
import signal
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from core.runs.folder import Run, create_run
from core.runs.status import read_json
from core.training import _submit, resume
from core.training.plan.plan import Plan
from tests.several_ranks import run_ranks, told
from tests.tiny_training import same_weights, tiny_plan, train_here, weights, without_dropout  # noqa: F401
from tests.waiting import wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def together(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setenv("BERTLAB_RANK_SECONDS", "40")
    return dataclasses.replace(plan, processes=2, epochs=3.0)


def start(plan: Plan) -> Run:
    run = create_run(plan.to_yaml())
    _submit(run)
    return run


def supervisor_of(run: Run) -> psutil.Process:
    return psutil.Process(read_json(run.path / "supervisor.json")["pid"])


def ranks_of(run: Run) -> list[psutil.Process]:
    """The processes that train: below the launcher, which is the supervisor's child."""
    family = supervisor_of(run).children(recursive=True)
    return [each for each in family if "core.training.run.worker" in each.cmdline() and "-m" in each.cmdline()
            and "torch.distributed" not in " ".join(each.cmdline())]  # fmt: skip


def training(run: Run) -> bool:
    return run.status().step >= 2 and len(ranks_of(run)) == 2


def test_two_ranks_train_as_one_process_does(
    together: Plan, tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    together = dataclasses.replace(together, model=without_dropout(tiny_model_folder))
    run = start(together)
    status = run.wait()
    assert status.state == "finished", run.log_tail()
    assert not list(scratch.glob("torchelastic*"))  # torchrun makes folders for logs and leaves them
    assert run.environment()["processes"] == 2
    assert status.total_steps == 18  # a batch is shared, not doubled
    alone, _ = train_here(dataclasses.replace(together, processes=1))
    ours, theirs = ([e for e in each.events() if e["kind"] == "train"] for each in (run, alone))
    assert [event["step"] for event in ours] == list(range(1, 19))
    norms = [[event["gradient_norm"] for event in events[:6]] for events in (ours, theirs)]
    assert norms[0] == pytest.approx(norms[1], rel=2e-3)
    losses = [[event["loss"] for event in events] for events in (ours, theirs)]
    assert losses[0] == pytest.approx(losses[1], abs=2e-2)
    assert losses[0][:6] == pytest.approx(losses[1][:6], abs=1e-4)  # later, rounding adds up
    one, other = weights(run), weights(alone)
    assert all(torch.allclose(one[name], other[name], atol=5e-3) for name in one)
    ids = [row for part in run.row_ids().values() for row in part]
    assert sorted(ids) == list(range(60))


def test_what_two_ranks_report_is_what_one_process_with_the_same_parts_reports(
    together: Plan, tiny_model_folder: Path
) -> None:
    """Parts are sorted by length: those of the first rank are short, and their loss is not that of the whole."""
    model = without_dropout(tiny_model_folder)
    together = dataclasses.replace(together, model=model, accumulation=2, epochs=1.0)
    run = start(together)
    assert run.wait().state == "finished", run.log_tail()
    alone, _ = train_here(dataclasses.replace(together, processes=1, accumulation=4))
    ours, theirs = ([e for e in each.events() if e["kind"] == "train"] for each in (run, alone))
    assert len(ours) == len(theirs) == 6
    for event, other in zip(ours, theirs, strict=True):
        assert event["loss"] == pytest.approx(other["loss"], abs=1e-4)
        assert event["padding_share"] == other["padding_share"]
        rows = [each["tokens_per_second"] / each["examples_per_second"] for each in (event, other)]
        assert rows[0] == pytest.approx(rows[1], rel=0.01)  # tokens a row


def test_E02_stopped_and_resumed_equals_uninterrupted_and_leaves_no_process(together: Plan) -> None:
    whole = start(together)
    assert whole.wait().state == "finished", whole.log_tail()
    run = start(dataclasses.replace(together))
    wait_for(lambda: training(run), 120)
    family = supervisor_of(run).children(recursive=True)
    run.request_stop()
    status = run.wait()
    if status.state == "finished":
        pytest.fail("it finished before it could be stopped")
    assert (status.state, "Stopped at step" in status.message) == ("stopped", True), run.log_tail()
    wait_for(lambda: not any(each.is_running() and each.status() != "zombie" for each in family), 20)
    resume(run)
    assert run.wait().state == "finished", run.log_tail()
    assert same_weights(whole, run)


@pytest.mark.parametrize("victim", [0, 1])
def test_E07_a_rank_that_dies_ends_the_run_in_bounded_time(together: Plan, victim: int) -> None:
    run = start(dataclasses.replace(together, epochs=300.0))
    wait_for(lambda: training(run), 120)
    family = supervisor_of(run).children(recursive=True)
    by_rank = sorted(ranks_of(run), key=lambda each: int(each.environ()["RANK"]))
    by_rank[victim].send_signal(signal.SIGKILL)
    began = time.monotonic()
    status = run.wait()
    assert (status.state, "killed by the system" in status.message) == ("failed", True)
    assert status.remedy
    assert time.monotonic() - began < 90
    wait_for(lambda: not any(each.is_running() and each.status() != "zombie" for each in family), 20)


def test_E07_E09_a_rank_that_hangs_is_named_and_ends_the_run_in_bounded_time(together: Plan) -> None:
    run = start(dataclasses.replace(together, epochs=300.0))
    wait_for(lambda: training(run), 120)
    by_rank = sorted(ranks_of(run), key=lambda each: int(each.environ()["RANK"]))
    by_rank[1].send_signal(signal.SIGSTOP)
    began = time.monotonic()
    wait_for(lambda: run.status().state == "stalled")
    assert f"number 2 (process id {by_rank[1].pid})" in run.status().message
    assert run.wait().state == "failed"
    assert time.monotonic() - began < 150


def test_E04_a_killed_supervisor_takes_all_ranks_along(together: Plan) -> None:
    run = start(dataclasses.replace(together, epochs=300.0))
    wait_for(lambda: training(run), 120)
    supervisor = supervisor_of(run)
    family = supervisor.children(recursive=True)
    os.kill(supervisor.pid, signal.SIGKILL)
    wait_for(lambda: not any(each.is_running() and each.status() != "zombie" for each in family), 30)
    assert run.status().state == "lost"


def test_evaluation_is_shared_and_in_order(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Two ranks score the same rows in halves; what is put together equals one pass."""
    program = f"""
import numpy as np
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from core.training.batches.encoding import Batcher, encode
from core.training.run.scoring import outputs_of
torch.manual_seed(0)
folder = {str(tiny_model_folder)!r}
network = AutoModelForSequenceClassification.from_pretrained(folder)
tokenizer = AutoTokenizer.from_pretrained(folder)
texts = ["the cat sat " * (1 + i % 7) + str(i) for i in range(41)]
batches = Batcher(encode(tokenizer, texts, max_length=32), None, tokenizer.pad_token_id)
keep = lambda output, batch: list(output.logits.float().numpy())
found = np.stack(outputs_of(network, batches, keep, batch_size=4, ranks=ranks))
alone = np.stack(outputs_of(network, batches, keep, batch_size=4))
tell(ranks.decide(ranks.rank), bool(np.allclose(found, alone, atol=1e-6)))
"""
    answer = run_ranks(program, tmp_path)
    assert told(answer) == ["0: 0 True", "1: 0 True"], answer.stderr[-2000:]


def test_checkpoints_hold_the_random_state_of_every_rank(together: Plan) -> None:
    run = start(dataclasses.replace(together, epochs=300.0))
    wait_for(lambda: training(run), 120)
    run.request_stop()
    assert run.wait().state == "stopped", run.log_tail()
    newest = max((run.path / "checkpoints").iterdir(), key=lambda path: int(path.name.removeprefix("step-")))
    assert {"rng_state_0.pth", "rng_state_1.pth"} <= {path.name for path in newest.iterdir()}
    assert np.isfinite(np.concatenate([value.numpy().ravel() for value in _load(newest).values()])).all()


def _load(folder: Path) -> dict:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")
