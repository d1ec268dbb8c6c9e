"""Checkpoints: whole or not there."""

from pathlib import Path

import pytest

from core.training.run.checkpoints import (
    clear_leftovers,
    damage,
    list_checkpoints,
    newest_sound,
    save_checkpoint,
    step_of,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


def _write(folder: Path) -> None:
    (folder / "weights").write_bytes(b"x" * 1000)
    (folder / "best").mkdir()
    (folder / "best" / "weights").write_bytes(b"y" * 1000)


def _ignore(path: Path, reason: str) -> None:
    pass


def test_the_newest_two_are_kept(folder: Path) -> None:
    for step in (2, 9, 10, 100):
        save_checkpoint(folder, step, _write)
    assert [step_of(path) for path in list_checkpoints(folder)] == [100, 10]
    assert damage(folder / "step-100") is None
    assert sorted(path.name for path in folder.iterdir()) == ["step-10", "step-100"]


def test_a_failing_save_leaves_the_others_alone(folder: Path) -> None:
    save_checkpoint(folder, 1, _write)

    def fail(staged: Path) -> None:
        _write(staged)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        save_checkpoint(folder, 2, fail)
    assert [path.name for path in folder.iterdir()] == ["step-1"]
    assert damage(folder / "step-1") is None


def test_the_same_step_again_replaces_it(folder: Path) -> None:
    save_checkpoint(folder, 1, _write)
    (folder / "step-1" / "weights").write_bytes(b"")
    save_checkpoint(folder, 1, _write)
    assert damage(folder / "step-1") is None


def test_leftovers_are_never_chosen_and_cleared(folder: Path) -> None:
    save_checkpoint(folder, 1, _write)
    for name in (".staged-step-2", ".removing-step-0"):
        (folder / name).mkdir()
    assert newest_sound(folder, on_damage=_ignore) == folder / "step-1"
    clear_leftovers(folder)
    assert [path.name for path in folder.iterdir()] == ["step-1"]


def test_no_folder_no_checkpoints(folder: Path) -> None:
    assert list_checkpoints(folder / "none") == []
    assert newest_sound(folder / "none", on_damage=_ignore) is None
