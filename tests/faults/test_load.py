"""Many people at once, and many models one after another, at the real server: `tests.bench.load`, but small."""

import gc
import random
import shutil
import threading
from pathlib import Path

import psutil
import pytest
from safetensors.torch import load_file, save_file

from core import tokenize
from core.explore import shared_traces
from core.models import shared
from tests.bench._browser import fresh_app
from tests.bench.load import base_sized, many_models, many_sessions, new_text
from tests.families import family_folder


def _tiny(folder: Path, number: int) -> None:
    family_folder("bert", "masked-lm", folder)
    weights = load_file(folder / "model.safetensors")
    name = "bert.embeddings.LayerNorm.bias"
    save_file(weights | {name: weights[name] + number}, folder / "model.safetensors", metadata={"format": "pt"})


def test_F06_I05_people_at_once_get_their_own_answers_and_models_come_and_go(tmp_path: Path):
    with fresh_app() as app:
        tally = many_sessions(app.port, sessions=4, seconds=8, pause=(0.1, 0.3))
        assert not tally.problems, app.log_tail(200)
        assert len(tally.seconds) >= 4
        found = many_models(app, tmp_path, _tiny, models=3, texts=7)
        assert not found.tally.problems
        assert (len(found.tally.seconds), len(found.samples)) == (8, 3)
        assert max(found.samples) <= found.bound
        assert "Traceback" not in app.log.read_text(errors="replace")


@pytest.mark.slow
def test_I05_thirty_models_and_five_hundred_texts_stay_within_the_stated_bound(tmp_path: Path):
    """What is kept, in this process; each text in a thread of its own, as a page is. Sessions of an app come on top."""
    write, chance = base_sized(), random.Random(0)
    gc.collect()
    before = psutil.Process().memory_info().rss
    after = []

    def look(folder: Path, text: str) -> None:
        model = shared.open_shared(str(folder))
        t = shared_traces.shared_trace(model, tokenize(model, text))
        for name in ("probabilities", "output_sum"):
            t[f"layer.0.{name}"]

    for number in range(30):
        folder = tmp_path / str(number)
        write(folder, number)
        for text in range(16 + (number < 20)):
            one = threading.Thread(target=look, args=(folder, new_text(chance, 60, f"m{number}x{text}")))
            one.start()
            one.join()
        shutil.rmtree(folder)
        after.append(psutil.Process().memory_info().rss - before)
    assert max(after) <= shared.MOST_BYTES + shared_traces.MOST_BYTES, [each >> 20 for each in after]
