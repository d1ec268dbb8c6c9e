"""How good trained models are: every task on a public data set, by the command line, against what costs nothing.

Takes an hour on two cores, so it runs only when SETS names data sets (“cola stsb”, or “all”). SEEDS (“42 43”) says
which runs are averaged, MODELS (“present=builtin new=folder”) what to start from, SETTINGS (“epochs=5 batch-size=16”)
changes the settings of all. CoLA out of domain is 516 sentences: one seed says little.

`chnsenticorp` has no model at hand that knows Chinese: a small BERT over the Chinese vocabulary is made from its own
training texts first, by the task masked-language from scratch.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

from tests.bench._sets import DATA, REPOSITORY, SETS, Set, arguments

_CHINESE_SHAPE = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 1024}


def run() -> Iterator[dict[str, Any]]:
    """Yield `quality.SET.SCORE` for each set and model, the mean over the seeds; the baseline is the rival."""
    wanted = os.environ.get("SETS", "").split()
    if not wanted or not DATA.is_dir():
        sys.stderr.write(f"quality: skipped, SETS names no data sets ({', '.join(SETS)}), or there is no {DATA}\n")
        return
    models = dict(each.split("=", 1) for each in os.environ.get("MODELS", "builtin=builtin").split())
    seeds = os.environ.get("SEEDS", "42").split()
    changed = dict(each.split("=", 1) for each in os.environ.get("SETTINGS", "").split())
    for name in SETS if wanted == ["all"] else wanted:
        for title, model in models.items():
            with tempfile.TemporaryDirectory() as folder:
                workspace = Path(folder)
                start = _chinese_model(workspace) if (name, model) == ("chnsenticorp", "builtin") else model
                yield from _measure(name, SETS[name], title, start, seeds, changed, workspace)


def _measure(
    name: str, each: Set, title: str, model: str, seeds: list[str], changed: dict[str, str], workspace: Path
) -> Iterator[dict[str, Any]]:
    settings = each.settings | changed
    found, seconds = [], []
    for seed in seeds:
        began = time.monotonic()
        output = train(each.options | settings | {"model": model, "seed": seed}, workspace, f"{name}-{seed}")
        seconds.append(round(time.monotonic() - began, 1))
        found.append(json.loads((output / "evaluation" / "metrics.json").read_text("utf-8")))
    for score in each.scores:
        yield {
            "name": f"quality.{name}.{score}" + ("" if title == "builtin" else f".{title}"),
            "value": round(mean(metrics[score] for metrics in found), 4),
            "unit": "score",
            "rival": f"{each.baseline} {found[0][each.baseline]:.4f}" if each.baseline else "",
            "detail": {
                "seeds": {seed: round(metrics[score], 4) for seed, metrics in zip(seeds, found, strict=True)},
                "f1_of_classes": {each["label"]: round(each["f1"], 4) for each in found[0].get("per_class", ())},
                "interval": found[0].get("intervals", {}).get(score),
                "rows": found[0]["rows"],
                "seconds": seconds,
                "settings": settings,
            },
        }


def train(options: dict[str, object], workspace: Path, name: str) -> Path:
    """One training by the command line; the folder of its run."""
    output = workspace / name
    fixed = ["--preset", "none", "--output", str(output)]  # the same settings on every machine
    command = [sys.executable, "-m", "core.training", *fixed, *arguments(options)]
    environment = {**os.environ, "BERTLAB_WORKSPACE": str(workspace)}
    answer = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise RuntimeError(answer.stderr[-3000:])
    return output


def _chinese_model(workspace: Path) -> str:
    """A small BERT that has read the training texts: random weights in a shape, then masked language."""
    from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast

    shape = workspace / "shape"
    tokenizer = BertTokenizerFast(str(DATA / "chinese_vocab" / "vocab.txt"), do_lower_case=True)
    BertForMaskedLM(BertConfig(vocab_size=len(tokenizer), **_CHINESE_SHAPE)).save_pretrained(shape)
    tokenizer.save_pretrained(shape)
    data = DATA / "chnsenticorp"
    options: dict[str, object] = {
        "task": "masked-language", "data": data / "train.tsv", "validation-data": data / "dev.tsv",
        "no-quoting": True, "delimiter": "tab", "text-column": "text_a", "model": shape, "from-scratch": True,
        "epochs": 2, "batch-size": 32, "learning-rate": 1e-3, "max-length": 128,
    }  # fmt: skip
    return str(train(options, workspace, "adapted") / "model")
