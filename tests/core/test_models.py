"""Opening models, and refusing those that are unsafe or unfit."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from core import LabError, agreement, fill_mask, open_model, tokenize, trace
from core.models import catalogue
from core.models.loading import ENCODER, MASKED_LM, SEQUENCE_CLASSIFICATION, load_for_training
from core.models.parts import parts_of
from tests.families import family_folder


@pytest.fixture
def folder(tiny_model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model that the test may damage."""
    return Path(shutil.copytree(tiny_model_folder, tmp_path / "model"))


def change_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_builtin_opens_in_fp32_with_its_head():
    model = open_model("builtin")
    assert (model.task, model.max_length, model.labels) == (MASKED_LM, 512, ())
    assert {each.dtype for each in model.network.parameters()} == {torch.float32}
    assert not model.network.training
    assert not any(each.requires_grad for each in model.network.parameters())


def test_a_local_folder_gives_the_same_answers_as_transformers(folder: Path):
    model = open_model(str(folder))
    oracle = transformers.AutoModelForMaskedLM.from_pretrained(folder).eval()
    encoded = model.encode("the cat sat on the mat", return_tensors="pt")
    with torch.no_grad():
        torch.testing.assert_close(model.network(**encoded).logits, oracle(**encoded).logits, atol=1e-5, rtol=1e-5)


def test_a_finished_run_opens_by_its_id_and_is_listed(folder: Path, workspace: Path):
    shutil.copytree(folder, workspace / "runs" / "run-1" / "model")
    assert open_model("run-1").task == MASKED_LM
    assert [(entry.reference, entry.is_run) for entry in catalogue.entries()] == [
        ("builtin", False),
        ("teaching", False),
        ("run-1", True),
    ]


def test_a_run_without_a_model_is_named(workspace: Path):
    (workspace / "runs" / "run-1").mkdir(parents=True)
    with pytest.raises(LabError, match="no trained model yet"):
        open_model("run-1")


def test_both_heads_of_pre_training_are_opened_and_masks_are_filled(tmp_path: Path):
    folder = family_folder("bert", "pre-training", tmp_path / "model")
    model = open_model(str(folder))
    assert model.task == MASKED_LM
    assert parts_of(model.network).next_sentence is not None
    oracle = transformers.FillMaskPipeline(
        model=transformers.BertForMaskedLM.from_pretrained(folder), tokenizer=model.tokenizer
    )
    best = fill_mask(model, "the cat [MASK]")[0][0]
    assert best == (oracle("the cat [MASK]")[0]["token_str"], pytest.approx(oracle("the cat [MASK]")[0]["score"]))


def test_F05_a_next_sentence_head_the_weights_do_not_hold_is_left_out(tmp_path: Path):
    folder = family_folder("bert", "pre-training", tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    save_file(
        {name: each for name, each in weights.items() if "seq_relationship" not in name},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    model = open_model(str(folder))
    assert model.task == MASKED_LM
    assert parts_of(model.network).next_sentence is None


def test_F05_a_head_the_weights_do_not_hold_is_not_pretended(folder: Path):
    weights = load_file(folder / "model.safetensors")
    encoder_only = {name: each for name, each in weights.items() if not name.startswith("cls.")}
    save_file(encoder_only, folder / "model.safetensors", metadata={"format": "pt"})
    model = open_model(str(folder))
    assert model.task == ENCODER
    assert parts_of(model.network).pooler is None  # nor a pooler with random weights


def test_F07_a_hub_model_that_cannot_be_fetched_is_named_with_what_is_at_hand(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(LabError, match="could not be fetched") as caught:
        open_model("bert-base-nobody-has")
    assert "builtin" in caught.value.remedy


@pytest.mark.parametrize(
    "reference",
    ["https://example.org/m", "s3://bucket/m", "../..x", "a/b/c", "*", "", "a b", "~nobody-here/x", "a" * 5000],
)
def test_C06_what_is_no_name_and_no_folder_is_refused_without_a_request(reference: str):
    with pytest.raises(LabError):
        open_model(reference)


def test_C09_pickled_weights_only_are_refused(folder: Path):
    torch.save({}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(LabError, match="only pickled weights"):
        open_model(str(folder))


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_C09_code_of_its_own_is_refused(folder: Path, file: str):
    path = folder / file
    path.write_text(json.dumps(json.loads(path.read_text()) | {"auto_map": {"AutoModel": "evil.Model"}}))
    with pytest.raises(LabError, match="program code"):
        open_model(str(folder))


def test_C09_an_odd_attention_implementation_is_refused(folder: Path):
    change_config(folder, _attn_implementation="somebody/kernel")
    with pytest.raises(LabError, match="attention code"):
        open_model(str(folder))


def test_other_families_are_refused(folder: Path):
    change_config(folder, model_type="gpt2")
    with pytest.raises(LabError, match="not BERT-like"):
        open_model(str(folder))


def test_damaged_weights_are_named(folder: Path):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(LabError, match="could not be opened"):
        open_model(str(folder))


def test_truncation_saved_inside_the_tokenizer_is_cleared(folder: Path):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.backend_tokenizer.enable_truncation(8)
    tokenizer.backend_tokenizer.enable_padding(length=8)
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    assert len(open_model(str(folder)).encode("the cat " * 30)["input_ids"]) == 62


def test_a_network_for_training_has_a_fresh_head_with_the_labels(folder: Path):
    network, _ = load_for_training(str(folder), task=SEQUENCE_CLASSIFICATION, labels=("no", "yes", "maybe"))
    assert network.config.id2label == {0: "no", 1: "yes", 2: "maybe"}
    assert network.config.label2id == {"no": 0, "yes": 1, "maybe": 2}
    assert network.classifier.out_features == 3
    network.save_pretrained(folder / "saved")
    transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(folder / "saved")
    assert open_model(str(folder / "saved")).labels == ("no", "yes", "maybe")


@pytest.mark.parametrize("setting", ["is_decoder", "add_cross_attention"])
def test_a_decoder_is_refused(folder: Path, setting: str):
    change_config(folder, **{setting: True})
    with pytest.raises(LabError, match="decoder"):
        open_model(str(folder))


def test_settings_that_change_no_number_change_no_answer(folder: Path):
    def look() -> torch.Tensor:
        model = open_model(str(folder))
        t = trace(model, tokenize(model, "the cat sat on the mat"))
        assert max(agreement(t).values()) <= 1e-5
        return t["mlm.logits"]

    before = look()
    change_config(folder, return_dict=False, chunk_size_feed_forward=1)
    torch.testing.assert_close(look(), before)


def test_a_pair_for_a_model_of_one_segment_and_padding_without_a_token_are_refused(folder: Path):
    model = open_model(str(folder))
    cat, long = tokenize(model, "the cat"), tokenize(model, "the cat sat on the mat")
    model.tokenizer.pad_token = None
    assert trace(model, cat)
    for refused in (lambda: trace(model, cat, padding=2), lambda: trace(model, [cat, long])):
        with pytest.raises(LabError, match="no padding token"):
            refused()
    model.config.type_vocab_size = 1
    with pytest.raises(LabError, match="one segment"):
        trace(model, tokenize(model, "the cat", "the dog"))
