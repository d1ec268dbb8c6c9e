"""Which model it is: by the content of its files, however they were written."""

import os
import shutil
from pathlib import Path

import pytest

from core import memory
from core.models import fingerprint as module
from core.models.fingerprint import fingerprint, model_files


@pytest.fixture
def folder(tiny_model_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model_folder, tmp_path / "model"))


def _age(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if nothing had been written within the last seconds, so that hashes are remembered."""
    monkeypatch.setattr(memory, "TICK_NS", 0)


def _flip_last_byte(file: Path) -> None:
    """Another content of the same size, written in place, with the time of the old one."""
    before = file.stat()
    with file.open("r+b") as content:
        content.seek(-1, os.SEEK_END)
        last = content.read(1)
        content.seek(-1, os.SEEK_END)
        content.write(bytes([last[0] ^ 1]))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_the_same_files_are_the_same_model_wherever_they_lie(folder: Path, tmp_path: Path):
    copied = Path(shutil.copytree(folder, tmp_path / "elsewhere"))
    (copied / "README.md").write_text("notes are no part of the model")
    (copied / "checkpoint-5").mkdir()
    assert fingerprint(copied) == fingerprint(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"])
def test_G11_another_content_of_any_file_is_another_model(folder: Path, name: str, monkeypatch):
    _age(folder, monkeypatch)
    before = fingerprint(folder)
    _flip_last_byte(folder / name)
    assert fingerprint(folder) != before


def test_G11_a_file_that_came_or_went_makes_another_model(folder: Path):
    before = fingerprint(folder)
    (folder / "added_tokens.json").write_text("{}")
    with_more = fingerprint(folder)
    assert with_more != before
    (folder / "added_tokens.json").rename(folder / "special_tokens_map.json")
    assert fingerprint(folder) not in (before, with_more)
    (folder / "special_tokens_map.json").unlink()
    assert fingerprint(folder) == before


def test_files_that_did_not_change_are_not_read_again(folder: Path, monkeypatch):
    _age(folder, monkeypatch)
    read: list[str] = []
    original = module._read
    monkeypatch.setattr(module, "_read", lambda file: read.append(file.name) or original(file))
    first = fingerprint(folder)
    assert sorted(read) == [file.name for file in model_files(folder)]
    assert fingerprint(folder) == first
    assert len(read) == len(model_files(folder))
    os.utime(folder / "config.json")  # another time, the same content
    assert fingerprint(folder) == first
    assert read[len(model_files(folder)) :] == ["config.json"]


def test_G11_a_file_written_a_moment_ago_is_read_again(folder: Path, monkeypatch):
    """Where the file system's clock is coarse, a second change may leave size and times as they were."""
    monkeypatch.setattr(
        memory, "stamp_of", lambda file, stamp=memory.stamp_of: memory.Stamp(*stamp(file)[:3], *stamp(folder)[3:])
    )
    before = fingerprint(folder)
    _flip_last_byte(folder / "model.safetensors")
    assert fingerprint(folder) != before
