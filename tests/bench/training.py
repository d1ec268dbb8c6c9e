"""Training on CoLA: our worker against the tutorial loop and against the Trainer with its defaults.

Same model, same machine, same moment: each contender is a process of its own that trains on a random sample of the
same file and reports examples per second, first step included, and the share of padding among the pieces it computed.
They take turns, all equally niced, as our worker is. With SCORE=1 each trains on the whole file instead, for three
epochs, and is scored on the sentences from other sources (three quarters of an hour on two cores).
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
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench._sets import DATA, REPOSITORY

TRAIN, TEST = DATA / "cola" / "in_domain_train.tsv", DATA / "cola" / "out_of_domain_dev.tsv"
BATCH, MAX_LENGTH = 32, 128
STEPS = {"ours": 50, "tutorial": 20, "trainer": 40}
ROUNDS = 2
RIVALS = {
    "tutorial": "pad to 128, fp32, batches as given",
    "trainer": "Trainer defaults, padded to each batch's longest",
}
WHOLE = bool(os.environ.get("SCORE"))
EPOCHS, LEARNING_RATE = (3, 1e-4) if WHOLE else (1, 5e-5)  # one epoch teaches nobody more than the commonest label


def run() -> Iterator[dict[str, Any]]:
    """Yield `training.speedup.cola_tutorial` and `training.speedup.cola_trainer`: ours / rival, examples per second."""
    if not TRAIN.is_file():
        sys.stderr.write(f"training: skipped, there is no {TRAIN}\n")
        return
    found: dict[str, list[dict[str, float]]] = {name: [] for name in STEPS}
    for _ in range(1 if WHOLE else ROUNDS):
        for name in STEPS:
            command = [sys.executable, "-m", "tests.bench.training", name]
            answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
            if answer.returncode != 0:
                raise RuntimeError(answer.stderr[-3000:])
            found[name].append(json.loads(answer.stdout.splitlines()[-1]))
    ours = median(each["examples_per_second"] for each in found["ours"])
    for rival, what in RIVALS.items():
        yield {
            "name": f"training.speedup.cola_{rival}",
            "value": round(ours / median(each["examples_per_second"] for each in found[rival]), 2),
            "unit": "ratio",
            "rival": what,
            "detail": {name: found[name] for name in ("ours", rival)},
        }


def _rows(path: Path, count: int | None = None) -> tuple[list[str], list[int]]:
    """Sentences and labels of a file, or of a random sample of it."""
    lines = [line.split("\t") for line in path.read_text("utf-8").splitlines()]
    chosen = lines if count is None else random.Random(0).sample(lines, count)
    return [line[3] for line in chosen], [int(line[1]) for line in chosen]


def _to_learn(name: str) -> tuple[list[str], list[int]]:
    return _rows(TRAIN, None if WHOLE else STEPS[name] * BATCH)


def _ours() -> dict[str, float]:
    """The worker as the app starts it; speed by its own events."""
    from core.runs.folder import create_run
    from core.training.plan.plan import Plan
    from core.training.run.worker import main

    with tempfile.TemporaryDirectory() as folder:
        os.environ["BERTLAB_WORKSPACE"] = folder
        held_out = _rows(TEST) if WHOLE else _rows(TEST, 32)
        data, validation = Path(folder) / "train.csv", Path(folder) / "validation.csv"
        for path, (texts, labels) in ((data, _to_learn("ours")), (validation, held_out)):
            with path.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([("text", "label"), *zip(texts, labels, strict=True)])
        plan = Plan(
            data=str(data), validation_data=str(validation), text_column="text", label_column="label", epochs=EPOCHS,
            batch_size=BATCH, max_length=MAX_LENGTH, learning_rate=LEARNING_RATE, evaluations_per_epoch=1,
        )  # fmt: skip
        run = create_run(plan.to_yaml())
        if main(run.path) != 0:
            raise RuntimeError(run.log_tail())
        events = [event for event in run.events() if event["kind"] == "train"]
        ends = [0, *(each["step"] for each in events)]
        steps = [end - start for start, end in pairwise(ends)]
        padding = sum(e["padding_share"] * n for e, n in zip(events, steps, strict=True)) / sum(steps)
        speed = events[-1]["step"] * BATCH / events[-1]["seconds"]
        return _told(speed, padding, run.metrics()["mcc"])


def _tutorial() -> dict[str, float]:
    """The loop of the usual tutorials: everything padded to the maximum, full precision, batches as given."""
    import torch
    from transformers import get_linear_schedule_with_warmup

    network, tokenizer = _plain_model()
    texts, labels = _to_learn("tutorial")
    inputs = tokenizer(texts, padding="max_length", truncation=True, max_length=MAX_LENGTH, return_tensors="pt")
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE)
    scheduler = get_linear_schedule_with_warmup(optimizer, 0, -(-len(texts) // BATCH) * EPOCHS)
    network.train()
    start = time.perf_counter()
    for first in list(range(0, len(texts), BATCH)) * EPOCHS:
        part = slice(first, first + BATCH)
        batch = {name: value[part] for name, value in inputs.items()}
        optimizer.zero_grad()
        loss = network(**batch, labels=torch.tensor(labels[part])).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        loss.item()
    speed = len(texts) * EPOCHS / (time.perf_counter() - start)
    padding = 1 - inputs["attention_mask"].float().mean().item()
    return _told(speed, padding, _mcc(network, tokenizer))


def _trainer() -> dict[str, float]:
    """transformers' Trainer as it comes, with the collator that pads each batch to its longest text."""
    from datasets import Dataset
    from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

    network, tokenizer = _plain_model()
    texts, labels = _to_learn("trainer")
    encoded = tokenizer(texts, truncation=True, max_length=MAX_LENGTH)
    dataset = Dataset.from_dict({**encoded, "labels": labels})
    pad, counts = DataCollatorWithPadding(tokenizer), [0, 0]

    def collate(rows: list[dict[str, Any]]) -> Any:
        batch = pad(rows)
        counts[0] += int(batch["attention_mask"].sum())
        counts[1] += batch["attention_mask"].numel()
        return batch

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, num_train_epochs=EPOCHS, per_device_train_batch_size=BATCH, learning_rate=LEARNING_RATE,
            save_strategy="no", report_to="none", disable_tqdm=True,
        )  # fmt: skip
        trainer = Trainer(network, arguments, collate, dataset)
        start = time.perf_counter()
        trainer.train()
        speed = len(texts) * EPOCHS / (time.perf_counter() - start)
    return _told(speed, 1 - counts[0] / counts[1], _mcc(network, tokenizer))


def _told(speed: float, padding: float, mcc: float | None) -> dict[str, float]:
    told = {"examples_per_second": round(speed, 1), "padding_share": round(padding, 3)}
    return told | ({"mcc": round(mcc, 3)} if WHOLE else {})


def _mcc(network: Any, tokenizer: Any) -> float | None:
    """Matthews correlation on the sentences from other sources."""
    import torch
    from sklearn.metrics import matthews_corrcoef

    if not WHOLE:
        return None
    texts, labels = _rows(TEST)
    network.eval()
    with torch.inference_mode():
        parts = [texts[i : i + BATCH] for i in range(0, len(texts), BATCH)]
        logits = [network(**tokenizer(part, padding=True, return_tensors="pt")).logits for part in parts]
    return float(matthews_corrcoef(labels, torch.cat(logits).argmax(dim=1).numpy()))


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
