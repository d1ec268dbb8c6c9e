"""Section A of the fault catalogue: files that are broken, hostile or unclear. Named by the catalogue's ids."""

import gzip
import io
import json
import tracemalloc
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.data import limits
from core.data.encodings import REPLACE
from core.data.reading import EncodingUnclear, ReadOptions, read_table
from core.errors import LabError


def refused(content, name="x.csv", match="", **options):
    with pytest.raises(LabError, match=match) as caught:
        read_table(content, name=name, options=ReadOptions(**options))
    assert caught.value.problem.endswith(".")
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_A01_utf16_is_decoded_and_shown(encoding):
    table = read_table("text,label\nÜber uns,x\nan ordinary line,y\n".encode(encoding), name="x.csv")
    assert table["text"] == ["Über uns", "an ordinary line"]
    assert table.options.encoding == encoding
    assert any(encoding.upper() in notice for notice in table.notices)


def test_A02_a_byte_order_mark_is_no_part_of_the_header():
    for options in ({}, {"encoding": "utf-8"}, {"encoding": "utf-8-sig"}):
        table = read_table(b"\xef\xbb\xbftext,label\na,b\n", name="x.csv", options=ReadOptions(**options))
        assert table.columns == ("text", "label")


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("latin-1", "Le café était fermé, hélas"),
        ("cp1252", "“Curly” quotes – and a café"),
        ("gbk", "这家酒店的房间很干净，服务也非常好，下次还会来"),
        ("shift_jis", "このホテルの部屋はとてもきれいで、サービスも良かったです"),
    ],
)
def test_A03_other_encodings_are_asked_for_with_a_preview(encoding, text):
    content = f"text;label\n{text};1\nplain;0\n".encode(encoding)
    with pytest.raises(EncodingUnclear, match="line 2") as caught:
        read_table(content, name="x.csv")
    previews = dict(caught.value.candidates)
    assert any(text in preview for preview in previews.values())
    right = next(name for name, preview in previews.items() if text in preview)
    table = read_table(content, name="x.csv", options=ReadOptions(encoding=right))
    assert table["text"] == [text, "plain"]


def test_A03_one_damaged_byte_in_utf8_can_be_shown_as_such():
    content = "text,label\nnaïve,1\ncaf\udce9,0\n".encode("utf-8", "surrogateescape")
    error = refused(content, match="line 3")
    assert REPLACE in dict(error.candidates)
    table = read_table(content, name="x.csv", options=ReadOptions(encoding=REPLACE))
    assert table["text"] == ["naïve", "caf\ufffd"]
    assert any("1 bytes" in notice for notice in table.notices)


def test_A03_an_encoding_that_does_not_fit_or_exist_is_refused():
    refused("text,label\né,1\n".encode("latin-1"), encoding="ascii", match="does not fit")
    refused(b"text,label\na,1\n", encoding="klingon", match="not known")
    refused(b"text,label\na,1\n", encoding="base64", match="not known")


def test_A04_nul_bytes_are_refused_with_the_line():
    refused(b"text,label\na,1\nb\0c,2\n", match="NUL.*line 3")
    refused(b'[{"a": "x\\u0000y"}]', name="x.json", match="NUL.*row 1")


def test_A05_some_ragged_rows_are_refused_with_their_numbers():
    content = b'text,label\na,1\n"two\nlines",2\nb,2,3\n\nc\nd,4\n'
    refused(content, match=r"2 of 5 rows.*row 3 \(line 5\) has 3.*row 4 \(line 7\) has 1")


def test_A05_a_ragged_row_in_a_short_tsv_is_never_joined():
    refused(b"label\ttext\nham\thello there\nrest of it\nspam\tbuy this now\n", name="x.tsv", match=r"row 2 \(line 3\)")


def test_A06_every_row_ragged_is_refused():
    refused(b"a,b\n1,2,3\n4,5,6\n7,8,9\n", match="No row fits the first one, which has 2 cells.*row 1")
    refused(b"a,b,c\n1,2,3,4\n", name="", match="No row fits")
    refused(b"a,b,c\n1,2\n3,4\n", match="No row fits")


@pytest.mark.parametrize(
    "content",
    [
        b'text,label\nok,1\n5" disk,2\nz,3\n',
        b'text,label\nok,1\n"open,2\nz,3\n',
        b'text,label\nok,1\n"closed"x,2\nz,3\n',
        b'text,label\nok,1\n"open,2\n"z",3\n',
    ],
)
def test_A07_stray_and_open_quotes_are_refused_with_the_row(content):
    refused(content, match=r"line 3 \(record 3")
    assert len(read_table(content, name="x.csv", options=ReadOptions(quoting=False))) == 3


def test_A08_a_newline_in_a_cell_is_kept():
    table = read_table(b'text,label\n"a\nb",1\n"c\r\nd\n\n",2\n', name="x.csv")
    assert table["text"] == ["a\nb", "c\r\nd\n\n"]


def test_A09_a_delimiter_is_detected_shown_and_can_be_changed():
    content = b"text;label\na,b;1\nc,d;2\n"
    table = read_table(content, name="x.csv")
    assert table.options.delimiter == ";"
    assert "Columns are separated by semicolons." in table.notices
    assert read_table(content, name="x.csv", options=ReadOptions(delimiter="", header=True)).columns == ("text;label",)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "x.csv"),
        (b"\n\n", "x.csv"),
        (b"\xef\xbb\xbf", "x.csv"),
        (b"text,label\n", "x.csv"),
        (b"text,label", "x.csv"),
        (b"[]", "x.json"),
        (b"[{}]", "x.json"),
        (b"\n", "x.jsonl"),
        (gzip.compress(b""), "x.csv.gz"),
    ],
)
def test_A10_no_rows_is_said(content, name):
    refused(content, name=name, match="no rows")


def test_A10_parquet_without_rows():
    file = io.BytesIO()
    pq.write_table(pa.table({"a": pa.array([], pa.string())}), file)
    refused(file.getvalue(), name="x.parquet", match="no rows")


def test_A11_double_and_blank_headers_are_renamed_visibly():
    table = read_table(b"a,a,,a_2\n1,2,3,4\n", name="x.csv")
    assert table.columns == ("a", "a_3", "column_3", "a_2")
    assert len(table.notices) == 2


def test_A12_a_cell_of_10_mb_is_refused_with_the_limit():
    big = b"x" * 10_000_000
    refused(b"text,label\na,1\n" + big + b",2\n", match="1,000,000 characters.*row 2")
    refused(b'text,label\n"' + big + b'",2\n', match="1,000,000 characters.*row 1")
    refused(b'[{"a": "' + big + b'"}]', name="x.json", match="Row 1 .*1,000,000 for one cell")
    refused(b'{"a": "' + big + b'"}', name="x.jsonl", match="Row 1 .*1,000,000 for one cell")
    refused(b'[{"a": "' + big[:2_000_000] + b'"}]', name="x.json", match="1,000,000 characters.*row 1")
    refused(b"text\n" + b"y" * 70_000_000, match="1,000,000 characters")


def test_A13_a_large_file_is_refused_before_memory_grows(tmp_path):
    path = tmp_path / "large.csv"
    with path.open("wb") as file:
        file.truncate(1_000_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(LabError, match="limit is 300 MB"):
            read_table(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_A14_a_gzip_bomb_is_capped(monkeypatch):
    bomb = gzip.compress(b"a" * 300_000_000, 1)
    tracemalloc.start()
    try:
        refused(bomb, name="x.csv.gz", match="1,000,000 characters")
        monkeypatch.setattr(limits, "MAX_CONTENT_BYTES", 10_000_000)
        refused(bomb, name="x.csv.gz", match="limit of 10 MB")
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()


def test_A14_a_parquet_bomb_is_capped(monkeypatch):
    file = io.BytesIO()
    one = pa.DictionaryArray.from_arrays(pa.array([0] * 60_000, pa.int32()), pa.array(["x" * 10_000]))
    pq.write_table(pa.table({"a": one}), file)
    assert len(file.getvalue()) < 100_000
    monkeypatch.setattr(limits, "MAX_CONTENT_BYTES", 100_000_000)
    before = pa.total_allocated_bytes()
    refused(file.getvalue(), name="x.parquet", match="limit of 100 MB")
    assert pa.total_allocated_bytes() - before < 200_000_000


def test_A14_json_that_grows_while_it_is_decoded_is_capped(monkeypatch):
    monkeypatch.setattr(limits, "MAX_JSON_ROW_CHARACTERS", 100_000)
    many = b"1," * 5_000_000 + b"1]"
    tracemalloc.start()
    try:
        refused(b"[[" + many + b"]", name="x.json", match="Row 1 .*not an object")
        refused(b'[{"a": 1},\n{"a": [' + many + b"}]", name="x.json", match=r"Row 2 \(line 2\) is longer")
        refused(b'{"a": [' + many + b"}", name="x.jsonl", match="Row 1 .*longer")
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()


def test_A14_a_parquet_bomb_is_seen_before_it_grows():
    file = io.BytesIO()
    one = pa.DictionaryArray.from_arrays(pa.array([0] * 1_000_000, pa.int32()), pa.array(["x" * 900_000]))
    pq.write_table(pa.table({"a": one}), file)
    before = pa.default_memory_pool().max_memory()
    refused(file.getvalue(), name="x.parquet", match="limit of 1 GB")
    assert pa.default_memory_pool().max_memory() - before < 100_000_000


def test_A14_too_many_rows_and_columns(monkeypatch):
    refused(",".join(f"c{n}" for n in range(201)).encode() + b"\n" + b"," * 200 + b"\n", match="201 columns.*200")
    refused(json.dumps([{f"c{n}": 1 for n in range(201)}]).encode(), name="x.json", match="limit is 200")
    monkeypatch.setattr(limits, "MAX_ROWS", 10)
    refused(b"text,label\n" + b"a,1\n" * 12, match="limit of 10 rows")
    refused(b'{"a": 1}\n' * 11, name="x.jsonl", match="limit of 10 rows")
    file = io.BytesIO()
    pq.write_table(pa.table({"a": ["x"] * 11}), file)
    refused(file.getvalue(), match="limit of 10 rows")
    assert len(read_table(b"text,label\n" + b"a,1\n" * 10, name="x.csv")) == 10


def test_A14_damaged_gzip_is_refused():
    whole = gzip.compress(b"text,label\na,1\n" * 1000)
    refused(whole[:-20], name="x.csv.gz", match="damaged or cut short")
    refused(whole[:20] + b"\xff" * 20 + whole[40:], name="x.csv.gz", match="damaged or cut short")
    refused(gzip.compress(whole), name="x.csv.gz", match="gzip file inside a gzip")


def test_A16_other_types_are_refused_by_content():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a", "b")
    refused(b"\x89PNG\r\n\x1a\n" + b"\0" * 50, match="PNG")
    refused(archive.getvalue(), name="x.xlsx", match="zip")
    refused(b"%PDF-1.7\n", name="x.txt", match="PDF")
    refused(b"text,label\na,1\n", name="x.parquet", match="no Parquet")


def test_A16_broken_parquet_is_refused():
    file = io.BytesIO()
    pq.write_table(pa.table({"a": ["x" * 50] * 100}), file)
    whole = file.getvalue()
    for broken in (whole[:-20], whole[: len(whole) // 2], b"PAR1", whole[:20] + b"\xff" * 30 + whole[50:]):
        refused(broken, name="x.parquet", match="broken")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b'[{"a": 1},\n {"a": 2},\n {"a"', "broken in line 3"),
        (b'[{"a": 1},\n {"a": 2}', "broken in line 2.*ends inside"),
        (b'[{"a": 1}\n {"a": 2}]', "broken in line 2.*comma"),
        (b'[{"a": 1},\n]', "broken in line 1.*comma"),
        (b'[{"a": 1}]\n[]', "broken in line 2.*follows"),
        (b'[{"a": 1},\n {"b": 1, "b": 2}]', "line 2 has the field 'b' more than once"),
        (b'[{"a": 1},\n 7]', r"Row 2 \(line 2\)"),
        (b'{"data": [{"a": 1}]}', "'data'"),
        (b'"text"', "list of objects"),
        (b'[{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]", "line 1 is nested too deeply"),
    ],
)
def test_A17_bad_json_is_refused_with_the_line(content, match):
    refused(content, name="x.json", match=match)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b'{"a": 1}\n{"a": \n', "broken in line 2"),
        (b'{"a": 1}\n\n{"a": 1} {"a": 2}\n', "broken in line 3"),
        (b'{"a": 1}\n[1]\n', r"Row 2 \(line 2\)"),
        (b'{"a": 1}\n{"a": {"b": 1, "b": 2}}\n', "line 2 has the field 'b'"),
        (b'{"a": 1}\n{"a": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001 + b"\n", "line 2 is nested too deeply"),
    ],
)
def test_A17_bad_jsonl_is_refused_with_the_line(content, match):
    refused(content, name="x.jsonl", match=match)


def test_A17_mixed_types_in_one_field_are_kept_as_text_with_a_notice():
    table = read_table(b'[{"a": 1}, {"a": "one"}]', name="x.json")
    assert table["a"] == ["1", "one"]
    assert any("mixes numbers and text" in notice for notice in table.notices)


def test_A18_lone_surrogates_are_replaced_with_a_count_or_refused():
    table = read_table(b'[{"a": "x\\ud800y", "\\udc00": "\\ud83d\\ude42"}]', name="x.json")
    assert table["a"] == ["x\ufffdy"]
    assert table.columns == ("a", "\ufffd")
    assert table["\ufffd"] == ["🙂"]
    assert any("1 half characters" in notice for notice in table.notices)
    refused("text,label\nok,0\nx\ud800,1\n".encode("utf-8", "surrogatepass"), match="Line 3.*surrogate")


def test_A19_every_script_and_sign_is_kept():
    text = "שלום \u202b مرحبا \u200b\u200d 👩‍👩‍👧 e\u0301 \u2028 \x85 \ufeff"
    table = read_table(f'text,label\n"{text}",1\n'.encode(), name="x.csv")
    assert table["text"] == [text]
