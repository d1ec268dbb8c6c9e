"""Section A of the fault catalogue: files that are broken, hostile or unclear. Named by the catalogue's ids."""

import contextlib
import gzip
import io
import json
import random
import socket
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.data import limits
from core.data.reading.encodings import REPLACE
from core.data.reading.read_table import EncodingUnclear, ReadOptions, read_table
from core.errors import LabError
from tests.workbooks import archive, sheet, text_rows, workbook


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


def test_A02_a_mark_that_begins_the_first_cell_is_kept():
    assert read_table("text,label\n\ufeff,1\nb,2\n".encode(), name="x.csv")["text"] == ["\ufeff", "b"]
    assert read_table("\ufeff\ufeffa,1\nb,2\n".encode(), name="x.csv", options=ReadOptions(header=False))[
        "column_1"
    ] == ["\ufeffa", "b"]


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


def test_A05_ragged_rows_are_filled_up_only_when_a_person_asks():
    content = b'a,b\n1,2\n"3\n,",4,"5 ""x"""\n\n6\n7,8\n9,10,11,12\n'
    refused(content, match="3 of 5 rows.*", fill=False)
    table = read_table(content, name="x.csv", options=ReadOptions(fill=True))
    assert table.columns == ("a", "b", "column_3", "column_4")
    assert list(zip(*(table[name] for name in table.columns), strict=True)) == [
        ("1", "2", "", ""),
        ("3\n,", "4", '5 "x"', ""),
        ("6", "", "", ""),
        ("7", "8", "", ""),
        ("9", "10", "11", "12"),
    ]
    assert any(notice.startswith("3 rows have another number of cells") for notice in table.notices)
    assert read_table(content, name="x.csv", options=table.options).data.equals(table.data)
    all_short = read_table(b"a,b,c\n1,2\n3,4\n", name="x.csv", options=ReadOptions(fill=True))
    assert (all_short["b"], all_short["c"]) == (["2", "4"], ["", ""])
    refused(b"a,b\n" + b"," * 300 + b"\n", match="301 columns", fill=True)


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
        (gzip.compress(b"", mtime=0), "x.csv.gz"),
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
    refused(b"text,label\na,1\n" + big + b",2\n", match="2,000,000 characters.*row 2")
    refused(b'text,label\n"' + big + b'",2\n', match="2,000,000 characters.*row 1")
    refused(b'[{"a": "' + big + b'"}]', name="x.json", match="Row 1 .*2,000,000 for one cell")
    refused(b'{"a": "' + big + b'"}', name="x.jsonl", match="Row 1 .*2,000,000 for one cell")
    refused(b'[{"a": "' + big[:3_000_000] + b'"}]', name="x.json", match="2,000,000 characters.*row 1")
    refused(b"text\n" + b"y" * 70_000_000, match="2,000,000 characters")


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
    bomb = gzip.compress(b"a" * 300_000_000, 1, mtime=0)
    tracemalloc.start()
    try:
        refused(bomb, name="x.csv.gz", match="2,000,000 characters")
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
    whole = gzip.compress(b"text,label\na,1\n" * 1000, mtime=0)
    refused(whole[:-20], name="x.csv.gz", match="damaged or cut short")
    refused(whole[:20] + b"\xff" * 20 + whole[40:], name="x.csv.gz", match="damaged or cut short")
    refused(gzip.compress(whole, mtime=0), name="x.csv.gz", match="gzip file inside a gzip")


@pytest.mark.timeout(60)
def test_A15_a_workbook_that_unpacks_to_much_is_refused_before_it_is_parsed():
    big = "<row>" + "<c/>" * 5_000_000 + "</row>"
    blank = {"xl/worksheets/sheet1.xml": (" " * 1_000_000).encode() * 251}
    many = {"xl/worksheets/sheet1.xml": sheet(big * 6 + "<row/>" * 2)}
    strings = {"xl/sharedStrings.xml": "<sst>" + "<si/>" * 16_000_001 + "</sst>"}
    dense = random.Random(0).randbytes(400_000).hex()  # keeps the ratio down
    cells = {"xl/worksheets/sheet1.xml": sheet(f"<row><c><v>{dense}</v></c></row><row>{'<c/>' * 16_000_001}</row>")}
    related = {"xl/_rels/workbook.xml.rels": "<x>" + "<Relationship/>" * 500_000 + "</x>"}
    for parts in (blank, many, strings, cells, related, {"xl/styles.xml": blank["xl/worksheets/sheet1.xml"]}):
        bomb = workbook(text_rows([["a"], ["1"]]), parts=parts)
        assert len(bomb) < 2_000_000
        tracemalloc.start()
        try:
            refused(bomb, name="x.xlsx", match="grows beyond the limit of 250 MB, of about 4 million cells")
            assert tracemalloc.get_traced_memory()[1] < 30_000_000
        finally:
            tracemalloc.stop()


def test_A15_deep_nesting_is_refused():
    parts = {"xl/worksheets/sheet1.xml": "<a>" * 200_000 + "</a>" * 200_000}
    refused(workbook("", parts=parts), name="x.xlsx", match="nested too deeply")


def test_A15_one_long_text_in_many_cells_is_capped(monkeypatch):
    monkeypatch.setattr(limits, "MAX_CONTENT_BYTES", 50_000_000)
    strings = f"<si><t>{'x' * 900_000}</t></si>"
    content = workbook('<row><c t="s"><v>0</v></c></row>' * 1000, strings=strings)
    before = pa.default_memory_pool().max_memory()
    refused(content, name="x.xlsx", match="limit of 50 MB")
    assert pa.default_memory_pool().max_memory() - before < 100_000_000


def test_A15_a_cell_beyond_the_limit_is_refused():
    refused(workbook(text_rows([["a"], ["x" * 2_000_001]])), name="x.xlsx", match="2,000,000 characters.*row 2")
    refused(workbook(text_rows([["a"], ["x" * 15_000_000]])), name="x.xlsx", match="2,000,000 characters.*row 2")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    "declared",
    [
        '<!ENTITY e SYSTEM "file:///etc/hostname">',
        '<!ENTITY e SYSTEM "http://127.0.0.1:1/x">',
        '<!ENTITY % p SYSTEM "http://127.0.0.1:1/x"> %p;<!ENTITY e "x">',
        '<!ENTITY l "lol"><!ENTITY m "&l;&l;&l;&l;&l;&l;&l;&l;"><!ENTITY e "&m;&m;&m;&m;&m;&m;&m;&m;">',
        '<!ENTITY e "' + "x" * 100_000 + '">',
    ],
)
@pytest.mark.parametrize(
    "part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/sharedStrings.xml"]
)
def test_A15_entities_are_never_resolved(part, declared, encoding, monkeypatch):
    monkeypatch.setattr(socket, "socket", None)
    hostile = (
        f'<?xml version="1.0"?><!DOCTYPE x [{declared}]><worksheet><sheetData><row><c t="str"><v>&e;</v></c></row>'
    )
    hostile += "</sheetData></worksheet>"
    content = workbook(text_rows([["a"], ["1"]]), strings="", parts={part: hostile.encode(encoding)})
    refused(content, name="x.xlsx", match="declares a document type")


def test_A15_a_forged_dimension_costs_nothing():
    cells = text_rows([["a"], ["1"]])
    parts = {"xl/worksheets/sheet1.xml": sheet(cells, before='<dimension ref="A1:XFD1048576"/>')}
    tracemalloc.start()
    try:
        assert read_table(workbook(cells, parts=parts), name="x.xlsx")["a"] == ["1"]
        far = read_table(workbook(cells + '<row r="1048576"><c r="A1048576"><v>2</v></c></row>'), name="x.xlsx")
        assert far["a"] == ["1", "2"]
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("row", "match"),
    [
        ('<row r="99999999999"/>', "the number '99999999999'"),
        ('<row r="-1"/>', "the number '-1'"),
        ('<row><c r="XFD1"><v>1</v></c></row>', "16,384 columns; the limit is 200"),
        ('<row><c r="XFE1"><v>1</v></c></row>', "address 'XFE1'"),
        ('<row><c r="AAAAAAAA1"><v>1</v></c></row>', "address 'AAAAAAAA1'"),
        ("<row>" + "<c><v>1</v></c>" * 201 + "</row>", "201 columns"),
    ],
)
def test_A15_addresses_beyond_any_sheet_are_refused(row, match):
    refused(workbook(text_rows([["a"]]) + row), name="x.xlsx", match=match)


def test_A15_too_many_parts_and_too_many_rows(monkeypatch):
    parts = {f"p{number}": b"" for number in range(10_001)}
    refused(workbook(text_rows([["a"], ["1"]]), parts=parts), name="x.xlsx", match="more than 10,000 parts")
    monkeypatch.setattr(limits, "MAX_ROWS", 10)
    refused(workbook(text_rows([["a"]] * 12)), name="x.xlsx", match="limit of 10 rows")


def test_A16_what_only_looks_like_a_workbook_is_refused():
    whole = workbook(text_rows([["a"], *([f"some text {number}"] for number in range(2000))]))
    refused(whole[:-50], name="x.xlsx", match="Excel file is broken")
    refused(whole[: len(whole) // 2], name="x.xlsx", match="Excel|zip")
    refused(whole[:300] + b"\xff" * 200 + whole[500:], name="x.xlsx", match="Excel file is broken")
    refused(b"text,label\na,1\n", name="x.xlsx", match="no Excel workbook")
    refused(b"\x89PNG\r\n\x1a\n" + b"\0" * 50, name="x.xlsx", match="PNG")
    refused(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 50, name="x.xlsx", match="old Excel.*password")
    refused(archive({"word/document.xml": "<d/>", "[Content_Types].xml": "<t/>"}), name="x.xlsx", match="zip")
    refused(workbook("", parts={"xl/worksheets/sheet1.xml": "<worksheet><row>"}), name="x.xlsx", match="no valid XML")
    assert len(read_table(whole, name="x.csv")) == 2000


SOUND = {
    "x.xlsx": workbook(
        text_rows([["a", "b"], *([f"text {n}", str(n)] for n in range(40))]), strings="<si><t>x</t></si>"
    ),
    "x.json": b'{"data": [{"title": "t", "paragraphs": [{"context": "Ann", "qas": [{"question": "Who?"}]}]}]}',
    "x.jsonl": b'{"a": 1, "b": [1]}\n{"a": "x"}\n',
    "x.conll": b"-DOCSTART- O\n\nEU B-ORG\nrejects O\n\nPeter B-PER\n",
    "x.csv": b'text,label\n"a ""b""\n",1\nc,2\n',
}


@pytest.mark.parametrize("name", SOUND)
def test_A16_damage_of_any_kind_is_refused_or_read(name):
    draw = random.Random(name)
    for _ in range(300):
        content = bytearray(SOUND[name])
        for _ in range(draw.randint(1, 4)):
            place = draw.randrange(len(content))
            match draw.randrange(3):
                case 0:
                    content[place] = draw.randrange(128)
                case 1:
                    del content[place : place + draw.randint(1, 20)]
                case 2:
                    content[place:place] = draw.randbytes(2)
            content = content or bytearray(b"x")
        with contextlib.suppress(LabError):
            assert len(read_table(bytes(content), name=name)) > 0


def test_A16_other_types_are_refused_by_content():
    refused(b"\x89PNG\r\n\x1a\n" + b"\0" * 50, match="PNG")
    refused(archive({"a": "b"}), name="x.xlsx", match="zip")
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
