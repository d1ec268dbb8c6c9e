"""Many people at once, and many models one after another, at the real server: `tests.bench.load`, but small."""

from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from tests.bench._browser import fresh_app
from tests.bench.load import base_sized, many_models, many_sessions
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
    with fresh_app() as app:
        found = many_models(app, tmp_path, base_sized(), models=30, texts=500)
    assert not found.tally.problems
    assert max(found.samples) <= found.bound, [sample >> 20 for sample in found.samples]
