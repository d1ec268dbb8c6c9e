"""Models and traces that all sessions share: one copy, as the files are now, within a bound of bytes."""

import gc
import shutil
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from core import LabError, tokenize
from core.explore import shared_traces
from core.explore.shared_traces import is_traced, shared_trace
from core.models import loading, shared
from core.models.shared import is_kept, is_open, open_shared
from core.workspace import PROJECT_ROOT
from tests.families import family_folder

TEXT = "the cat sat on the mat"


@pytest.fixture(autouse=True)
def _nothing_shared_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    shared._models.discard(lambda *_: True)
    yield
    shared._models.discard(lambda *_: True)


@pytest.fixture
def folder(tiny_model_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model_folder, tmp_path / "model"))


def replace_weights(folder: Path, *, add: float = 1.0) -> None:
    """Other weights under the same config.json, and everything else as it was."""
    file = folder / "model.safetensors"
    weights = load_file(file)
    name = "bert.embeddings.LayerNorm.bias"
    save_file(weights | {name: weights[name] + add}, file, metadata={"format": "pt"})


def test_one_model_serves_all_who_ask_under_any_name(folder: Path, workspace: Path, monkeypatch):
    (workspace / "runs" / "run-1").mkdir(parents=True)
    shutil.move(folder, workspace / "runs" / "run-1" / "model")
    opened: list[str] = []
    original = loading.open_model
    monkeypatch.setattr(shared, "open_model", lambda name: opened.append(name) or original(name))
    path = str(workspace / "runs" / "run-1" / "model")
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(open_shared, ["run-1", path] * 8))
    assert len(opened) == 1
    assert len({id(each.network) for each in found}) == 1
    assert {(each.reference, each.title) for each in found} == {("run-1", "Run: run-1"), (path, path)}
    assert is_open("run-1")


def test_both_kinds_of_attention_share_the_weights_and_are_counted_once(folder: Path):
    eager = open_shared(str(folder))
    before = shared.bytes_kept()
    sdpa = open_shared(str(folder), attention="sdpa")
    assert (eager.attention, sdpa.attention) == ("eager", "sdpa")
    assert {each.data_ptr() for each in eager.network.parameters()} == {
        each.data_ptr() for each in sdpa.network.parameters()
    }
    weights = sum(each.nbytes for each in eager.network.parameters())
    assert weights <= shared.bytes_kept() == before < weights + 100_000


def test_G11_weights_replaced_under_the_same_configuration_are_seen(folder: Path):
    first = open_shared(str(folder))
    before = shared_trace(first, tokenize(first, TEXT))["layer.1.output"]
    replace_weights(folder)
    assert not is_open(str(folder))
    second = open_shared(str(folder))
    assert second.fingerprint != first.fingerprint
    assert not torch.equal(shared_trace(second, tokenize(second, TEXT))["layer.1.output"], before)
    assert not is_kept(first)
    network = weakref.ref(first.network)
    del first
    gc.collect()
    assert network() is None  # nor do its traces keep it


def test_G11_a_folder_that_is_gone_or_damaged_is_no_longer_served(folder: Path):
    open_shared(str(folder))
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(LabError, match="could not be opened"):
        open_shared(str(folder))
    shutil.rmtree(folder)
    with pytest.raises(LabError, match="neither a model at hand"):
        open_shared(str(folder))


def test_G11_a_hub_model_that_was_fetched_again_is_seen_without_asking_the_network(folder: Path, tmp_path, monkeypatch):
    asked: list[bool] = []
    other = family_folder("bert", "encoder", tmp_path / "other")
    newest = [folder]

    def snapshot_download(hub_id: str, *, local_files_only: bool = False, **options: object) -> str:
        asked.append(local_files_only)
        return str(newest[0])

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    assert not is_open("somebody/model")
    first = open_shared("somebody/model")
    assert open_shared("somebody/model").network is first.network
    newest[0] = other  # as a training that asked for it leaves it behind
    second = open_shared("somebody/model")
    assert (second.config.hidden_size, second.reference) == (24, "somebody/model")
    assert asked.count(False) == 1
    shared._fetched.clear()


def test_I05_a_model_that_is_let_go_takes_its_traces_along_and_is_freed(tmp_path: Path, monkeypatch):
    folders = [family_folder("bert", "masked-lm", tmp_path / str(number)) for number in range(3)]
    for number, each in enumerate(folders):
        replace_weights(each, add=float(number))
    networks = []
    for each in folders:
        model = open_shared(str(each))
        networks.append(weakref.ref(model.network))
        monkeypatch.setattr(shared._models, "most", int(2.5 * next(iter(shared._models.values())).bytes))
        shared_trace(model, tokenize(model, TEXT))
        shared_trace(open_shared(str(each), attention="sdpa"), tokenize(model, TEXT))
        assert shared.bytes_kept() <= shared._models.most
        loading.prepare_for_serving()  # takes what is open out of garbage collection: it must go all the same
    del model
    assert [each() is None for each in networks] == [True, False, False]
    assert len(shared_traces._traces) == 4
    gc.unfreeze()


def test_I05_traces_keep_within_their_bound_also_when_they_grow(folder: Path, monkeypatch):
    model = open_shared(str(folder))
    most = 2_000_000
    monkeypatch.setattr(shared_traces._traces, "most", most)
    texts = [tokenize(model, f"{TEXT} {number}") for number in range(100)]
    for tokens in texts:
        t = shared_trace(model, tokens)
        for name in t.names():
            t[name]
        largest = t.bytes
        assert shared_traces.bytes_kept() <= most + largest
    assert shared_trace(model, texts[-1]) is t
    assert not is_traced(model, texts[0])
    assert 1 < len(shared_traces._traces) < 100


def test_I05_a_trace_counts_what_it_holds(folder: Path):
    model = open_shared(str(folder))
    t = shared_trace(model, tokenize(model, TEXT))
    before = t.bytes
    assert before > sum(each.nbytes for each in t.hidden_states)
    scores = t["layer.0.probabilities"]
    read = sum(t[f"layer.0.{name}"].nbytes for name in ("query", "key", "scores", "scaled"))
    assert t.bytes == before + scores.nbytes + read


def test_I05_a_trace_made_while_its_model_was_let_go_is_not_kept(folder: Path):
    model = open_shared(str(folder))
    shared._models.discard(lambda *_: True)
    t = shared_trace(model, tokenize(model, TEXT))
    assert t.model is model
    assert not is_traced(model, tokenize(model, TEXT))


def test_I04_a_model_that_opens_slowly_holds_up_nobody_else(folder: Path, tmp_path: Path, monkeypatch):
    other = family_folder("bert", "masked-lm", tmp_path / "other")
    started, may_end = threading.Event(), threading.Event()
    original = loading.open_model

    def slowly(name: str) -> loading.Model:
        if name == str(folder):
            started.set()
            assert may_end.wait(60)
        return original(name)

    monkeypatch.setattr(shared, "open_model", slowly)
    with ThreadPoolExecutor(2) as threads:
        slow = threads.submit(open_shared, str(folder))
        assert started.wait(60)
        model = open_shared(str(other))
        assert shared_trace(model, tokenize(model, TEXT)).layers == 3
        may_end.set()
        assert slow.result(60).layers == 2


ALL_AT_ONCE = """
import importlib, sys, threading, time
from pages.shared.models import load_engine
problems = []
def load(name, after):
    while after is not None and after not in sys.modules:
        time.sleep(0.0005)
    try:
        load_engine()
        importlib.import_module(name)
    except BaseException as error:
        problems.append(f"{name}: {type(error).__name__}: {error}")
threads = [threading.Thread(target=load, args=("core.explore.tokens", None))]
threads += [threading.Thread(target=load, args=(name, "transformers")) for name in sys.argv[1:]]
for each in threads:
    each.start()
for each in threads:
    each.join()
sys.exit("; ".join(problems) or 0)
"""
NEED_TRANSFORMERS = ("core.explore.attention.ablation", "core.models.shared", "core.models.anatomy.parameters")


def test_F06_the_first_people_may_come_at_once():
    """Each page imports what it needs when it is first opened, in a thread of its own."""
    command = [sys.executable, "-c", ALL_AT_ONCE, *NEED_TRANSFORMERS]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True)
    said = [line for line in done.stderr.splitlines() if "No runtime found" not in line]  # Streamlit's, outside an app
    assert (done.returncode, said) == (0, [])
