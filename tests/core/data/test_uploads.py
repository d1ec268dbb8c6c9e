"""Uploads keep their content under its hash; references open local files and nothing else."""

import errno
import hashlib
import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.data import limits
from core.data.reading.detection import FORMAT_OF_SUFFIX
from core.data.sources import uploads
from core.data.sources.references import display_name, find_source, open_table
from core.data.sources.sample_sets import samples
from core.data.sources.uploads import delete_upload, find_upload, list_uploads, store_upload
from core.errors import LabError
from core.workspace import write_atomically

CONTENT = b"text,label\na,x\nb,y\n"
LINES = b"a good film\na bad film\ntoo long\n"  # as CSV, the first names the column; as plain text, it is a row


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
    table = open_table(upload.reference)
    assert table.name == "My data.csv"
    assert table.content_hash == upload.id
    assert find_source(upload.reference) == upload.path


@pytest.mark.parametrize("name", ["Book.XLSX", "s.conll", "s.iob2.gz"])
def test_the_ending_is_kept_for_every_format(folder, name):
    upload = store_upload(CONTENT, name)
    assert upload.path == folder / upload.id / f"content.{name.lower().partition('.')[2]}"
    assert list_uploads() == (upload,)


def test_the_same_content_is_one_upload_with_the_newest_name(folder):
    store_upload(CONTENT, "first.CSV.gz")
    upload = store_upload(CONTENT, "second.csv")
    assert list_uploads() == (upload,)
    assert (upload.name, upload.path.name) == ("second.csv", "content.csv.gz")
    assert [path.name for path in folder.iterdir()] == [upload.id]


def test_I02_the_same_bytes_under_two_kinds_of_names_are_two_uploads(folder):
    """An upload's reference reads the same rows for whoever opens it, whatever is uploaded later."""
    one = store_upload(LINES, "lines.csv")
    before = open_table(one.reference)
    two = store_upload(LINES, "lines.txt")
    assert {each.reference: each.name for each in list_uploads()} == {
        one.reference: "lines.csv", two.reference: "lines.txt"
    }  # fmt: skip
    again, other = open_table(one.reference), open_table(two.reference)
    assert (again.columns, len(again), again.options) == (("a good film",), 2, before.options)
    assert (other.options.format, len(other)) == ("txt", 3)
    assert other.data.equals(open_table(LINES, name="lines.txt").data)
    assert (again.content_hash, other.content_hash) == (one.id, two.id)  # what is decided about one is not the other's
    assert store_upload(LINES, "renamed.tsv.csv").id == one.id
    assert store_upload(LINES, "lines.txt") == two


def test_I02_an_id_keeps_its_form_after_the_upload_is_deleted(folder):
    one = store_upload(CONTENT, "private name.csv")
    delete_upload(one.id)
    assert (list_uploads(), [path.name for path in (folder / one.id).iterdir()]) == ((), ["meta.json"])
    assert "private" not in (folder / one.id / "meta.json").read_text()
    two = store_upload(CONTENT, "lines.txt")
    assert two.id != one.id
    with pytest.raises(LabError, match="no upload"):
        open_table(one.reference)
    assert store_upload(CONTENT, "back.csv").id == one.id


def test_I02_an_upload_of_earlier_days_reads_as_it_did(folder):
    """Then a second name took the place of the first, and both files stayed."""
    identity = hashlib.sha256(LINES).hexdigest()
    (folder / identity).mkdir(parents=True)
    for ending in ("csv", "txt"):
        (folder / identity / f"content.{ending}").write_bytes(LINES)
    (folder / identity / "meta.json").write_text('{"name": "lines.txt", "suffix": ".txt", "size_bytes": 19}')
    assert len(open_table(f"upload:{identity}")) == 3
    assert store_upload(LINES, "lines.txt").id == identity
    assert store_upload(LINES, "lines.csv").id != identity
    assert len(open_table(f"upload:{identity}")) == 3
    delete_upload(identity)
    assert [path.name for path in (folder / identity).iterdir()] == ["meta.json"]


@pytest.mark.parametrize("suffix", [*FORMAT_OF_SUFFIX, "dat", ""])
def test_I02_a_file_is_read_alike_before_and_after_it_is_stored(suffix):
    content = b"one\ttwo, three\nfour\tfive, six\n"
    for name in (f"lines.{suffix}", f"LINES.{suffix}.gz".upper()):
        try:
            table = open_table(content, name=name)
        except LabError:  # no such file
            continue
        stored = open_table(store_upload(content, name).reference)
        assert (stored.options, stored.columns) == (table.options, table.columns)
        assert stored.data.equals(table.data)


@pytest.mark.parametrize(
    ("number", "says", "remedy"),
    [
        (errno.ENOSPC, "disk is full", "Make room"),
        (errno.EDQUOT, "share of the disk is full", "Make room"),
        (errno.EROFS, "can only be read", "BERTLAB_WORKSPACE"),
        (errno.EACCES, "must not be written to", "BERTLAB_WORKSPACE"),
    ],
)
@pytest.mark.parametrize("failing", ["meta.json", "content.csv"])
def test_D04_an_upload_that_failed_leaves_nothing_and_says_why(folder, monkeypatch, number, says, remedy, failing):
    def write(path, content):
        if path.name == failing:
            raise OSError(number, os.strerror(number))
        write_atomically(path, content)

    monkeypatch.setattr(uploads, "write_atomically", write)
    with pytest.raises(LabError, match=says) as caught:
        store_upload(CONTENT, "a.csv")
    assert remedy in caught.value.remedy
    assert list(folder.iterdir()) == []


def test_D04_a_failed_second_form_leaves_the_first(folder, monkeypatch):
    one = store_upload(CONTENT, "a.csv")

    def write(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploads, "write_atomically", write)
    with pytest.raises(LabError, match="disk is full"):
        store_upload(CONTENT, "a.txt")
    assert [path.name for path in folder.iterdir()] == [one.id]
    assert list_uploads() == (one,)


def test_an_incomplete_upload_is_not_listed_and_is_fixed(folder):
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
    for function in (find_source, display_name, open_table):
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
        open_table(str(tmp_path))


def test_odd_but_real_file_names_open(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("data [1].csv", "what?.csv", "notes: new.csv"):
        (tmp_path / name).write_bytes(CONTENT)
        assert len(open_table(name)) == 2


def test_a_path_may_begin_with_the_home_folder(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    (home / "mine.csv").write_bytes(CONTENT)
    assert find_source("~/mine.csv") == home / "mine.csv"
    assert len(open_table("~/mine.csv")) == 2
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~odd.csv").write_bytes(CONTENT + b"c,z\n")
    assert len(open_table("~odd.csv")) == 3
    for reference in ("~/none.csv", "~nobody-of-that-name/a.csv"):
        with pytest.raises(LabError, match="no file"):
            find_source(reference)
    with pytest.raises(LabError, match="is a file, and a folder was expected"):
        find_source("folder:~/mine.csv")


def test_samples_are_found():
    for sample in samples():
        assert find_source(sample.reference) == sample.path
