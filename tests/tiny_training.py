"""A training small enough for a test: data that one word decides, a plan for the tiny random BERT, and short cuts."""

import csv
import json
import random
import shutil
from pathlib import Path

import pytest

from core.runs.folder import Run, create_run
from core.runs.status import write_status
from core.training.plan.plan import Plan
from core.workspace import runs_directory

WORDS = ["the", "a", "cat", "dog", "sat", "on", "mat", "film", "was", "very", "play"]


def write_csv(path: Path, rows: int = 60, *, seed: int = 0, with_pairs: bool = False) -> Path:
    """Texts whose label is told by one word, so that even a tiny model can learn them."""
    chance = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", *(["second"] if with_pairs else []), "label"])
        for i in range(rows):
            good = chance.random() < 0.5
            words = [chance.choice(WORDS) for _ in range(chance.randint(2, 12))]
            words.insert(chance.randint(0, len(words)), "good" if good else "bad")
            second = [f"a mat {i}"] if with_pairs else []
            writer.writerow([f"{' '.join(words)} {i}", *second, "good" if good else "bad"])
    return path


@pytest.fixture(name="plan")
def tiny_plan(tmp_path: Path, tiny_model_folder: Path) -> Plan:
    return Plan(
        data=str(write_csv(tmp_path / "data.csv")), text_column="text", label_column="label",
        model=str(tiny_model_folder), epochs=2.0, batch_size=8, learning_rate=2e-3, max_length=24, precision="fp32",
        checkpoint_seconds=0.0,
    )  # fmt: skip


def without_dropout(folder: Path) -> str:
    """A copy of a model that computes the same in training as after it: what is left to differ is rounding."""
    copy = folder.parent / f"{folder.name}-no-dropout"
    shutil.copytree(folder, copy, dirs_exist_ok=True)
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "classifier_dropout": 0.0}
    (copy / "config.json").write_text(json.dumps(config))
    return str(copy)


def train_here(plan: Plan, run: Run | None = None) -> tuple[Run, str]:
    """Train in this process, without supervisor."""
    from core.training.run.job import Job

    run = run or create_run(plan.to_yaml(), name=plan.name)
    return run, Job(run.path).run()


def train_and_keep(plan: Plan, folder: Path) -> Path:
    """Train in this process, and keep the finished run below `folder`, where it outlives the test's workspace."""
    run, state = train_here(plan)
    if state != "finished":
        raise RuntimeError(f"the tiny run “{plan.name}” ended {state}")
    write_status(run.path, "finished", exit_code=0)
    return shutil.copytree(run.path, folder / run.id)


def copy_into_workspace(kept: Path) -> str:
    """A copy of a kept run for this test alone; its id."""
    target = runs_directory() / kept.name
    if not target.exists():
        shutil.copytree(kept, target)
    return kept.name


def weights(run: Run) -> dict:
    from safetensors.torch import load_file

    return load_file(run.path / "model" / "model.safetensors")


def same_weights(one: Run, other: Run) -> bool:
    import torch

    ours, theirs = weights(one), weights(other)
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def stop_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Put the STOP file into the run folder when `step` is done."""
    from core.training.run.callbacks import Reporter

    original = Reporter.on_step_end

    def on_step_end(self, args, state, control, **rest):
        if state.global_step == step:
            (self._folder / "STOP").touch()
        return original(self, args, state, control, **rest)

    monkeypatch.setattr(Reporter, "on_step_end", on_step_end)
