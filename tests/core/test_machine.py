"""Cards and memory of this machine, with a program that answers in the place of NVIDIA's."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core import machine as module
from core.machine import CardUse, Machine, cuda_names, gpu_use, machine, process_memory
from tests.programs import write_program

CARDS = ("A100, GPU-aa11, 81920, 1024, 37", "H100, GPU-bb22, 81559, 0, 0", "T4, GPU-cc33, 15360, [N/A], [N/A]")


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An `nvidia-smi` that tells of three cards, and the columns it is asked for."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    lines = "\n".join(CARDS)
    columns = "{ [ $1 = --query-gpu=name,uuid ] && cut -d, -f1,2 || cat; }"
    write_program(program, f"{columns} <<'END'\n{lines}\nEND\n")
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    module._gpus.cache_clear()
    yield program
    module._gpus.cache_clear()


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        (None, "A100 H100 T4"),
        ("", ""),
        ("-1", ""),
        ("1", "H100"),
        ("2, 0", "T4 A100"),
        ("0,-1,1", "A100"),
        ("0,7,1", "A100"),
        ("1,1", ""),
        ("GPU-bb,GPU-aa11", "H100 A100"),
        ("GPU-xx,GPU-aa11", ""),
        ("none", ""),
    ],
)
def test_cards_are_those_that_the_app_was_given(
    driver: Path, monkeypatch: pytest.MonkeyPatch, visible: str | None, names: str
) -> None:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert machine().gpus == tuple(names.split())
    use = gpu_use()
    assert [card.name for card in use] == names.split()
    assert [card.id for card in use] == list(cuda_names(len(names.split())))


def test_parts_of_a_card_count_as_cards(driver: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-1,MIG-2")
    assert machine().gpus == ("Part of A100", "Part of A100")
    assert cuda_names(2) == ("MIG-1", "MIG-2")
    assert gpu_use() == ()  # the driver tells no load of parts


@pytest.mark.parametrize(
    "setting",
    ["", "0", "3,1,2", " 1 , 0", "1gpu2,2ampere", "0,0", "0,-1,1", "+1,2", "x", "0,x,1", "GPU-a,GPU-b", "GPU-a,1,GPU-b",
     "GPU-a,GPU-a", "MIG-a,MIG-b", "MIG-a,GPU-b", "0,GPU-b", "0,1,0"],
)  # fmt: skip
def test_names_of_cards_are_read_as_torch_reads_them(monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    from torch.cuda import _parse_visible_devices

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", setting)
    assert cuda_names(99) == tuple(map(str, _parse_visible_devices()))


@pytest.mark.parametrize(("cores", "words"), [(1, "Processor (1 core)"), (2, "Processor (2 cores)")])
def test_a_machine_without_cards_trains_on_its_processor(cores: int, words: str) -> None:
    assert Machine("a processor", cores, memory_bytes=0, gpus=(), disk_free_bytes=0).device == words


def test_use_of_cards_in_bytes_and_shares(driver: Path) -> None:
    assert gpu_use() == (
        CardUse("0", "A100", 80 * 2**30, 2**30, 0.37),
        CardUse("1", "H100", 81559 * 2**20, 0, 0.0),
        CardUse("2", "T4", 15 * 2**30, None, None),
    )


@pytest.mark.parametrize("answer", ["exit 9", "exec sleep 60", "echo No devices were found", "true"])
def test_a_driver_that_does_not_answer_tells_of_no_card(
    driver: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr(module, "_DRIVER_SECONDS", 0.2)
    driver.write_text(f"#!/bin/sh\n{answer}\n")
    assert gpu_use() == ()


def test_without_a_driver_there_is_no_card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_use() == ()


def test_memory_of_a_process_counts_what_it_started() -> None:
    block = "block = b'x' * 100_000_000"
    child = f"{block}; print('ready', flush=True); input()"
    code = f"import subprocess, sys; {block}; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        alone = psutil.Process(process.pid).memory_info().rss
        both = process_memory(process.pid)
        assert 100e6 < alone < 200e6 < both < 400e6
        process.communicate("\n")
    assert process_memory(process.pid) == 0
