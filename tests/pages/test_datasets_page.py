"""The Datasets page: samples, uploads of every kind of file, and each view of what is in them."""

import gzip
import json

import pytest
from streamlit.testing.v1 import AppTest

from core.data.reading import read_table
from tests.pages.conftest import words_on

PAGE = "data/datasets.py"
ROWS = [{"text": text, "label": label} for text, label in zip(("one", "two", "x", "y"), "abab", strict=True)]
VIEWS = ("Rows", "Labels", "Lengths", "Extremes", "Repeats")


def upload(app: AppTest, name: str, content: bytes) -> AppTest:
    return app.file_uploader(key="upload").upload(name, content, "application/octet-stream").run()


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("sample", "rows"), [("reviews", 400), ("questions", 420), ("pairs", 400)])
def test_every_sample_opens_in_every_view(open_page, sample: str, rows: int, view: str):
    app = open_page(PAGE, data=f"sample:{sample}", show=view)
    assert not app.exception
    assert not app.error
    assert f"{rows} rows" in words_on(app)


def test_counts_are_those_of_the_file(open_page):
    app = open_page(PAGE, data="sample:questions", show="Labels")
    bars = json.loads(app.get("plotly_chart")[0].proto.spec)["data"][0]
    assert sorted(bars["text"]) == ["70"] * 6
    assert "right in **16.7%**" in words_on(app)


def test_lengths_in_pieces_are_the_tokenizers(open_page):
    from core import open_model
    from core.explore.tokens import count_pieces

    app = open_page(PAGE, data="sample:reviews", show="Lengths", pieces="true")
    assert not app.exception
    longest = next(metric for metric in app.metric if metric.label.startswith("Longest"))
    assert longest.value == str(max(count_pieces(open_model("builtin"), read_table("sample:reviews")["text"])))


def test_search_finds_rows_in_any_column_and_case(open_page):
    app = open_page(PAGE, search="LEMON")
    table = read_table("sample:reviews")
    wanted = [text for text in table["text"] if "lemon" in text.lower()]
    assert list(app.dataframe[0].value["text"]) == wanted
    app.text_input(key="search").set_value("no such words anywhere").run()
    assert "No row holds that" in words_on(app)
    app.text_input(key="search").set_value("(").run()
    assert not app.error
    app.toggle(key="search-pattern").set_value(True).run()
    assert "not a regular expression" in words_on(app)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mine.csv", b'text,label\n"one, two",a\n"three\nfour",b\nfive,a\nsix,b\n'),
        ("mine.tsv", b"text\tlabel\none\ta\ntwo\tb\nthree\ta\nfour\tb\n"),
        (
            "mine.json",
            json.dumps(ROWS).encode(),
        ),
        (
            "mine.jsonl",
            "\n".join(map(json.dumps, ROWS)).encode(),
        ),
        ("mine.csv.gz", gzip.compress(b"text,label\none,a\ntwo,b\nthree,a\nfour,b\n")),
    ],
)
def test_an_upload_is_opened_mapped_and_remembered(open_page, name: str, content: bytes):
    app = upload(open_page(PAGE, show="Labels"), name, content)
    assert not app.exception
    assert not app.error
    assert "4 rows" in words_on(app)
    assert "2 labels" in words_on(app)
    again = open_page(PAGE)
    assert name in again.selectbox(key="data").options


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("empty.csv", b"", "empty"),
        ("header.csv", b"text,label\n", "row"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "PNG"),
        ("ragged.csv", b"text,label\none,a\ntwo,b,c\nthree,a\n", "row"),
    ],
)
def test_A10_A16_A05_what_is_no_table_is_refused_and_not_kept(open_page, name: str, content: bytes, problem: str):
    app = upload(open_page(PAGE), name, content)
    assert not app.exception
    assert len(app.error) == 1
    assert problem in app.error[0].value
    assert "400 rows" in words_on(app)
    assert name not in app.selectbox(key="data").options


def test_one_column_asks_for_a_label(open_page):
    app = upload(open_page(PAGE, show="Labels"), "one.csv", b"text\none\ntwo\nthree\n")
    assert not app.exception
    assert not app.error
    assert "Choose the column that holds the label" in words_on(app)


def test_B02_blank_labels_are_refused_with_rows_and_the_rows_can_be_seen(open_page):
    app = upload(open_page(PAGE), "blank.csv", b"text,label\none,a\ntwo,\nthree,b\nfour,a\n")
    assert not app.exception
    assert len(app.error) == 1
    assert "2" in app.error[0].value
    assert list(app.dataframe[0].value["label"]) == ["a", "", "b", "a"]


def test_A03_an_unclear_encoding_is_asked_for_with_previews(open_page):
    app = upload(open_page(PAGE), "cafe.csv", "text,label\ncafé,a\nthé,b\nété,a\nà,b\n".encode("cp1252"))
    assert not app.exception
    app.radio[0].set_value("cp1252").run()
    next(button for button in app.button if button.label == "Read it so").click().run()
    assert not app.error
    assert list(app.dataframe[0].value["text"]) == ["café", "thé", "été", "à"]


def test_A09_the_delimiter_is_shown_and_can_be_changed(open_page):
    app = upload(open_page(PAGE), "semi.csv", b"text;label\none,1;a\ntwo,2;b\nthree,3;a\nfour,4;b\n")
    chooser = next(box for box in app.selectbox if box.label == "Columns are parted by")
    assert chooser.value == ";"
    chooser.set_value(",").run()
    assert not app.exception
    assert "No row fits" in words_on(app)
    next(button for button in app.button if button.label == "Back to what was detected").click().run()
    assert not app.error
    assert list(app.dataframe[0].value["text"]) == ["one,1", "two,2", "three,3", "four,4"]


def test_C07_markup_in_cells_and_names_stays_text(open_page):
    evil = "</script><img src=x onerror=alert(1)>"
    content = f'"{evil}","**b** [l](https://example.org)"\n"{evil} one",a\n"two {evil}",b\nthree,a\nfour,b\n'.encode()
    app = upload(open_page(PAGE, show="Labels"), f"{evil}.csv", content)
    assert not app.exception
    assert "](https" not in words_on(app)


def test_another_reading_of_the_same_file_is_profiled_anew(open_page):
    app = upload(open_page(PAGE, show="Labels"), "dots.csv", "text,label\none,ä\ntwo,b\nthree,ä\n".encode())
    next(box for box in app.selectbox if box.label == "Encoding").set_value("latin-1").run()
    assert not app.exception
    bars = json.loads(app.get("plotly_chart")[0].proto.spec)
    assert "Ã¤" in bars["layout"]["yaxis"]["ticktext"]


def test_an_upload_can_be_deleted(open_page):
    app = upload(open_page(PAGE), "gone.csv", b"text,label\none,a\ntwo,b\nthree,a\nfour,b\n")
    next(button for button in app.button if button.label == "Delete for good").click().run()
    assert not app.exception
    assert "gone.csv" not in open_page(PAGE).selectbox(key="data").options


def test_Chinese_rows_are_counted_and_searched(open_page):
    rows = "".join(f"{text},{label}\n" for text, label in [("房间很好", "好"), ("服务太差", "差")] * 4)
    app = upload(open_page(PAGE, search="服务"), "酒店.csv", f"text,label\n{rows}".encode())
    assert not app.exception
    assert len(app.dataframe[0].value) == 4
