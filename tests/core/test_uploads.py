"""Uploads keep their content under its hash; references open local files and nothing else."""

import hashlib
import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.data import limits
from core.data.reading import read_table
from core.data.sample_sets import samples
from core.data.uploads import delete_upload, display_name, find_source, find_upload, list_uploads, store_upload
from core.errors import LabError

CONTENT = b"text,label\na,x\nb,y\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("BERTLAB_WORKSPACE", str(tmp_path / "workspace"))
    return tmp_path / "workspace" / "uploads"


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_an_upload_is_kept_and_read(folder):
    upload = store_upload(CONTENT, "My data.csv")
    assert upload.id == hashlib.sha256(CONTENT).hexdigest()
    assert upload.path == folder / upload.id / "content.csv"
    assert upload.path.read_bytes() == CONTENT
    assert upload.size_bytes == len(CONTENT)
    assert json.loads((folder / upload.id / "meta.json").read_text())["name"] == "My data.csv"
    assert list_uploads() == (upload,)
    table = read_table(upload.reference)
    assert table.name == "My data.csv"
    assert table.content_hash == upload.id
    assert find_source(upload.reference) == upload.path


@pytest.mark.parametrize("name", ["Book.XLSX", "s.conll", "s.iob2.gz"])
def test_the_ending_is_kept_for_every_format(folder, name):
    upload = store_upload(CONTENT, name)
    assert upload.path == folder / upload.id / f"content.{name.lower().partition('.')[2]}"
    assert list_uploads() == (upload,)


def test_the_same_content_is_one_upload_with_the_newest_name(folder):
    store_upload(CONTENT, "first.bin")
    upload = store_upload(CONTENT, "second.csv")
    assert list_uploads() == (upload,)
    assert (upload.name, upload.path.name) == ("second.csv", "content.csv")
    assert [path.name for path in folder.iterdir()] == [upload.id]


def test_an_incomplete_upload_is_not_listed_and_is_mended(folder):
    broken = folder / hashlib.sha256(CONTENT).hexdigest()
    broken.mkdir(parents=True)
    (broken / "content.csv").write_bytes(CONTENT[:3])
    (folder / "stranger").mkdir()
    assert list_uploads() == ()
    assert store_upload(CONTENT, "a.csv").path.read_bytes() == CONTENT


def test_many_at_once_store_one():
    with ThreadPoolExecutor(8) as pool:
        uploads = list(pool.map(lambda n: store_upload(CONTENT, "a.csv"), range(40)))
    assert len(set(uploads)) == 1
    assert list_uploads() == (uploads[0],)
    assert [path.name for path in uploads[0].path.parent.parent.iterdir()] == [uploads[0].id]


def test_delete():
    upload = store_upload(CONTENT, "a.csv")
    delete_upload(upload.id)
    assert list_uploads() == ()
    with pytest.raises(LabError):
        delete_upload(upload.id)


def test_empty_and_large_content_is_refused_and_not_kept(monkeypatch):
    with pytest.raises(LabError, match="empty"):
        store_upload(b"", "a.csv")
    monkeypatch.setattr(limits, "MAX_FILE_BYTES", 10)
    with pytest.raises(LabError, match="limit is 10 bytes"):
        store_upload(CONTENT, "a.csv")
    assert list_uploads() == ()


@pytest.mark.parametrize(
    "name",
    [
        "../../evil.csv",
        "..\\evil.csv",
        "/etc/passwd",
        "a\0b.csv",
        "x" * 400 + ".csv",
        "caf\udce9.csv",
        "",
        ".csv",
        "a.exe",
    ],
)
def test_C03_hostile_names_are_only_displayed(folder, name):
    upload = store_upload(CONTENT, name)
    assert upload.name == name
    assert upload.path.parent == folder / upload.id
    assert upload.path.name in ("content.csv", "content")
    assert [path.name for path in folder.iterdir()] == [upload.id]
    assert find_upload(upload.id) == upload


@pytest.mark.parametrize(
    "identity", ["..", "../..", "%2e%2e", "a" * 63, "A" * 64, "g" * 64, "a" * 64 + "\n", "", "a" * 64]
)
def test_C04_only_an_id_that_exists_is_found(identity):
    with pytest.raises(LabError, match="no upload"):
        find_source(f"upload:{identity}")


@pytest.mark.parametrize(
    "reference",
    [
        "http://example.org/a.csv",
        "https://example.org/a.csv",
        " HTTPS://example.org/a.csv",
        "s3://bucket/a.csv",
        "hf://datasets/a/b.csv",
        "gs://bucket/a",
        "file:///etc/passwd",
        "ftp:example.org",
        "zip://a.csv::http://example.org/a.zip",
        "//example.org/share/a.csv",
        "\\\\example.org\\share\\a.csv",
        "data:text/csv,a",
        "*.csv",
        "data/**/a?.csv",
        "[ab].csv",
        "{a,b}.csv",
    ],
)
def test_C06_addresses_and_patterns_are_refused_without_a_request(no_network, reference):
    for function in (find_source, display_name, read_table):
        with pytest.raises(LabError):
            function(reference)


@pytest.mark.parametrize(
    "reference", ["", "a\0b", "x" * 5000, "missing.csv", "sample:none", "sample:../reviews", "upload:"]
)
def test_what_is_not_there_is_said(reference):
    with pytest.raises(LabError):
        find_source(reference)


def test_a_folder_is_not_a_file(tmp_path):
    with pytest.raises(LabError, match="not a file"):
        read_table(str(tmp_path))


def test_odd_but_real_file_names_open(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("data [1].csv", "what?.csv", "notes: new.csv"):
        (tmp_path / name).write_bytes(CONTENT)
        assert len(read_table(name)) == 2


def test_samples_are_found():
    for sample in samples():
        assert find_source(sample.reference) == sample.path
