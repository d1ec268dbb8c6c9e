"""What a model is worth as a start for fine-tuning: CoLA out of domain, emotion, STS-B, with the same settings for all.

This takes long (CoLA alone some minutes a model), so it runs only for the folders that the variable MODELS names
(“name=folder name=folder …”, “builtin” for the folder of the built-in model). An encoder without a masked-language head
will do. The rival of each model is the first one named. SEEDS (“42 43”) says how many runs are averaged.

CoLA and emotion are trained by `python -m core.training`. STS-B is a regression, which that cannot do yet, so a plain
loop of torch and transformers trains it: mean squared error of the score from 0 to 5 divided by 5, no warm-up.
CoLA out of domain is 516 sentences, so one seed says little: name several before a small difference counts.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

REPOSITORY = Path(__file__).parents[2]
DATA = REPOSITORY.parent / "shared" / "data"
EPOCHS, BATCH, LEARNING_RATE = 3, 32, 5e-5
CLASSIFICATION = {  # task -> options of the command line, and the scores to take
    "cola": (
        ["--data", DATA / "cola" / "in_domain_train.tsv", "--test-data", DATA / "cola" / "out_of_domain_dev.tsv",
         "--no-header", "--delimiter", "tab", "--text-column", "column_4", "--label-column", "column_2"],
        ("mcc",),
    ),
    "emotion": (
        ["--data", DATA / "emotion" / "train.txt", "--validation-data", DATA / "emotion" / "val.txt",
         "--test-data", DATA / "emotion" / "test.txt", "--no-header", "--delimiter", ";",
         "--text-column", "column_1", "--label-column", "column_2"],
        ("accuracy", "macro_f1"),
    ),
}  # fmt: skip
STSB = DATA / "glue" / "STS-B"


def run() -> Iterator[dict[str, Any]]:
    """Yield, for each model, `transfer.cola_mcc.NAME`, `…emotion_accuracy…`, `…emotion_macro_f1…`, `…stsb_pearson…`."""
    if not (DATA / "cola").is_dir():
        sys.stderr.write(f"transfer: skipped, there is no {DATA}\n")
        return
    models = dict(each.split("=", 1) for each in os.environ.get("MODELS", "").split())
    if not models:
        sys.stderr.write("transfer: skipped, MODELS names no models (MODELS='before=folder after=folder')\n")
        return
    seeds = [int(seed) for seed in os.environ.get("SEEDS", "42").split()]
    tasks = os.environ.get("TASKS", "cola emotion stsb").split()
    first = next(iter(models))
    for task in tasks:
        found: dict[str, dict[str, list[float]]] = {}  # score -> model -> seeds
        for name, folder in models.items():
            for seed in seeds:
                for score, value in _scores(task, folder, seed).items():
                    found.setdefault(score, {}).setdefault(name, []).append(value)
        for score, values in found.items():
            for name, each in values.items():
                yield {
                    "name": f"transfer.{score}.{name}",
                    "value": round(mean(each), 4),
                    "unit": "score",
                    "rival": first,
                    "detail": {first: round(mean(values[first]), 4), "seeds": dict(zip(seeds, each, strict=True))},
                }


def _scores(task: str, folder: str, seed: int) -> dict[str, float]:
    if task != "stsb":
        return _classified(task, folder, seed)
    command = [sys.executable, "-m", "tests.bench.transfer", folder, str(seed)]
    answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return {"stsb_pearson": float(answer.stdout.splitlines()[-1])}


def _classified(task: str, folder: str, seed: int) -> dict[str, float]:
    """Train in a workspace of its own; the scores of the test rows."""
    options, wanted = CLASSIFICATION[task]
    with tempfile.TemporaryDirectory() as workspace:
        run_folder = Path(workspace) / "run"
        command = [
            sys.executable, "-m", "core.training", *map(str, options), "--task", "sequence-classification",
            "--model", folder, "--epochs", str(EPOCHS), "--batch-size", str(BATCH),
            "--learning-rate", str(LEARNING_RATE), "--seed", str(seed), "--output", str(run_folder),
        ]  # fmt: skip
        environment = {**os.environ, "BERTLAB_WORKSPACE": workspace}
        answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, env=environment, check=False)
        if answer.returncode:
            raise RuntimeError(answer.stderr)
        metrics = json.loads((run_folder / "evaluation" / "metrics.json").read_text("utf-8"))
    return {f"{task}_{score}": metrics[score] for score in wanted}


def _pairs(part: str) -> tuple[list[str], list[str], list[float]]:
    with (STSB / f"{part}.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    rows = [row for row in rows if row["score"]]
    return [r["sentence1"] for r in rows], [r["sentence2"] for r in rows], [float(r["score"]) for r in rows]


def stsb_pearson(folder: str, seed: int) -> float:
    """Pearson's r on the development pairs after three epochs."""
    import numpy as np
    import torch
    from transformers import AutoModelForSequenceClassification, get_linear_schedule_with_warmup, set_seed

    from core.training.encoding import Batcher, SimilarLengths, encode
    from core.training.job import prepare_torch
    from core.training.precision import choose_precision
    from scripts.train_builtin import folder_of, load_tokenizer

    prepare_torch()
    set_seed(seed)
    tokenizer = load_tokenizer(folder_of(folder))
    network = AutoModelForSequenceClassification.from_pretrained(
        folder_of(folder), num_labels=1, problem_type="regression", dtype=torch.float32
    )
    batchers = {}
    for part in ("train", "dev"):
        first, second, scores = _pairs(part)
        encoded = encode(tokenizer, first, second, max_length=128)
        batchers[part] = Batcher(encoded, np.array(scores, np.float32) / 5, tokenizer.pad_token_id)
    train, dev = batchers["train"], batchers["dev"]
    sampler = SimilarLengths(train.encoded.lengths, BATCH, seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    schedule = get_linear_schedule_with_warmup(optimizer, 0, EPOCHS * -(-len(train.encoded) // BATCH))
    bf16 = torch.autocast("cpu", dtype=torch.bfloat16, enabled=choose_precision("auto") == "bf16")
    network.train()
    for epoch in range(EPOCHS):
        sampler.set_epoch(epoch)
        order = list(sampler)
        for start in range(0, len(order), BATCH):
            optimizer.zero_grad()
            with bf16:
                loss = network(**train(order[start : start + BATCH])).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    network.eval()
    with torch.inference_mode():
        rows = range(len(dev.encoded))
        parts = [dev(list(rows[start : start + 100])) for start in rows[::100]]
        guesses = torch.cat([network(**part).logits[:, 0] for part in parts])
        answers = torch.cat([part["labels"] for part in parts])
    return torch.corrcoef(torch.stack([guesses, answers]))[0, 1].item()


if __name__ == "__main__":
    sys.stdout.write(f"\n{stsb_pearson(sys.argv[1], int(sys.argv[2]))}\n")
