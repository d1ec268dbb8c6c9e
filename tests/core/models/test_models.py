"""Opening models, and refusing those that are unsafe or unfit."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from core import LabError, agreement, fill_mask, open_model, tokenize, trace
from core.models import catalogue, loading
from core.models.labels import label_names
from core.models.loading import (
    ENCODER,
    MASKED_LM,
    SEQUENCE_CLASSIFICATION,
    TOKEN_CLASSIFICATION,
    load_for_training,
    with_attention,
)
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


def test_other_attention_over_the_same_weights_is_what_transformers_makes_of_them(folder: Path):
    eager = open_model(str(folder))
    sdpa = with_attention(eager, "sdpa")
    oracle = transformers.AutoModelForMaskedLM.from_pretrained(folder, attn_implementation="sdpa").eval()
    assert (eager.attention, sdpa.attention) == ("eager", "sdpa")
    assert with_attention(eager, "eager") is eager
    pointers = [{each.data_ptr() for each in model.network.parameters()} for model in (eager, sdpa)]
    assert pointers[0] == pointers[1]
    encoded = sdpa.encode("the cat sat on the mat", return_tensors="pt")
    with torch.no_grad():
        assert torch.equal(sdpa.network(**encoded).logits, oracle(**encoded).logits)
        assert eager.network(**encoded, output_attentions=True).attentions
    assert sdpa._lock is eager._lock  # one tokenizer, one lock


def test_G11_files_that_change_while_they_are_read_are_read_again(folder: Path, tmp_path: Path, monkeypatch):
    other = family_folder("bert", "encoder", tmp_path / "other")
    load = loading._load_tokenizer

    def replaced_before_the_tokenizer(path: Path) -> transformers.PreTrainedTokenizerFast:
        if other.is_dir():
            shutil.rmtree(path)
            other.rename(path)
        return load(path)

    monkeypatch.setattr(loading, "_load_tokenizer", replaced_before_the_tokenizer)
    model = open_model(str(folder))
    assert (model.task, model.config.hidden_size, model.max_length) == (ENCODER, 24, 80)  # wholly the second one


def test_G11_files_that_never_stop_changing_are_named(folder: Path, monkeypatch):
    load = loading._load_tokenizer

    def changed(path: Path) -> transformers.PreTrainedTokenizerFast:
        tokenizer = load(path)
        settings = json.loads((path / "config.json").read_text())
        change_config(path, note=settings.get("note", 0) + 1)
        return tokenizer

    monkeypatch.setattr(loading, "_load_tokenizer", changed)
    with pytest.raises(LabError, match="keep changing"):
        open_model(str(folder))


OVERWRITTEN = """
import sys, torch
from pathlib import Path
from core import open_model, tokenize, trace
folder = Path(sys.argv[1])
model = open_model(str(folder))
before = trace(model, tokenize(model, "the cat sat"))["mlm.logits"]
weights = folder / "model.safetensors"
content = weights.read_bytes()
with weights.open("r+b") as file:
    file.seek(len(content) // 2)
    file.write(bytes(len(content) // 2))
assert torch.equal(trace(model, tokenize(model, "the cat sat"))["mlm.logits"], before)
weights.open("wb").close()
assert torch.equal(trace(model, tokenize(model, "the cat sat"))["mlm.logits"], before)
"""


def test_G11_an_open_model_outlives_its_file_being_overwritten_in_place(folder: Path):
    """In a process of its own: were the file mapped into memory, a shortened one would end it with a bus error."""
    done = subprocess.run([sys.executable, "-c", OVERWRITTEN, str(folder)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


LABELS = {
    "from 1": ({"1": "no", "2": "yes", "3": "maybe"}, ("no", "yes", "maybe"), "numbered 1, 2, 3"),
    "gaps, as many as answers": ({"0": "no", "4": "maybe", "2": "yes"}, ("no", "yes", "maybe"), "numbered 0, 2, 4"),
    "gaps, fewer": ({"0": "no", "2": "maybe"}, ("no", "LABEL_1", "maybe"), "names 2 labels and answers with 3"),
    "more": ({"0": "a", "1": "b", "2": "c", "3": "d"}, ("a", "b", "c"), "names 4 labels and answers with 3"),
    "null": ({"0": "no", "1": None, "2": "maybe"}, ("no", "LABEL_1", "maybe"), "have no name"),
    "blank": ({"0": "no", "1": " ", "2": "maybe"}, ("no", "LABEL_1", "maybe"), "have no name"),
    "duplicates": ({"0": "no", "1": "yes", "2": "no"}, ("no", "yes", "no (2)"), "the same name"),
    "numbers": ({"0": 0, "1": 1, "2": 2}, ("0", "1", "2"), None),
    "none": (None, ("LABEL_0", "LABEL_1", "LABEL_2"), None),
    "as usual": ({"0": "no", "1": "yes", "2": "maybe"}, ("no", "yes", "maybe"), None),
}


@pytest.mark.parametrize("case", LABELS)
@pytest.mark.parametrize("head", [SEQUENCE_CLASSIFICATION, TOKEN_CLASSIFICATION])
def test_G06_labels_are_named_in_words_however_they_are_numbered(tmp_path: Path, head: str, case: str):
    written, names, notice = LABELS[case]
    folder = family_folder("bert", head, tmp_path / "model")
    change_config(folder, id2label=written, label2id=None)
    model = open_model(str(folder))
    assert (model.task, model.labels) == (head, names)
    assert model.config.id2label == dict(enumerate(names))
    assert model.config.label2id == {name: place for place, name in enumerate(names)}
    assert model.network(**model.encode("the cat", return_tensors="pt")).logits.shape[-1] == 3
    if notice is None:
        assert not model.notices
    else:
        assert len(model.notices) == 1
        assert notice in model.notices[0]


@pytest.mark.parametrize("family", ["distilbert", "roberta", "electra", "albert"])
def test_G06_every_family_counts_its_answers(tmp_path: Path, family: str):
    folder = family_folder(family, "sequence-classification", tmp_path / "model")
    change_config(folder, id2label={"1": "no", "2": "yes", "3": "maybe"})
    assert open_model(str(folder)).labels == ("no", "yes", "maybe")
    change_config(folder, id2label={"0": "no"})
    assert open_model(str(folder)).labels == ("no", "LABEL_1", "LABEL_2")


@pytest.mark.parametrize("written", [["no", "yes"], "no", 3, {"no": 0, "yes": 1}, {"0.5": "no"}, {"": "no"}])
def test_G06_labels_without_numbers_are_refused_in_words(tmp_path: Path, written: object):
    folder = family_folder("bert", "sequence-classification", tmp_path / "model")
    change_config(folder, id2label=written)
    with pytest.raises(LabError, match="are not numbered"):
        open_model(str(folder))
    with pytest.raises(LabError, match="are not numbered"):
        load_for_training(str(folder), task=SEQUENCE_CLASSIFICATION, labels=("no", "yes"))


@given(
    st.dictionaries(st.integers(-2, 8).map(str), st.sampled_from(["a", "b", "a (1)", "LABEL_1", "", None, 1])),
    st.integers(1, 8),
)
def test_G06_names_are_as_many_as_answers_and_all_different(written: dict, count: int):
    names, _ = label_names(written, count)
    assert len(names) == len(set(names)) == count
    assert all(names)
