"""Many people, many models, many texts: how long people wait, whether all are answered, and what memory that takes.

On a server that has been used before, twenty sessions look at one new text after another, with a pause in between as
people read, while the built-in model is trained on the same machine; each answer must hold the text that was asked for.
Then somebody opens thirty models as large as BERT base, one after another, and looks at five hundred texts with them.
The sessions are real ones over the app's websocket (`tests.bench._session`): a browser's own drawing is not counted.
There is no rival: these are waits and bytes that people are promised.
"""

import json
import os
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any

import psutil

from tests.bench._browser import fresh_app
from tests.bench._session import Drawn, Session
from tests.browser.conftest import RunningApp

SESSIONS, SECONDS = 20, float(os.environ.get("SECONDS", "180"))
PAUSE = (4.0, 10.0)  # seconds between an answer and the next request
MODELS, TEXTS = 30, 500
WORDS = ("the", "cat", "sat", "on", "a", "mat", "and", "two", "dogs", "played", "very", "well", "in", "good", "films")
PAGES = {  # each with the name that its address gives to the text
    "tokens": "text",
    "inside-a-layer": "followed",
    "attention": "attended",
    "fill-mask": "sentence",
    "embeddings": "sentences",
}


@dataclass
class Tally:
    """What all sessions together were answered; filled by several threads."""

    seconds: list[float] = field(default_factory=list)
    by_page: dict[str, list[float]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def ask(self, session: Session, page: str, mark: str, **address: str) -> Drawn | None:
        """Ask for a page; `mark` must be in what is drawn."""
        start = time.perf_counter()
        try:
            drawn = session.ask(page, **address)
        except Exception as error:
            self.problems.append(f"{page}: {type(error).__name__}: {error}")
            return None
        seconds = time.perf_counter() - start
        self.seconds.append(seconds)
        self.by_page.setdefault(page, []).append(seconds)
        self.problems.extend(f"{page}: {each}" for each in drawn.problems)
        if not drawn.shows(mark):
            self.problems.append(f"{page}: the answer does not show “{mark}”")
        return drawn


def run() -> Iterator[dict[str, Any]]:
    """Yield `load.p95_seconds.20`, `load.errors.20`, `memory.most_megabytes.30_models`, `memory.kept_megabytes`."""
    with fresh_app() as app, training(app) as trained:
        many_sessions(app.port, sessions=1, seconds=20, pause=(0.0, 0.1))  # what a server's first visitor waits for
        tally = many_sessions(app.port, sessions=SESSIONS, seconds=SECONDS, pause=PAUSE)
        steps = trained()
    detail = {
        "answers": len(tally.seconds),
        "median": round(quantiles(tally.seconds, n=2)[0], 2),
        "longest": round(max(tally.seconds), 2),
        "p95 by page": {page: round(_p95(found), 2) for page, found in sorted(tally.by_page.items())},
        "training steps meanwhile": steps,
        "load average": [round(each, 1) for each in os.getloadavg()],
    }
    yield _line(f"load.p95_seconds.{SESSIONS}", round(_p95(tally.seconds), 2), "seconds", detail)
    yield _line(f"load.errors.{SESSIONS}", len(tally.problems), "errors", {"problems": tally.problems[:10]})
    with fresh_app() as app, tempfile.TemporaryDirectory() as folder:
        found = many_models(app, Path(folder), base_sized(), models=MODELS, texts=TEXTS)
    megabytes = [round(each / 2**20) for each in found.samples]
    detail = {
        "stated bound": round(found.bound / 2**20),
        "with one model open": round(found.before / 2**20),
        "after each model": megabytes,
        "errors": found.tally.problems[:10],
    }
    yield _line(f"memory.most_megabytes.{MODELS}_models", max(megabytes), "megabytes", detail)
    yield _line(
        "memory.kept_megabytes", megabytes[-1], "megabytes", {"within the bound": found.samples[-1] <= found.bound}
    )


def _line(name: str, value: float, unit: str, detail: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "rival": "none: an absolute promise", "detail": detail}


def _p95(seconds: list[float]) -> float:
    return quantiles(seconds, n=20, method="inclusive")[-1] if len(seconds) > 1 else seconds[0]


def new_text(chance: random.Random, words: int, mark: str) -> str:
    """A text that nobody has looked at before."""
    return " ".join([mark, *chance.choices(WORDS, k=words)])


def many_sessions(port: int, *, sessions: int, seconds: float, pause: tuple[float, float], **address: str) -> Tally:
    """So many people at once, each with new texts on changing pages, for so long. `address` goes into each request."""
    tally, until = Tally(), time.monotonic() + seconds

    def person(number: int) -> None:
        chance = random.Random(number)
        try:
            with Session(port) as session:
                asked = 0
                while time.monotonic() < until:
                    time.sleep(chance.uniform(*pause) * (1 if asked else chance.random()))  # not all at one moment
                    page, asked = chance.choice(list(PAGES)), asked + 1
                    mark = f"q{number}x{asked}"
                    text = new_text(chance, chance.randint(5, 30), mark)
                    text += " [MASK]" if page == "fill-mask" else "\nthe cat sat" if page == "embeddings" else ""
                    tally.ask(session, page, mark, **address, **{PAGES[page]: text})
        except Exception as error:
            tally.problems.append(f"session {number}: {type(error).__name__}: {error}")

    people = [threading.Thread(target=person, args=(number,)) for number in range(sessions)]
    for each in people:
        each.start()
    for each in people:
        each.join()
    return tally


class training:
    """A training of the built-in model in the app's workspace, longer than anybody measures; ended on the way out.

    `with training(app) as steps:` gives a function that tells how many steps it has done.
    """

    def __init__(self, app: RunningApp) -> None:
        self._workspace = str(app.workspace)

    def __enter__(self) -> Callable[[], int]:
        from core.training import launch
        from core.training.plan.plan import Plan

        self._before = os.environ.get("BERTLAB_WORKSPACE")
        os.environ["BERTLAB_WORKSPACE"] = self._workspace
        plan = Plan(data="sample:reviews", text_column="text", label_column="label", name="Load", epochs=1000.0)
        self._run = launch(plan)
        deadline = time.monotonic() + 180
        while self._run.status().step < 1 and time.monotonic() < deadline:
            time.sleep(0.5)
        return lambda: self._run.status().step

    def __exit__(self, *error: object) -> None:
        self._run.request_stop()
        deadline = time.monotonic() + 120
        while self._run.status().is_active and time.monotonic() < deadline:
            time.sleep(0.5)
        if self._before is None:
            del os.environ["BERTLAB_WORKSPACE"]
        else:
            os.environ["BERTLAB_WORKSPACE"] = self._before


@dataclass
class Memory:
    """Resident bytes of the app: `before`, with one model open; in `samples` after each further model and its texts.

    `bound` is what is stated: `before`, and what models and traces may take.
    """

    tally: Tally
    before: int
    bound: int
    samples: list[int] = field(default_factory=list)


def many_models(
    app: RunningApp, folder: Path, write: Callable[[Path, int], None], *, models: int, texts: int
) -> Memory:
    """Somebody opens one model after another, which `write` puts there, each by a link, and looks at so many texts."""
    from core.explore.shared_traces import MOST_BYTES as MOST_OF_TRACES
    from core.models.shared import MOST_BYTES as MOST_OF_MODELS

    chance, tally = random.Random(0), Tally()
    with Session(app.port) as session:
        tally.ask(session, "inside-a-layer", "q0", followed="q0 sat")
    before = resident(app)
    found = Memory(tally, before, before + MOST_OF_MODELS + MOST_OF_TRACES)
    for number in range(models):
        place = folder / f"model-{number}"
        write(place, number)
        with Session(app.port) as session:
            for text in range(texts // models + (number < texts % models)):
                mark = f"m{number}x{text}"
                asked = {"followed": new_text(chance, 60, mark), "layer": str(text % 2)}
                tally.ask(session, "inside-a-layer", mark, **{"model": "other", "model-name": str(place)}, **asked)
        found.samples.append(resident(app))
        shutil.rmtree(place)
    return found


def resident(app: RunningApp) -> int:
    """Bytes of memory that the app's process holds."""
    return psutil.Process(app.process.pid).memory_info().rss


def base_sized() -> Callable[[Path, int], None]:
    """A function that writes a random BERT as large as BERT base (438 MB) with the built-in tokenizer: another for each
    number."""
    import torch
    from safetensors.torch import save_file
    from transformers import BertConfig, BertForMaskedLM

    from core.models.catalogue import BUILTIN_FOLDER

    network = BertForMaskedLM(BertConfig())
    shared = {"cls.predictions.decoder.weight", "cls.predictions.decoder.bias"}
    weights = {name: each for name, each in network.state_dict().items() if name not in shared}

    def write(folder: Path, number: int) -> None:
        folder.mkdir()
        for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
            shutil.copy(BUILTIN_FOLDER / name, folder)
        (folder / "config.json").write_text(
            json.dumps(network.config.to_dict() | {"architectures": ["BertForMaskedLM"]})
        )
        name = "bert.embeddings.LayerNorm.bias"
        own = weights | {name: torch.full_like(weights[name], number / 100)}
        save_file(own, folder / "model.safetensors", metadata={"format": "pt"})

    return write
