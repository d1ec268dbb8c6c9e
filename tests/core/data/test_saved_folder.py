"""Data sets that the `datasets` library saved, and those of its Hub: classes by name, no code run, no network here."""

import errno
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import datasets
import pyarrow as pa
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from core.data import limits
from core.data.reading.read_table import ReadOptions
from core.data.sources import hub
from core.data.sources.references import display_name, find_source, open_table
from core.data.sources.uploads import store_upload
from core.errors import LabError

ROOT = Path(__file__).resolve().parents[3]
FEATURES = Features({"text": Value("string"), "label": ClassLabel(names=["neg", "pos"])})


@pytest.fixture(autouse=True)
def _no_bars():
    datasets.disable_progress_bars()


def one(texts=("good", "bad", "NA"), labels=(1, 0, 1)):
    return Dataset.from_dict({"text": list(texts), "label": list(labels)}, features=FEATURES)


def rows(table):
    return list(zip(*(table[name] for name in table.columns), strict=True))


def save(data, path):
    data.save_to_disk(str(path))
    return path


def test_a_data_set_opens_by_its_folder(tmp_path):
    path = save(one(), tmp_path / "mine")
    table = open_table(f"folder:{path}")
    assert rows(table) == [("good", "pos"), ("bad", "neg"), ("NA", "pos")]
    assert (table.name, table.columns) == ("mine", ("text", "label"))
    assert table.options == ReadOptions(format="folder", split="")
    assert table.notices == ()
    for source in (str(path), path):
        assert open_table(source).data.equals(table.data)
    assert open_table(path, options=table.options).data.equals(table.data)
    assert display_name(f"folder:{path}") == "mine"


def test_a_folder_may_be_named_from_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    save(one(), tmp_path / "mine")
    assert len(open_table("folder:~/mine")) == 3
    with pytest.raises(LabError, match="no file"):
        open_table("folder:~/other")


def test_splits_stand_below_one_another_or_one_is_chosen(tmp_path):
    data = DatasetDict(train=one(), validation=one(["x"], [0]), test=one(["y", "z"], [-1, None]))
    path = save(data, tmp_path / "parts")
    table = open_table(f"folder:{path}")
    assert table.columns == ("text", "label", "split")
    assert rows(table)[2:] == [
        ("NA", "pos", "train"),
        ("x", "neg", "validation"),
        ("y", "", "test"),
        ("z", "", "test"),
    ]
    assert table.notices == (
        "The data set has the splits 'train' (3 rows), 'validation' (1 row), 'test' (2 rows); "
        "the column 'split' tells them apart.",
        "Column 'label': 2 rows have no label (-1); their cells are empty.",
    )
    test = open_table(f"folder:{path}", options=ReadOptions(split="test"))
    assert test.columns == ("text", "label")
    assert test["text"] == ["y", "z"]
    assert test.parts == table.parts == ("train", "validation", "test")
    assert test.options.split == "test"
    assert test.content_hash != table.content_hash
    with pytest.raises(LabError, match=r"no split 'dev'.*'train', 'validation', 'test'"):
        open_table(path, options=ReadOptions(split="dev"))


def test_every_kind_of_column_becomes_text(tmp_path):
    features = Features(
        {
            "tokens": List(Value("string")),
            "tags": List(ClassLabel(names=["O", "B-PER"])),
            "n": Value("int64"),
            "x": Value("float32"),
            "yes": Value("bool"),
            "split": Value("string"),
            "object": {"a": Value("int8")},
        }
    )
    values = {
        "tokens": [["EU", "é"], None],
        "tags": [[1, 0], [-1]],
        "n": [2**60, None],
        "x": [0.5, 2.0],
        "yes": [True, False],
        "split": ["mine", "too"],
        "object": [{"a": 1}, None],
    }
    data = Dataset.from_dict(values, features=features)
    table = open_table(save(DatasetDict(a=data, b=data.remove_columns("n")), tmp_path / "all"))
    assert table.columns == ("tokens", "tags", "n", "x", "yes", "split", "object", "split_2")
    assert rows(table)[0] == ('["EU", "é"]', '["B-PER", "O"]', str(2**60), "0.5", "true", "mine", '{"a": 1}', "a")
    assert rows(table)[3][:4] == ("", '[""]', "", "2")
    assert "Column 'n': 3 missing or null values became empty cells." in table.notices
    assert "Column 'tags' holds lists or objects; they are kept as JSON text." in table.notices


def test_a_column_that_only_a_later_split_has_starts_with_empty_cells(tmp_path):
    more = one(["x"], [0]).add_column("note", ["late"])
    table = open_table(save(DatasetDict(train=one(), test=more), tmp_path / "later"))
    assert table.columns == ("text", "label", "note", "split")
    assert table["note"] == ["", "", "", "late"]
    assert "Column 'note': 3 missing or null values became empty cells." in table.notices


def test_the_hash_is_that_of_the_cells(tmp_path):
    whole = open_table(save(one(["a", "b", "c", "d"], [0, 1, 0, 1]), tmp_path / "one"))
    shards = tmp_path / "shards"
    one(["a", "b", "c", "d"], [0, 1, 0, 1]).save_to_disk(str(shards), num_shards=3)
    assert open_table(shards).content_hash == whole.content_hash
    other = open_table(save(one(["ab", "", "c", "d"], [0, 1, 0, 1]), tmp_path / "other"))
    assert other.content_hash != whole.content_hash


def test_selected_and_shuffled_rows_come_in_their_order(tmp_path):
    data = one(map(str, range(10_000)), [0] * 10_000).shuffle(seed=1).select(range(9_000))
    assert open_table(save(data, tmp_path / "some"))["text"] == data["text"][:]


def test_pictures_are_left_out_by_name(tmp_path):
    features = Features({"text": Value("string"), "picture": datasets.Image()})
    data = Dataset(pa.table({"text": ["a"], "picture": [{"bytes": b"x", "path": None}]}, schema=features.arrow_schema))
    read = open_table(save(data, tmp_path / "pictures"))
    assert read.columns == ("text",)
    assert "Column 'picture' holds pictures, sounds or the like and was left out." in read.notices


def test_A10_a_data_set_without_rows(tmp_path):
    with pytest.raises(LabError, match="no rows"):
        open_table(save(one([], []), tmp_path / "none"))


def test_A12_A14_limits_hold_here_too(tmp_path, monkeypatch):
    path = save(one(["x" * 2000] * 10, [0] * 10), tmp_path / "large")
    monkeypatch.setattr(limits, "MAX_CELL_CHARACTERS", 1000)
    with pytest.raises(LabError, match="1,000 characters: row 1, column 'text'"):
        open_table(path)
    monkeypatch.setattr(limits, "MAX_CONTENT_BYTES", 15_000)
    with pytest.raises(LabError, match="limit of 15,000 bytes"):
        open_table(path)
    monkeypatch.setattr(limits, "MAX_ROWS", 5)
    monkeypatch.setattr(limits, "MAX_CONTENT_BYTES", 10**6)
    with pytest.raises(LabError, match="limit of 5 rows"):
        open_table(path)


def test_A16_damaged_and_foreign_folders_are_refused(tmp_path):
    path = save(one(), tmp_path / "damaged")
    for file in ("data-00000-of-00001.arrow", "state.json", "dataset_info.json"):
        copy = tmp_path / f"without-{file}"
        shutil.copytree(path, copy)
        (copy / file).write_bytes((copy / file).read_bytes()[:40])
        with pytest.raises(LabError, match="no sound data set"):
            open_table(copy)
    (tmp_path / "other").mkdir()
    for reference in (f"folder:{tmp_path / 'other'}", "folder:", f"folder:{tmp_path / 'missing'}"):
        with pytest.raises(LabError):
            open_table(reference)


def test_a_file_is_no_folder():
    with pytest.raises(LabError, match="not the folder"):
        open_table(b"a,b\n1,2\n", options=ReadOptions(format="folder"))


def test_a_class_without_a_name_is_refused(tmp_path):
    path = save(one(), tmp_path / "classes")
    info = json.loads((path / "dataset_info.json").read_text())
    info["features"]["label"]["names"] = ["neg"]
    (path / "dataset_info.json").write_text(json.dumps(info))
    with pytest.raises(LabError, match=r"no sound data set|the class 1"):
        open_table(path)


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize(
    "name",
    [
        "http://example.org/a",
        "https://example.org",
        "s3://bucket/a",
        "hf://datasets/a/b",
        "*",
        "a/*",
        "../a",
        "a/../b",
        "/etc",
        "a/b/c/d",
        "a\0b",
        "",
        " ",
        "a--b",
        "a@main",
        "zip://a::b",
        "x" * 500,
    ],
)
def test_C06_only_names_are_looked_up(no_network, name):
    for function in (find_source, display_name, open_table):
        with pytest.raises(LabError, match="no name of a data set"):
            function(f"hub:{name}")


@pytest.mark.parametrize(
    "reference", ["folder:http://example.org", "folder:s3://bucket/a", "folder:*", "folder:hf://datasets/a/b"]
)
def test_C06_a_folder_is_one_of_this_machine(no_network, reference):
    with pytest.raises(LabError):
        open_table(reference)


@pytest.mark.parametrize("name", ["imdb", "dair-ai/emotion", "glue/cola", "nyu-mll/glue/cola"])
def test_F07_without_a_network_it_says_what_is_here(name, no_network):
    store_upload(b"text,label\na,b\n", "mine.csv")
    with pytest.raises(LabError, match=f"“{name}” could not be fetched from the Hub") as caught:
        open_table(f"hub:{name}")
    assert "“sample:reviews”" in caught.value.remedy
    assert "“mine.csv”" in caught.value.remedy


def test_F07_a_hub_that_does_not_answer_is_asked_once(monkeypatch):
    import huggingface_hub

    asked = []

    def head(address, timeout):
        asked.append(address)
        raise TimeoutError

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub, "get_session", lambda: SimpleNamespace(head=head))
    with pytest.raises(LabError, match="could not be fetched"):
        open_table("hub:imdb")
    assert asked == [huggingface_hub.constants.ENDPOINT]


class Builder:
    """Stands for what the library gives for a name of the Hub."""

    def __init__(self, data, files=("hf://datasets/a/b@1/train.parquet",), size=10):
        self.data, self.prepared = data, 0
        self.config = SimpleNamespace(data_files={"train": list(files)})
        self.info = SimpleNamespace(dataset_size=size, download_size=size)

    def download_and_prepare(self):
        self.prepared += 1

    def as_dataset(self):
        return self.data


def stand_in(monkeypatch, known, kind="parquet"):
    """Let the library know these names; returns the list of what was asked for."""
    asked = []
    type_ = type("Parquet", (Builder,), {"__module__": f"datasets.packaged_modules.{kind}.{kind}"})

    def load(address, part=None, **options):
        asked.append((address, part, *options))
        value = known.get((address.removeprefix("hf://datasets/"), part))
        if value is None:
            raise datasets.exceptions.DatasetNotFoundError("none")
        if isinstance(value, Exception):
            raise value
        return type_(*value) if isinstance(value, tuple) else type_(value)

    monkeypatch.setattr(datasets, "load_dataset_builder", load)
    return asked


def test_a_name_is_fetched_once_and_then_opens_without_a_network(monkeypatch):
    asked = stand_in(monkeypatch, {("dair-ai/emotion", None): DatasetDict(train=one(), test=one(["x"], [0]))})
    assert hub.fetched() == ()
    table = open_table("hub:dair-ai/emotion")
    assert (len(table), table.name, table.columns) == (4, "dair-ai/emotion", ("text", "label", "split"))
    assert open_table("hub:dair-ai/emotion").data.equals(table.data)
    assert asked == [("hf://datasets/dair-ai/emotion", None)]
    assert hub.fetched() == ("dair-ai/emotion",)
    assert [path.name for path in find_source("hub:dair-ai/emotion").parent.iterdir()] == ["dair-ai--emotion"]


def test_a_fetched_data_set_can_be_deleted_and_fetched_again(monkeypatch):
    stand_in(monkeypatch, {("dair-ai/emotion", None): one(), ("imdb", None): one()})
    open_table("hub:dair-ai/emotion")
    open_table("hub:imdb")
    folder = find_source("hub:imdb").parent
    (folder / "dair-ai--emotion").rename(folder / ".removing-dair-ai--emotion")  # a removal that was cut short
    assert hub.fetched() == ("imdb",)
    hub.delete("imdb")
    assert hub.fetched() == ()
    assert [path.name for path in folder.iterdir()] == [".removing-dair-ai--emotion"]
    for name in ("imdb", "dair-ai/emotion", "../uploads"):
        with pytest.raises(LabError):
            hub.delete(name)
    assert len(open_table("hub:imdb")) == 3


@pytest.mark.parametrize(
    ("number", "says", "remedy"),
    [(errno.ENOSPC, "disk is full", "Make room"), (errno.EROFS, "can only be read", "BERTLAB_WORKSPACE")],
)
@pytest.mark.parametrize("when", ["while it is downloaded", "while it is stored", "before"])
def test_D04_what_the_disk_does_not_take_is_said_by_its_cause(monkeypatch, number, says, remedy, when):
    problem = OSError(number, os.strerror(number))

    def fail(*arguments, **options):
        raise problem

    stand_in(monkeypatch, {("imdb", None): one()})
    if when == "while it is downloaded":
        monkeypatch.setattr(Builder, "download_and_prepare", fail)
    elif when == "while it is stored":
        monkeypatch.setattr(Dataset, "save_to_disk", fail)
    else:
        monkeypatch.setattr(hub.tempfile, "TemporaryDirectory", fail)
    with pytest.raises(LabError, match=says) as caught:
        open_table("hub:imdb")
    assert remedy in caught.value.remedy
    assert hub.fetched() == ()


@pytest.mark.parametrize("name", ["csv", "text", "json", "parquet", "imagefolder"])
def test_C06_the_name_of_a_format_opens_no_file_of_this_folder(name, tmp_path, monkeypatch, no_network):
    (tmp_path / "train.csv").write_text("text,label\na,b\n")
    (tmp_path / "train.txt").write_text("a\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LabError):
        open_table(f"hub:{name}")
    assert hub.fetched() == ()


def test_a_part_stands_behind_the_name(monkeypatch):
    asked = stand_in(monkeypatch, {("glue", "cola"): one(), ("nyu-mll/glue", "cola"): one()})
    assert len(open_table("hub:glue/cola")) == 3
    assert asked == [("hf://datasets/glue/cola", None), ("hf://datasets/glue", "cola")]
    assert len(open_table("hub:nyu-mll/glue/cola")) == 3
    assert asked[2:] == [("hf://datasets/nyu-mll/glue", "cola")]


def test_csv_files_keep_their_words(monkeypatch):
    asked = stand_in(monkeypatch, {("a/b", None): one()}, kind="csv")
    open_table("hub:a/b")
    assert asked[-1] == ("hf://datasets/a/b", None, "keep_default_na")


@pytest.mark.parametrize(
    ("value", "kind", "match"),
    [
        (None, "parquet", "no public data set called “a/b”"),
        (RuntimeError("Dataset scripts are no longer supported, but found b.py"), "parquet", "a program of its own"),
        (ValueError("Config name is missing. Please pick one among: ['cola', 'sst2']"), "parquet", "parts: cola, sst2"),
        (ConnectionError("Couldn't reach"), "parquet", "could not be fetched"),
        (TypeError("odd"), "parquet", "cannot be opened: odd"),
        (one(), "webdataset", "files of the kind 'webdataset'"),
        (one(), "pandas", "files of the kind 'pandas'"),
        ((one(), ["https://example.org/a.csv"]), "csv", "outside the Hub"),
        ((one(), ["hf://datasets/a"], 2_000_000_000), "csv", "limit of 1 GB"),
    ],
)
def test_what_cannot_be_had_is_said_and_nothing_kept(monkeypatch, value, kind, match):
    stand_in(monkeypatch, {("a/b", None): value} if value is not None else {}, kind)
    with pytest.raises(LabError, match=match):
        open_table("hub:a/b")
    assert hub.fetched() == ()


def test_reading_other_files_loads_no_library_for_it():
    code = "import sys; from core.data.sources.references import open_table; open_table('sample:reviews');"
    code += "print([name for name in ('datasets', 'pandas', 'huggingface_hub') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
