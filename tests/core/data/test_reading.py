"""Reading: what is found out, what is kept exactly, and that reading again with the options used changes nothing."""

import csv
import errno
import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.data.reading.read_table import ReadOptions, read_table
from core.data.sources.references import open_table
from core.data.table import is_number
from core.errors import LabError
from tests.workbooks import text_rows, workbook

ROOT = Path(__file__).resolve().parents[3]


def rows(table):
    return list(zip(*(table[name] for name in table.columns), strict=True))


def test_csv_keeps_every_cell_as_it_is_written():
    content = b'text,label\n"NA",01\nnull,1\n"a ""b"", c",1.0\n"two\nlines",\n'
    table = read_table(content, name="x.csv")
    assert table.columns == ("text", "label")
    assert rows(table) == [("NA", "01"), ("null", "1"), ('a "b", c', "1.0"), ("two\nlines", "")]
    assert table.options == ReadOptions(format="csv", encoding="utf-8", delimiter=",", quoting=True, header=True)
    assert table.notices == ()


@pytest.mark.parametrize(
    ("content", "name", "delimiter", "header"),
    [
        (b"text;label\na;pos\nb;neg\n", "x.csv", ";", True),
        (b"text\tlabel\na, b\tpos\nb\tneg\n", "x.csv", "\t", True),
        (b"text|label\na|pos\nb|neg\n", "x.txt", "|", True),
        (b"i am well;joy\ni am not;sadness\nwhat a day;joy\n", "x.txt", ";", False),
        (b"1606495\t1606619\n3444633\t3444733\n", "ids.tsv", "\t", False),
        (b"0,1\n5,3\n6,4\n", "frame.csv", ",", True),
        (b"a,b\n1,2\n", "", ",", True),
        (b"one line\nanother line\n", "x.txt", "", False),
        (b"text\none, two\n", "x.txt", "", True),
    ],
)
def test_delimiter_and_header_are_found_out(content, name, delimiter, header):
    table = read_table(content, name=name)
    assert (table.options.delimiter, table.options.header) == (delimiter, header)


def test_a_name_that_is_also_a_cell_stays_a_name():
    table = read_table(b"text,label\nhello,a\ntext,b\nlabel,a\n", name="x.csv")
    assert table.columns == ("text", "label")
    assert len(table) == 3


def test_a_label_that_is_a_usual_name_does_not_make_a_header():
    table = read_table(b"what time is it;question\nit is late;statement\nwhy so;question\n", name="x.txt")
    assert table.columns == ("column_1", "column_2")
    assert len(table) == 3


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_all_systems(end):
    table = read_table(end.join(["text,label", "a,x", "b,y", ""]).encode(), name="x.csv")
    assert rows(table) == [("a", "x"), ("b", "y")]


def test_stray_carriage_returns_are_named():
    table = read_table(b'text,label\na,x\rb,y\n"c\rd",z\n', name="x.csv")
    assert table["text"] == ["a", "b", "c\rd"]
    assert table.notices == ("1 single carriage returns were taken for line ends, beside line feeds.",)
    assert read_table(b"text,label\r\na,x\r\n", name="x.csv").notices == ()


def test_unbalanced_quotes_in_a_tsv_are_characters_and_a_notice_says_so():
    table = read_table(b'text\tlabel\n" Yes , he said\t1\nHe said " no "\t0\n', name="x.tsv")
    assert table["text"] == ['" Yes , he said', 'He said " no "']
    assert table.options.quoting is False
    assert any("Quotes" in notice for notice in table.notices)


def test_quotes_in_a_tsv_that_would_swallow_whole_lines_are_characters():
    table = read_table(b'text\tlabel\n"open\t1\nmiddle\t0\nclose"\t1\n', name="x.tsv")
    assert len(table) == 3


def test_a_soundly_quoted_tsv_is_read_with_quotes():
    table = read_table(b'text\tlabel\n"a\tb"\t1\n"say ""hi"""\t0\n', name="x.tsv")
    assert table["text"] == ["a\tb", 'say "hi"']


def test_one_column_keeps_its_empty_cells():
    assert read_table(b'text\na\n""\n\nb\n', name="x.csv")["text"] == ["a", "", "", "b"]


def test_blank_lines_between_rows_of_several_columns_are_nothing():
    assert rows(read_table(b"\ntext,label\na,1\n\nb,2\n\n", name="x.csv")) == [("a", "1"), ("b", "2")]


def test_json_numbers_keep_their_text_and_nulls_are_counted():
    content = (
        b'[{"t": "01", "n": 1.50, "b": true}, {"t": null, "n": 12345678901234567890}, {"n": 1e2, "x": [1.0, "a"]}]'
    )
    table = read_table(content, name="x.json")
    assert table.columns == ("t", "n", "b", "x")
    assert rows(table) == [
        ("01", "1.50", "true", ""),
        ("", "12345678901234567890", "", ""),
        ("", "1e2", "", '[1.0, "a"]'),
    ]
    assert "Column 't': 2 missing or null values became empty cells." in table.notices
    assert any("JSON text" in notice for notice in table.notices)


def test_json_fields_that_appear_after_a_full_chunk_start_with_empty_cells():
    lines = [json.dumps({"a": str(n)}) for n in range(70_000)] + ['{"a": "z", "b": "late"}']
    table = read_table("\n".join(lines).encode(), name="x.jsonl")
    assert len(table) == 70_001
    assert table["b"][0] == ""
    assert table["b"][-1] == "late"


def test_jsonl_in_a_json_file_and_the_reverse():
    assert read_table(b'{"a": 1}\n{"a": 2}\n', name="x.json").options.format == "jsonl"
    assert read_table(b'[{"a": 1}]', name="x.jsonl").options.format == "json"
    assert read_table(b'\xef\xbb\xbf[{"a": 1}]').options.format == "json"


def test_parquet_of_many_types():
    data = pa.table(
        {
            "text": pa.array(["x", None]).dictionary_encode(),
            "count": pa.array([0, 2**60]),
            "share": pa.array([0.0, 1.5]),
            "yes": pa.array([True, None]),
            "list": pa.array([[1, 2], None]),
        }
    )
    file = io.BytesIO()
    pq.write_table(data, file)
    table = read_table(file.getvalue(), name="anything.csv")
    assert table.options.format == "parquet"
    assert rows(table) == [("x", "0", "0", "true", "[1, 2]"), ("", str(2**60), "1.5", "", "")]
    assert "Column 'text': 1 null value became an empty cell." in table.notices


@pytest.mark.parametrize("name", ["x.csv.gz", "x.tsv.gz", "x.jsonl.gz", "x.json.gz"])
def test_gzip_of_the_text_formats(name):
    plain = {"csv": b"text,label\na,1\n", "tsv": b"text\tlabel\na\t1\n", "jsonl": b'{"text": "a", "label": 1}\n'}
    plain["json"] = b'[{"text": "a", "label": 1}]'
    table = read_table(gzip.compress(plain[name.split(".")[1]]), name=name)
    assert rows(table) == [("a", "1")]
    assert table.options.format == name.split(".")[1]


@pytest.mark.parametrize("name", ["x.txt", "x.txt.gz"])
def test_a_txt_file_holds_one_text_a_line(name):
    content = b'He said: "no, NA; never"\n01\n\n it costs 5|6 \n'
    table = read_table(gzip.compress(content) if name.endswith("gz") else content, name=name)
    assert table["column_1"] == ['He said: "no, NA; never"', "01", "", " it costs 5|6 "]
    assert table.options == ReadOptions(format="txt", encoding="utf-8", delimiter="", quoting=False, header=False)


def test_the_hash_is_that_of_the_file_as_it_is(tmp_path):
    import hashlib

    content = gzip.compress(b"text,label\na,1\n")
    (tmp_path / "x.csv.gz").write_bytes(content)
    table = read_table(tmp_path / "x.csv.gz")
    assert table.content_hash == hashlib.sha256(content).hexdigest()
    assert table.name == "x.csv.gz"
    assert open_table(str(tmp_path / "x.csv.gz")).data.equals(table.data)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("text;label\nä;x\nb;y\n".encode("utf-16"), "x.txt"),
        (b'" a\t1\nb\t1\n', "x.tsv"),
        (b"a line\nanother\n", "x.txt"),
        (b'[{"a": 1}]', "x.json"),
        (b'{"a": 1}\n', "x.jsonl"),
    ],
)
def test_reading_again_with_the_options_used_gives_the_same(content, name):
    table = read_table(content, name=name)
    options = ReadOptions.from_dict(table.options.to_dict())
    again = read_table(content, name=name, options=options)
    assert again.data.equals(table.data)
    assert again.options == table.options


def test_options_refuse_nonsense():
    for wrong in ({"delimiter": "ab"}, {"delimiter": "é"}, {"delimiter": '"'}, {"format": "doc"}):
        with pytest.raises(LabError):
            ReadOptions(**wrong)
    with pytest.raises(LabError):
        ReadOptions.from_dict({"header": "yes"})
    with pytest.raises(LabError):
        ReadOptions.from_dict({"quote": True})
    assert ReadOptions(delimiter="tab").delimiter == "\t"


def test_a_slice_as_a_frame():
    table = read_table(b"a,b\n1,x\n2,\n3,z\n", name="x.csv")
    frame = table.to_pandas(1, 3)
    assert frame.to_dict("list") == {"a": ["2", "3"], "b": ["", "z"]}
    assert len(table.to_pandas(5)) == 0
    with pytest.raises(LabError, match="no column 'c'"):
        table["c"]


def test_rows_longer_than_a_block_are_read():
    cells = ["x" * 900_000 for _ in range(6)]
    content = ("a,b,c,d,e,f\n" + ",".join(cells) + "\n" + ",".join("123456") + "\n").encode()
    assert rows(read_table(content, name="x.csv")) == [tuple(cells), tuple("123456")]


def test_importing_loads_no_heavy_library():
    code = "import sys; import core.data.reading.read_table, core.data.quality.profile, core.data.dataset.splits;"
    code += "print([name for name in ('torch', 'transformers', 'pandas', 'sklearn') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_quoted_cell_longer_than_a_block_keeps_its_lines():
    cell = "a line\n" * 250_000
    table = read_table(f'text,label\n"{cell}",1\nb,2\n'.encode(), name="x.csv")
    assert rows(table) == [(cell, "1"), ("b", "2")]
    assert len(read_table(f'text\tlabel\n"{cell}"\t1\nb\t2\n'.encode(), name="x.tsv")) == 2


WORDS = ["NA", "null", "None", "nan", "NaN", "N/A", "", "01", "007", "1", "1.0", "1e5", "true", "=1+1", "_x0041_", "-"]
SIGNS = [
    '"',
    '""',
    ",",
    ";",
    "\t",
    "a\nb",
    "a\r\nb",
    "\r",
    " x ",
    "🙂",
    "\u200b",
    "\ufeff",
    "\u2028",
    "<&>",
    "שלום",
    "e\u0301",
]
CELL = st.one_of(
    st.sampled_from([*WORDS, *SIGNS]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12),
)


@st.composite
def tables(draw):
    width = draw(st.integers(1, 4))
    return draw(st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=8))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables())
def test_random_tables_come_back_exactly(cells):
    names = [f"name {n}" for n in range(len(cells[0]))]
    records = [dict(zip(names, row, strict=True)) for row in cells]
    files = {"x.json": json.dumps(records).encode(), "x.jsonl": "\n".join(map(json.dumps, records)).encode()}
    for name, delimiter in (("x.csv", ","), ("x.tsv", "\t")):
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=delimiter)
        writer.writerows([names, *cells])
        files[name] = text.getvalue().encode()
    files |= {f"{name}.gz": gzip.compress(content, 1) for name, content in files.items()}
    parquet = io.BytesIO()
    pq.write_table(pa.table({name: [row[n] for row in cells] for n, name in enumerate(names)}), parquet)
    files["x.parquet"] = parquet.getvalue()
    files["x.xlsx"] = workbook(text_rows([names, *cells]))
    for name, content in files.items():
        options = ReadOptions(header=True)
        if name.startswith(("x.csv", "x.tsv")):
            options = ReadOptions(header=True, quoting=True, delimiter="," if "csv" in name else "\t")
        table = read_table(content, name=name, options=options)
        assert table.columns == tuple(names)
        assert rows(table) == [tuple(row) for row in cells]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(CELL, st.sampled_from(["pos", "neg"])), min_size=3, max_size=12))
def test_what_pandas_writes_is_read_without_any_option(cells):
    cells = [(cell.replace("\r", " "), label) for cell, label in cells]  # which pandas does not quote
    frame = pd.DataFrame(cells, columns=["text", "label"])
    table = read_table(frame.to_csv(index=False, lineterminator="\n").encode(), name="x.csv")
    assert rows(table) == cells


def test_a_long_run_of_digits_is_looked_at_once():
    """With a pattern that tries again, this took hours: time grew with the square of the digits."""
    digits = "7" * 500_000
    assert is_number(f" -{digits}.{digits}e{digits} ")
    assert not is_number(f"{digits}x")
    assert not is_number(f"{digits}.{digits}e{digits}.")
    assert not is_number(" " * 500_000 + "x")


@given(st.text(alphabet="0123456789.+-eE \t\nx", max_size=12))
def test_numbers_are_those_that_Python_reads_but_for_words_and_underscores(text: str):
    try:
        float(text)
        expected = True
    except ValueError:
        expected = False
    assert is_number(text) == expected


@pytest.mark.parametrize(
    ("content", "columns", "count"),
    [
        (b"0,1\ngood film,1\nbad film,0\nmore,1\n", ("0", "1"), 3),
        (b",0,1\n0,good film,1\n1,bad film,0\n", ("column_1", "0", "1"), 2),
        (b"0,1\n0,1\n1,0\n", ("column_1", "column_2"), 3),  # numbers alone say nothing of names
        (b"1,good film\n0,bad film\n1,more\n", ("column_1", "column_2"), 3),
    ],
)
def test_columns_that_pandas_counted_through_are_names(content: bytes, columns: tuple[str, ...], count: int):
    table = read_table(content, name="x.csv")
    assert (table.columns, len(table)) == (columns, count)


def test_what_pandas_writes_without_names_comes_back():
    frame = pd.DataFrame([("good film", 1), ("bad film", 0), ("more", 1)])
    for index in (True, False):
        table = read_table(frame.to_csv(index=index).encode(), name="x.csv")
        assert (table["0"], table["1"]) == (["good film", "bad film", "more"], ["1", "0", "1"])


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("line", [b"sep=;\r\n", b'"sep=;"\n', b"sep=;\n"])
def test_A09_a_first_line_that_says_the_delimiter_is_no_row(mark: bytes, line: bytes):
    content = mark + line + b'text;label\r\na, b, c;1\r\n"d; e";2\r\n'
    table = read_table(content, name="x.csv")
    assert (table.columns, table.options.delimiter) == (("text", "label"), ";")
    assert rows(table) == [("a, b, c", "1"), ("d; e", "2")]
    assert table.notices[0] == "The first line only says what separates columns; it was left out."
    assert read_table(content, name="x.csv", options=table.options).data.equals(table.data)
    whole = read_table(content, name="x.csv", options=ReadOptions(delimiter="", header=False, quoting=False))
    assert len(whole) == 3  # a person's choice counts, and the line is no row all the same
    with pytest.raises(LabError, match=r"row 2 \(line 4\) has 3"):
        read_table(line + b"text;label\na;1\nb;2;3\n", name="x.csv")
    with pytest.raises(LabError, match="begins in line 4"):
        read_table(line + b'text;label\na;1\n"b;2\n', name="x.csv")


@pytest.mark.parametrize(
    ("number", "says"),
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "can only be read"), (errno.ENOENT, "No such file")],
)
def test_D04_no_room_to_unpack_a_file_is_said(monkeypatch, number, says):
    def fail(*arguments, **options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("core.data.reading.content.tempfile.TemporaryFile", fail)
    with pytest.raises(LabError, match=says) as caught:
        read_table(gzip.compress(b"text,label\na,b\n"), name="a.csv.gz")
    assert "unpacked" in caught.value.problem
