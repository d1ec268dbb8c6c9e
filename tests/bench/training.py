"""Training speed on CoLA: our worker against the tutorial loop and against the Trainer with its defaults.

Same model, same machine, same moment: each contender is a process of its own that trains on a random sample of the
same file and reports examples per second, first step included. They take turns, all equally niced, as our worker is.
"""

import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

REPOSITORY = Path(__file__).parents[2]
COLA = REPOSITORY.parent / "shared" / "data" / "cola" / "in_domain_train.tsv"
BATCH, MAX_LENGTH, LEARNING_RATE = 32, 128, 5e-5
STEPS = {"ours": 50, "tutorial": 20, "trainer": 40}
ROUNDS = 2


def run() -> Iterator[dict[str, Any]]:
    """Yield `training.speedup.cola_tutorial` and `training.speedup.cola_trainer`: ours / rival, examples per second."""
    if not COLA.is_file():
        sys.stderr.write(f"training: skipped, there is no {COLA}\n")
        return
    speeds: dict[str, list[float]] = {name: [] for name in STEPS}
    for _ in range(ROUNDS):
        for name in STEPS:
            command = [sys.executable, "-m", "tests.bench.training", name]
            answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
            speeds[name].append(float(answer.stdout.splitlines()[-1]))
    ours = median(speeds["ours"])
    for rival in ("tutorial", "trainer"):
        yield {
            "name": f"training.speedup.cola_{rival}",
            "value": round(ours / median(speeds[rival]), 2),
            "unit": "ratio",
            "rival": {"tutorial": "pad to 128, fp32, batches as given", "trainer": "Trainer defaults"}[rival],
            "detail": {"examples_per_second": {name: [round(v, 1) for v in speeds[name]] for name in ("ours", rival)}},
        }


def _sample(count: int) -> tuple[list[str], list[int]]:
    """A random sample of the file: sentences and labels."""
    lines = [line.split("\t") for line in COLA.read_text("utf-8").splitlines()]
    chosen = random.Random(0).sample(lines, count)
    return [line[3] for line in chosen], [int(line[1]) for line in chosen]


def _ours() -> float:
    """The worker as the app starts it; speed by its own events."""
    from core.runs.folder import create_run
    from core.training.plan import Plan
    from core.training.worker import main

    with tempfile.TemporaryDirectory() as folder:
        os.environ["BERTLAB_WORKSPACE"] = folder
        texts, labels = _sample(STEPS["ours"] * BATCH + 32)
        data, validation = Path(folder) / "train.csv", Path(folder) / "validation.csv"
        for path, rows in ((data, slice(32, None)), (validation, slice(32))):
            with path.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([("text", "label"), *zip(texts[rows], labels[rows], strict=True)])
        plan = Plan(
            data=str(data), validation_data=str(validation), text_column="text", label_column="label", epochs=1,
            batch_size=BATCH, max_length=MAX_LENGTH, learning_rate=LEARNING_RATE, evaluations_per_epoch=1,
        )  # fmt: skip
        run = create_run(plan.to_yaml())
        if main(run.path) != 0:
            raise RuntimeError(run.log_tail())
        last = [event for event in run.events() if event["kind"] == "train"][-1]
        return last["step"] * BATCH / last["seconds"]


def _tutorial() -> float:
    """The loop of the usual tutorials: everything padded to the maximum, full precision, batches as given."""
    import torch
    from transformers import get_linear_schedule_with_warmup

    network, tokenizer = _plain_model()
    texts, labels = _sample(STEPS["tutorial"] * BATCH)
    inputs = tokenizer(texts, padding="max_length", truncation=True, max_length=MAX_LENGTH, return_tensors="pt")
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE)
    scheduler = get_linear_schedule_with_warmup(optimizer, 0, STEPS["tutorial"])
    network.train()
    start = time.perf_counter()
    for first in range(0, len(texts), BATCH):
        part = slice(first, first + BATCH)
        batch = {name: value[part] for name, value in inputs.items()}
        optimizer.zero_grad()
        loss = network(**batch, labels=torch.tensor(labels[part])).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        loss.item()
    return len(texts) / (time.perf_counter() - start)


def _trainer() -> float:
    """transformers' Trainer as it comes, with the collator that pads each batch to its longest text."""
    from datasets import Dataset
    from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

    network, tokenizer = _plain_model()
    texts, labels = _sample(STEPS["trainer"] * BATCH)
    encoded = tokenizer(texts, truncation=True, max_length=MAX_LENGTH)
    dataset = Dataset.from_dict({**encoded, "labels": labels})
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, num_train_epochs=1, per_device_train_batch_size=BATCH, learning_rate=LEARNING_RATE,
            save_strategy="no", report_to="none", disable_tqdm=True,
        )  # fmt: skip
        trainer = Trainer(network, arguments, DataCollatorWithPadding(tokenizer), dataset)
        start = time.perf_counter()
        trainer.train()
        return len(texts) / (time.perf_counter() - start)


def _plain_model() -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from core.models.catalogue import BUILTIN_FOLDER

    torch.manual_seed(42)
    network = AutoModelForSequenceClassification.from_pretrained(BUILTIN_FOLDER, num_labels=2, dtype=torch.float32)
    return network, AutoTokenizer.from_pretrained(BUILTIN_FOLDER)


if __name__ == "__main__":
    if sys.argv[1] != "ours":  # which does so itself
        os.nice(5)
    contender = {"ours": _ours, "tutorial": _tutorial, "trainer": _trainer}[sys.argv[1]]
    sys.stdout.write(f"\n{json.dumps(contender())}\n")
