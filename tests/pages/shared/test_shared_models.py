"""What pages show of a model whose files change, or whose labels are numbered oddly."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from tests.families import family_folder
from tests.pages.conftest import words_on


def _double(folder: Path, name: str) -> None:
    """Other weights under the same configuration."""
    weights = load_file(folder / "model.safetensors")
    save_file(weights | {name: weights[name] * 2 + 1}, folder / "model.safetensors", metadata={"format": "pt"})


def test_G11_a_page_shows_the_weights_that_are_there_now(open_page, tiny_model_folder: Path, workspace: Path):
    folder = Path(shutil.copytree(tiny_model_folder, workspace / "runs" / "run-1" / "model"))
    app = open_page("explore/fill_mask/page.py", model="run-1", sentence="the [MASK] sat")
    before = app.dataframe[0].value
    assert not app.exception
    _double(folder, "bert.encoder.layer.1.output.dense.weight")
    app.run()
    assert not app.exception
    assert not app.dataframe[0].value.equals(before)


@pytest.mark.parametrize("page", ["tokens", "anatomy", "inside_a_layer", "attention", "embeddings", "fill_mask"])
def test_G06_a_classifier_whose_labels_start_at_1_opens_everywhere(open_page, tmp_path: Path, page: str):
    folder = family_folder("bert", "sequence-classification", tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"id2label": {"1": "no", "2": "yes", "3": "maybe"}}))
    app = open_page(f"explore/{page}/page.py", **{"model": "other", "model-name": str(folder)})
    assert not app.exception
    assert "numbered 1, 2, 3" in words_on(app)


def test_G06_labels_without_numbers_are_told_in_words(open_page, tmp_path: Path):
    folder = family_folder("bert", "sequence-classification", tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"id2label": ["no", "yes", "maybe"]}))
    app = open_page("explore/attention/page.py", **{"model": "other", "model-name": str(folder)})
    assert not app.exception
    assert "are not numbered" in words_on(app)
