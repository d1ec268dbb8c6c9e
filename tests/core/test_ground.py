"""The ground floor: errors, safe writing, the machine."""

import pytest

from core.errors import LabError
from core.machine import machine, usable_cores
from core.workspace import runs_directory, write_atomically
from tests.programs import write_program


def test_an_error_is_two_sentences():
    error = LabError("The file is empty.", "Choose another.")
    assert (error.problem, error.remedy, str(error)) == (
        "The file is empty.",
        "Choose another.",
        "The file is empty. Choose another.",
    )


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "status.json"
    write_atomically(path, "old")

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == [path.name]


def test_text_and_bytes_are_written_whole(tmp_path):
    write_atomically(tmp_path / "a", "é")
    write_atomically(tmp_path / "b", b"\x00\xff")
    assert (tmp_path / "a").read_bytes() == "é".encode()
    assert (tmp_path / "b").read_bytes() == b"\x00\xff"


def test_the_workspace_is_where_the_environment_says(workspace):
    assert runs_directory() == workspace / "runs"
    assert runs_directory().is_dir()


def test_the_machine_is_described(monkeypatch):
    here = machine()
    assert here.cores == usable_cores() >= 1
    assert here.memory_bytes > 10**8
    assert here.disk_free_bytes > 0
    assert here.device.startswith("Processor") or here.gpus


def test_a_card_that_does_not_answer_is_no_card(monkeypatch, tmp_path):
    from core import machine as module

    program = tmp_path / "nvidia-smi"
    write_program(program, "exit 9\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    module._gpus.cache_clear()
    try:
        assert machine().gpus == ()
        program.write_text("#!/bin/sh\necho NVIDIA A100\necho NVIDIA A100\n")
        module._gpus.cache_clear()
        assert machine().device == "2 × NVIDIA A100"
    finally:
        module._gpus.cache_clear()
