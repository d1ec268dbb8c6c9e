"""The Datasets page: samples, uploads of every kind of file, and each view of what is in them."""

import gzip
import json
from urllib.parse import parse_qsl

import pytest
from streamlit.testing.v1 import AppTest

from core.data import decisions
from core.data.column_mapping import ColumnMapping
from core.data.dataset.edits import Edits
from core.data.dataset.recipe import Recipe
from core.data.dataset.steps import DropDuplicates, DropRows
from core.data.reading.read_table import ReadOptions
from core.data.sources import uploads
from core.data.sources.references import open_table
from core.runs.folder import create_run
from core.runs.status import write_status
from core.tasks import SPECS
from core.training.plan.plan import Plan
from tests.columns import classes
from tests.pages.conftest import words_on

PAGE = "data/datasets/page.py"
ROWS = [{"text": text, "label": label} for text, label in zip(("one", "two", "x", "y"), "abab", strict=True)]
VIEWS = ("Health", "Rows", "Labels", "Lengths", "Extremes", "Typical words", "Repeats", "Scripts and signs", "Splits")
MESSY = """text,label
a good film,positive
a good film,positive
 a bad film <br /> indeed ,negative
"",negative
no label here,
dull and long,Negative
so dull and slow,negative
what a joy to see,positive
"""


def upload(app: AppTest, name: str, content: bytes) -> AppTest:
    return app.file_uploader(key="upload").upload(name, content, "application/octet-stream").run()


def rows_on(app: AppTest):
    """The table of rows, as it is shown."""
    return next(each.value for each in app.dataframe if str(each.key).startswith("rows-"))


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def show(app: AppTest, view: str) -> AppTest:
    return app.segmented_control(key="show").set_value(view).run()


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("sample", "rows"), [("reviews", 400), ("questions", 420), ("pairs", 400)])
def test_every_sample_opens_in_every_view(open_page, sample: str, rows: int, view: str):
    app = open_page(PAGE, data=f"sample:{sample}", show=view)
    assert not app.exception
    assert not app.error
    assert f"{rows} rows" in words_on(app)


@pytest.mark.parametrize("view", ["Labels", "Splits"])
@pytest.mark.parametrize("task", list(SPECS))
def test_views_of_labels_and_splits_open_for_every_task(open_page, task: str, view: str):
    app = open_page(PAGE, data="sample:reviews", task=task, show=view)
    assert not app.exception
    if view == "Splits":
        assert "**320** train, **40** validation, **40** test" in words_on(app)
        assert ("each label keeps its share" in words_on(app)) == SPECS[task].has_classes
    elif not SPECS[task].has_classes:
        assert "for tasks that give each text one label" in words_on(app)


def test_counts_are_those_of_the_file(open_page):
    app = open_page(PAGE, data="sample:questions", show="Labels")
    bars = json.loads(app.get("plotly_chart")[0].proto.spec)["data"][0]
    assert sorted(bars["text"]) == ["70"] * 6
    assert "right in **16.7%**" in words_on(app)


def test_lengths_in_tokens_are_the_tokenizers(open_page):
    from core import open_model
    from core.explore.tokens import count_tokens

    app = open_page(PAGE, data="sample:reviews", show="Lengths", **{"length-unit": "pieces"})
    assert not app.exception
    longest = next(metric for metric in app.metric if metric.label.startswith("Longest"))
    assert longest.value == str(max(count_tokens(open_model("builtin"), open_table("sample:reviews")["text"])))


def test_search_finds_rows_in_any_column_and_case(open_page):
    app = open_page(PAGE, search="LEMON", show="Rows")
    table = open_table("sample:reviews")
    wanted = [text for text in table["text"] if "lemon" in text.lower()]
    assert list(rows_on(app)["text"]) == wanted
    app.text_input(key="search").set_value("no such words anywhere").run()
    assert "No row is like that" in words_on(app)
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
        ("mine.csv.gz", gzip.compress(b"text,label\none,a\ntwo,b\nthree,a\nfour,b\n", mtime=0)),
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
    app = upload(open_page(PAGE, show="Rows"), "blank.csv", b"text,label\none,a\ntwo,\nthree,b\nfour,a\n")
    assert not app.exception
    assert len(app.error) == 1
    assert "2" in app.error[0].value
    assert list(rows_on(app)["label"]) == ["a", "", "b", "a"]


def test_A03_an_unclear_encoding_is_asked_for_with_previews(open_page):
    app = upload(open_page(PAGE, show="Rows"), "cafe.csv", "text,label\ncafé,a\nthé,b\nété,a\nà,b\n".encode("cp1252"))
    assert not app.exception
    app.radio[0].set_value("cp1252").run()
    next(button for button in app.button if button.label == "Read it so").click().run()
    assert not app.error
    assert list(rows_on(app)["text"]) == ["café", "thé", "été", "à"]


def test_A09_the_delimiter_is_shown_and_can_be_changed(open_page):
    app = upload(open_page(PAGE, show="Rows"), "semi.csv", b"text;label\none,1;a\ntwo,2;b\nthree,3;a\nfour,4;b\n")
    chooser = next(box for box in app.selectbox if box.label == "Columns are parted by")
    assert chooser.value == ";"
    chooser.set_value(",").run()
    assert not app.exception
    assert "No row fits" in words_on(app)
    next(button for button in app.button if button.label == "Back to what was detected").click().run()
    assert not app.error
    assert list(rows_on(app)["text"]) == ["one,1", "two,2", "three,3", "four,4"]


def test_C07_markup_in_cells_and_names_stays_text(open_page):
    evil = "</script><img src=x onerror=alert(1)>"
    content = f'"{evil}","**b** [l](https://example.org)"\n"{evil} one",a\n"two {evil}",b\nthree,a\nfour,b\n'.encode()
    app = upload(open_page(PAGE, show="Labels"), f"{evil}.csv", content)
    assert not app.exception
    assert "](https" not in words_on(app)


def test_another_reading_of_the_same_file_is_profiled_again(open_page):
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


def test_an_upload_deleted_in_another_tab_is_told(open_page):
    app = upload(open_page(PAGE), "gone.csv", b"text,label\none,a\ntwo,b\nthree,a\nfour,b\n")
    uploads.delete_upload(app.query_params["data"].removeprefix("upload:"))
    press(app, "Delete for good")
    assert not app.exception
    assert "There is no upload" in app.error[0].value


def test_a_refused_file_that_was_taken_away_offers_nothing(open_page):
    app = upload(open_page(PAGE), "short.csv", b"text,label\none,a\ntwo\nthree,b\nfour,a\n")
    assert "Fill up shorter rows with empty cells" in [button.label for button in app.button]
    app.file_uploader(key="upload").set_value([]).run()
    assert not app.exception
    assert not app.error
    assert "Fill up shorter rows with empty cells" not in [button.label for button in app.button]


def test_an_upload_that_a_run_still_reads_is_not_deleted(open_page):
    app = upload(open_page(PAGE), "kept.csv", b"text,label\none,a\ntwo,b\nthree,a\nfour,b\n")
    reference = app.query_params["data"]
    plan = Plan(data="sample:reviews", test_data=reference, text_column="text", label_column="label")
    run = create_run(plan.to_yaml(), name="Reader")
    write_status(run.path, "queued")
    press(app, "Delete for good")
    assert "the run “Reader” needs it" in app.error[0].value
    assert uploads.list_uploads()[0].reference == reference
    write_status(run.path, "stopped", message="Stopped.")
    press(app, "Delete for good")
    assert not app.exception
    assert not uploads.list_uploads()


def test_an_upload_is_parsed_once(open_page, monkeypatch):
    from core.data.reading import read_table

    parsed = []
    original = read_table._parse
    monkeypatch.setattr(read_table, "_parse", lambda *words: parsed.append(words[2]) or original(*words))
    app = open_page(PAGE)
    before = len(parsed)
    app = upload(app, "once.tsv", b"text\tlabel\none\ta\ntwo\tb\nthree\ta\nfour\tb\n")
    assert "4 rows" in words_on(app)
    assert parsed[before:] == ["tsv"]
    app = upload(app, "another name.tsv", b"text\tlabel\none\ta\ntwo\tb\nthree\ta\nfour\tb\n")
    assert parsed[before:] == ["tsv", "tsv"]
    assert app.selectbox(key="data").options[3:-1] == ["another name.tsv"]


def test_I02_one_file_under_two_names_reads_for_the_page_as_for_a_run(open_page):
    lines = b"a good film\na bad film\ntoo long\n"
    app = upload(open_page(PAGE), "lines.csv", lines)
    first = app.selectbox(key="data").value
    assert "2 rows" in words_on(app)
    app = upload(app, "lines.txt", lines)
    second = app.selectbox(key="data").value
    assert "3 rows" in words_on(app)
    for reference, rows in ((first, 2), (second, 3), (first, 2)):
        assert len(open_table(reference)) == rows
        assert f"{rows} rows" in words_on(open_page(PAGE, data=reference))


@pytest.fixture
def fetched(workspace):
    """A data set of the Hub as it lies there once it was fetched."""
    import datasets

    rows = {"text": ["one", "two", "three", "four"], "label": ["a", "b", "a", "b"]}
    datasets.Dataset.from_dict(rows).save_to_disk(str(workspace / "hub" / "some--set"))
    return "hub:some/set"


@pytest.mark.parametrize("address", [{"data": "hub:some/set"}, {"data": "other", "data-name": "some/set"}])
def test_a_fetched_data_set_can_be_deleted_unless_a_run_reads_it(open_page, workspace, fetched, address):
    app = open_page(PAGE, **address)
    assert "4 rows" in words_on(app)
    folder = workspace / "hub" / "some--set"
    plan = Plan(data=str(folder.resolve()), text_column="text", label_column="label")  # as a launched run names it
    run = create_run(plan.to_yaml(), name="Reader")
    write_status(run.path, "queued")
    press(app, "Delete for good")
    assert "the run “Reader” needs it" in app.error[0].value
    assert folder.is_dir()
    write_status(run.path, "stopped", message="Stopped.")
    press(app, "Delete for good")
    assert not app.exception
    assert not app.error
    assert not folder.exists()
    assert "400 rows" in words_on(app)  # the first of the samples
    assert "Hub: some/set" not in app.selectbox(key="data").options


def test_a_data_set_that_was_fetched_again_is_read_again(open_page, workspace, fetched):
    import shutil

    import datasets

    assert "4 rows" in words_on(open_page(PAGE, data=fetched))
    shutil.rmtree(workspace / "hub" / "some--set")
    datasets.Dataset.from_dict({"text": ["x"] * 7}).save_to_disk(str(workspace / "hub" / "some--set"))
    assert "7 rows" in words_on(open_page(PAGE, data=fetched))


def test_a_folder_and_a_file_of_the_home_folder(open_page, tmp_path, monkeypatch):
    import datasets

    monkeypatch.setenv("HOME", str(tmp_path))
    rows = {"text": ["one", "two", "three", "four"], "label": ["a", "b", "a", "b"]}
    datasets.Dataset.from_dict(rows).save_to_disk(str(tmp_path / "saved"))
    (tmp_path / "rows.csv").write_text(SORTED)
    assert "4 rows" in words_on(open_page(PAGE, data="other", **{"data-name": "~/saved"}))
    app = open_page(PAGE, data="other", **{"data-name": "~/rows.csv"})
    assert "is a file" in app.error[0].value


def corrected_and_fixed() -> str:
    """The reference of an upload in which one cell is corrected, and repeats are dropped."""
    rows = "".join(f"text number {n // 2},{'ab'[n // 2 % 2]}\n" for n in range(60))
    reference = uploads.store_upload(f"text,label\n{rows}".encode(), "doubled.csv").reference
    table = open_table(reference)
    decisions.save(table.content_hash, Edits(table.content_hash).set(table, 0, "text", "a text typed by hand"))
    decisions.save(table.content_hash, Recipe((DropDuplicates(),)))
    return reference


def test_I03_the_rows_of_a_finding_are_those_after_corrections_and_fixes(open_page):
    reference = corrected_and_fixed()
    table = open_table(reference)
    decisions.save(table.content_hash, Edits(table.content_hash).set(table, 0, "text", "typed <b>by hand</b>"))
    app = open_page(PAGE, data=reference, show="Health")
    assert not app.exception
    (frame,) = [
        each.value for each in app.dataframe if len(each.value) == 1 and list(each.value.columns) == ["text", "label"]
    ]
    assert frame["text"].tolist() == ["typed <b>by hand</b>"]
    assert frame.index.tolist() == [1]


def test_fixes_are_shown_in_the_order_in_which_they_are_done(open_page):
    rows = "".join(f"text number {n},{'ab'[n % 2]}\n" for n in range(30))
    content = f"text,label\n{rows}one text,good\none text,good\none text,bad\none text,Good\n"
    app = upload(open_page(PAGE, show="Health"), "votes.csv", content.encode())
    for fix in ("Drop exact duplicates", "Drop contradictions", "Merge labels that differ only in case or spaces"):
        press(app, fix)
        assert not app.exception
    told = words_on(app).replace("\\", "")
    places = [
        told.index(f"{number}. **{fix}") for number, fix in enumerate(("Merge labels", "Drop contra", "Drop exact"), 1)
    ]
    assert places == sorted(places)
    assert "34 rows in the file, 31 left" in told
    assert "undone first is “Merge labels" in told
    press(app, "Undo the last fix")
    assert "1. **Drop contradictions" in words_on(app).replace("\\", "")


def test_a_data_set_compared_with_is_read_as_it_is_and_that_is_said(open_page):
    reference = corrected_and_fixed()
    app = open_page(PAGE, show="Repeats")
    app.selectbox(key="leaks-with").set_value(reference).run()
    assert not app.exception
    assert "is read as it is, without the corrections" in words_on(app)
    app.selectbox(key="leaks-with").set_value("sample:questions").run()
    assert "is read as it is" not in words_on(app)


def test_Chinese_rows_are_counted_and_searched(open_page):
    rows = "".join(f"{text},{label}\n" for text, label in [("房间很好", "好"), ("服务太差", "差")] * 4)
    app = upload(open_page(PAGE, search="服务", show="Rows"), "酒店.csv", f"text,label\n{rows}".encode())
    assert not app.exception
    assert len(rows_on(app)) == 4


def test_rows_are_filtered_and_sorted(open_page):
    app = open_page(PAGE, data="sample:questions", show="Rows", **{"rows-least": "12", "rows-order": "longest first"})
    assert not app.exception
    lengths = [len(text.split()) for text in rows_on(app)["text"]]
    assert lengths == sorted(lengths, reverse=True)
    assert min(lengths) >= 12
    app.multiselect(key="rows-labels").set_value(["events"]).run()
    assert set(rows_on(app)["label"]) == {"events"}


def test_the_health_card_names_what_to_fix_and_fixes_are_applied_and_undone(open_page):
    app = upload(open_page(PAGE), "messy.csv", MESSY.encode())
    assert not app.exception
    assert len(app.error) == 1  # a row without a label cannot be trained on
    press(app, "Drop rows without a usable label")
    assert not app.error
    press(app, "Drop rows without a text")
    press(app, "Drop exact duplicates")
    assert "8 rows in the file, 5 left" in words_on(app)
    press(app, "Undo the last fix")
    assert "8 rows in the file, 6 left" in words_on(app)
    again = open_page(PAGE, data=app.selectbox(key="data").value)  # tomorrow, in another browser
    assert "8 rows in the file, 6 left" in words_on(again)
    press(again, "Undo the last fix")
    press(again, "Undo the last fix")
    assert "Fixes so far" not in words_on(again)
    assert len(again.error) == 1


def test_what_other_views_have_counted_is_told_on_the_health_card(open_page):
    rows = [f"{'word ' * (150 if n == 3 else 5)}{n} {'鑫' * (n == 4)},{'ab'[n % 2]}" for n in range(20)]
    rows += ["the weather is very nice in this town today,a", "The weather is very nice in this town today!,b"]
    reference = uploads.store_upload("\n".join(["text,label", *rows, ""]).encode(), "counted.csv").reference
    app = open_page(PAGE, data=reference, show="Health")
    assert "Told here once another view has counted them: texts that are nearly the same" in words_on(app)
    show(app, "Repeats")
    show(app, "Lengths")
    app.segmented_control(key="length-unit").set_value("tokens").run()
    show(app, "Scripts and signs")
    show(app, "Health")
    assert not app.exception
    told = words_on(app)
    assert "Told here once" not in told
    assert "1 text is longer than 128 tokens" in told
    assert "1 text is nearly the same" in told
    assert "1 pair of nearly the same texts has different labels" in told
    assert "[UNK]" in told.replace("\\", "")


NO_NUMBERS = ("inf", "-inf", "nan", "1e400", "-5", "1.5", "text", "", "9" * 400, "٣")


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_a_number_in_the_address_that_is_none_is_passed_over(open_page, value: str):
    app = open_page(PAGE, show="Rows", **{"rows-least": value, "rows-most": value})
    assert not app.exception
    assert "400 rows of 400" in words_on(app)
    assert (app.number_input(key="rows-least").value, app.number_input(key="rows-most").value) == (0, None)
    assert not {"rows-least", "rows-most"} & set(app.query_params)


def test_numbers_live_in_the_address(open_page):
    app = open_page(PAGE, show="Rows", **{"rows-least": "3", "rows-most": "20"})
    assert (app.number_input(key="rows-least").value, app.number_input(key="rows-most").value) == (3, 20)
    app.number_input(key="rows-least").set_value(7).run()
    assert app.query_params["rows-least"] == "7"
    assert app.run().number_input(key="rows-least").value == 7
    app.number_input(key="rows-most").set_value(None).run()
    app.number_input(key="rows-least").set_value(0).run()
    assert not {"rows-least", "rows-most"} & set(app.query_params)
    assert app.run().number_input(key="rows-most").value is None


def test_another_data_set_is_no_old_address(open_page):
    app = open_page(PAGE, data="sample:questions", show="Typical words")
    label = app.selectbox(key="typical-label")
    label.set_value(label.options[2]).run()
    app.selectbox(key="data").set_value("sample:reviews").run()
    assert not app.exception
    assert "The link names" not in words_on(app)
    old = open_page(PAGE, data="sample:reviews", show="Typical words", **{"typical-label": "no such label"})
    assert "The link names" in words_on(old)


def test_classes_are_capped_when_somebody_wants_it(open_page):
    app = open_page(PAGE, data="sample:questions")
    app.number_input(key="cap-rows").set_value(10).run()
    press(app, "Cap")
    assert "420 rows in the file, 60 left" in words_on(app)


def test_labels_get_an_order_and_names_that_training_keeps(open_page):
    from core.data.decisions.store import load, save

    app = open_page(PAGE, data="sample:reviews", show="Labels")
    table = open_table("sample:reviews")
    editor = next(each for each in app.dataframe if str(each.key).startswith("label-names-"))
    assert list(editor.value["Name"]) == ["negative", "positive"]
    mapping = classes("text", "label")
    named = mapping.with_labels(("positive", "negative"), {"negative": "bad"})
    save(table.content_hash, named)
    again = open_page(PAGE, data="sample:reviews", show="Labels")
    bars = json.loads(again.get("plotly_chart")[0].proto.spec)
    assert sorted(bars["layout"]["yaxis"]["ticktext"]) == ["bad", "positive"]
    assert load(table.content_hash, ColumnMapping).id2label() == {0: "positive", 1: "bad"}


def test_splits_are_kept_by_row_and_used_by_fine_tune(open_page):
    from core.data.decisions.preparation import Preparation

    app = open_page(PAGE, data="sample:reviews", show="Splits")
    assert "**320** train, **40** validation, **40** test" in words_on(app)
    app.slider(key="share-test").set_value(20).run()
    press(app, "Keep these splits")
    assert "Fine-tune uses them" in words_on(app)
    kept = Preparation.of(open_table("sample:reviews").content_hash).splits
    assert len(kept.test.rows) == 80
    tune = open_page("train/fine_tune/page.py", data="sample:reviews")
    assert not tune.exception
    assert "splits kept on the page Datasets" in words_on(tune)
    press(app, "Forget these splits")
    assert "Keep these splits" in [button.label for button in app.button]


def test_a_test_set_that_repeats_rows_is_told(open_page):
    app = upload(open_page(PAGE), "copy.csv", b"text,label\n" + _csv(open_table("sample:reviews"), 30))
    reference = app.selectbox(key="data").value
    app = open_page(PAGE, data="sample:reviews", show="Repeats")
    assert "sample:reviews" not in app.selectbox(key="leaks-with").options
    app.selectbox(key="leaks-with").set_value(reference).run()
    assert not app.exception
    assert "**30 rows** of 30" in words_on(app)


def test_B07_B08_a_test_set_is_compared_by_labels_as_they_stand_in_the_files(open_page):
    """Names that were given to labels do not make the labels of another file different ones."""
    rows = [f"row {n} of many,{n % 2}" for n in range(40)]
    first = uploads.store_upload("\n".join(["text,label", *rows, ""]).encode(), "first.csv").reference
    other = [*rows[:9], "row 9 of many,0"]
    second = uploads.store_upload("\n".join(["text,label", *other, ""]).encode(), "second.csv").reference
    third = uploads.store_upload("\n".join(["text,label", *rows[:3], "new,2", ""]).encode(), "third.csv").reference
    table = open_table(first)
    mapping = classes("text", "label")
    decisions.save(table.content_hash, mapping.with_labels(("0", "1"), {"0": "negative", "1": "positive"}))
    app = open_page(PAGE, data=first, show="Repeats")
    app.selectbox(key="leaks-with").set_value(second).run()
    assert not app.exception
    assert "**10 rows** of 10" in words_on(app)
    assert "1 of them under another label" in words_on(app)
    app.selectbox(key="leaks-with").set_value(third).run()
    assert not app.exception
    assert "**3 rows** of 4" in words_on(app)
    assert "another label" not in words_on(app)
    assert "1 row has a label that the training data does not know" in words_on(app)


def test_rows_are_filtered_by_the_names_that_labels_were_given(open_page):
    rows = "".join(f"row {n},{n % 2}\n" for n in range(20))
    reference = uploads.store_upload(f"text,label\n{rows}".encode(), "named.csv").reference
    mapping = classes("text", "label")
    named = mapping.with_labels(("0", "1"), {"0": "negative", "1": "positive"})
    decisions.save(open_table(reference).content_hash, named)
    app = open_page(PAGE, data=reference, show="Rows")
    assert app.multiselect(key="rows-labels").options == ["negative", "positive"]
    app.multiselect(key="rows-labels").select("0").run()
    assert not app.exception
    assert list(rows_on(app)["label"]) == ["0"] * 10


def test_B09_repeats_are_dropped_only_where_that_loses_nothing(open_page):
    scores = "".join(f"text {n // 2},{n / 2}\n" for n in range(20))
    reference = uploads.store_upload(f"text,score\n{scores}".encode(), "scores.csv").reference
    labels = "".join(f"text {n % 10},{'ab'[n // 10]}\n" for n in range(20))
    clash = uploads.store_upload(f"text,label\n{labels}".encode(), "labels.csv").reference
    drop = "Drop exact duplicates"
    for view, told in (("Health", "10 rows repeat"), ("Repeats", "Rows that repeat the text of an earlier one**: 10")):
        app = open_page(PAGE, data=reference, task="regression", show=view)
        assert not app.exception
        assert told in words_on(app)
        assert drop not in [button.label for button in app.button]
        app = open_page(PAGE, data=reference, task="masked-language", show=view)
        assert drop in [button.label for button in app.button]
    app = open_page(PAGE, data=clash, show="Repeats")
    assert "Rows that repeat an earlier one**: 0" in words_on(app)
    assert "Texts under different labels**: 10" in words_on(app)
    assert drop not in [button.label for button in app.button]  # each stands once under each label


def test_B08_splits_by_a_column_that_share_texts_are_told_and_fine_tune_says_it_too(open_page):
    rows = [f"text {n % 20},{'ab'[n % 2]},{'train' if n < 20 else 'test'}" for n in range(40)]
    reference = uploads.store_upload("\n".join(["text,label,split", *rows, ""]).encode(), "leaks.csv").reference
    app = open_page(PAGE, data=reference, show="Splits")
    told = "Rows to validate or test on that also stand in training, word for word: **20**."
    assert told in words_on(app)
    press(app, "Keep these splits")
    assert told in words_on(app)
    press(app, "Forget these splits")
    app.segmented_control(key="split-how").set_value("By shares").run()
    assert not app.exception
    assert "word for word" not in words_on(app)
    assert "a split by shares keeps repeats together" in words_on(app)


def test_B08_questions_about_one_context_are_kept_on_one_side(open_page):
    from core.data.decisions.preparation import Preparation

    contexts = [" ".join(map(str, range(4 * n, 4 * n + 4))) for n in range(20)]
    rows = [f"what is {n}?,context {contexts[n // 4]},{n}" for n in range(80)]
    content = "\n".join(["question,context,answer", *rows, ""]).encode()
    reference = uploads.store_upload(content, "questions.csv").reference
    app = open_page(PAGE, data=reference, task="question-answering", show="Splits")
    assert "equal texts, and questions about one context, never stand on two sides" in words_on(app)
    table = open_table(reference)
    for keeps_near in (False, True):
        app.toggle(key="split-near").set_value(keeps_near).run()
        press(app, "Keep these splits")
        assert not app.exception
        splits = Preparation.of(table.content_hash).splits
        parts = [
            {table["context"][row] for row in part.rows} for part in (splits.train, splits.validation, splits.test)
        ]
        assert all(parts)
        assert sum(map(len, parts)) == 20
        press(app, "Forget these splits")


def _csv(table, rows: int) -> bytes:
    import csv
    import io

    text = io.StringIO()
    csv.writer(text).writerows(list(zip(table["text"], table["label"], strict=True))[:rows])
    return text.getvalue().encode()


@pytest.mark.parametrize(
    ("task", "content", "words"),
    [
        ("multi-label", 'text,labels\none,"a,b"\ntwo,b\nthree,"a,c"\n', "fit the task"),
        ("regression", "text,score\none,1.5\ntwo,2\nthree,3\n", "fit the task"),
        ("token-classification", "tokens,tags\na b,O O\nc d,O\n", "row 2"),
        ("question-answering", "question,context,answer\nwho?,it was me,me\nwho?,it was me,you\n", "row 2"),
        ("multiple-choice", "ctx,ending0,ending1,label\nwe,go,stay,0\nyou,go,stay,1\n", "fit the task"),
        ("masked-language", "text\none\ntwo\n", "fit the task"),
    ],
)
def test_every_task_has_a_mapping_that_is_checked(open_page, task: str, content: str, words: str):
    app = upload(open_page(PAGE, task=task), f"{task}.csv", content.encode())
    assert not app.exception
    assert words in words_on(app).replace("\\", "")


def test_a_table_made_for_another_task_says_so_and_a_click_takes_it(open_page):
    app = upload(open_page(PAGE), "tags.csv", b"tokens,tags\na b,O X\nc d,O O\n")
    assert "This table looks made for “Tag words”" in words_on(app)
    app.button("take-task").click().run()
    assert not app.exception
    assert app.session_state["task"] == "token-classification"
    assert "looks made for" not in words_on(app)
    assert "fit the task" in words_on(app)


def test_a_part_of_a_task_is_chosen_and_checked_at_once(open_page):
    app = upload(open_page(PAGE, task="regression"), "scores.csv", b"text,score\none,1.5\ntwo,x\nthree,3\n")
    assert "No column is chosen for “Score”" in words_on(app)
    next(box for box in app.selectbox if box.label == "Score").set_value("score").run()
    assert not app.exception
    assert "row 2" in words_on(app)


def test_a_sheet_of_a_workbook_is_chosen_and_its_own_rows_are_shown(open_page):
    import io

    import openpyxl

    book = openpyxl.Workbook()
    for name, rows in (("first", [("one", "01"), ("two", "02")]), ("other", [("three", "03"), ("four", "04")])):
        sheet = book.active if name == "first" else book.create_sheet()
        sheet.title = name
        for row in (("text", "label"), *rows):
            sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    app = upload(open_page(PAGE, show="Rows"), "book.xlsx", content.getvalue())
    assert not app.exception
    assert list(rows_on(app)["label"]) == ["01", "02"]
    next(box for box in app.selectbox if box.label == "Sheet").set_value("other").run()
    assert not app.exception
    assert list(rows_on(app)["text"]) == ["three", "four"]


def test_a_saved_folder_is_opened_and_its_split_chosen(open_page, tmp_path):
    import datasets

    rows = {"text": ["one", "two", "three", "four"], "label": ["a", "b", "a", "b"]}
    parts = {"train": datasets.Dataset.from_dict(rows), "test": datasets.Dataset.from_dict(rows)}
    datasets.DatasetDict(parts).save_to_disk(str(tmp_path / "saved"))
    app = open_page(PAGE, data="other", **{"data-name": str(tmp_path / "saved")})
    assert not app.exception
    assert "8 rows" in words_on(app)
    next(box for box in app.selectbox if box.label == "Split").set_value("train").run()
    assert "4 rows" in words_on(app)
    link = next(each for each in app.get("page_link") if each.proto.label == "Train on this data")
    address = dict(parse_qsl(link.proto.query_string))
    assert not open_page("train/fine_tune/page.py", **address).exception
    assert "8 single texts" in words_on(open_page("train/fine_tune/page.py", **address))
    datasets.Dataset.from_dict({name: cells + cells for name, cells in rows.items()}).save_to_disk(
        str(tmp_path / "saved")
    )
    assert "8 rows" in words_on(open_page(PAGE, data="other", **{"data-name": str(tmp_path / "saved")}))


@pytest.mark.parametrize("name", ["dair-ai/emotion", "https://example.org/x.csv", "s3://bucket/*", "../../etc"])
def test_C06_F07_a_name_that_cannot_be_fetched_says_what_is_at_hand(open_page, name: str):
    app = open_page(PAGE, data="other", **{"data-name": name})
    assert not app.exception
    assert len(app.error) == 1


def test_A05_shorter_rows_are_filled_up_only_when_told_to(open_page):
    app = upload(open_page(PAGE, show="Rows"), "short.csv", b"text,label\none,a\ntwo\nthree,b\nfour,a\n")
    assert len(app.error) == 1
    press(app, "Fill up shorter rows with empty cells")
    assert not app.exception
    assert list(rows_on(app)["label"]) == ["a", "", "b", "a"]
    again = open_page(PAGE, show="Rows", data=app.selectbox(key="data").value)
    assert list(rows_on(again)["text"]) == ["one", "two", "three", "four"]  # kept with the upload
    press(again, "Back to what was detected")
    assert "row 2" in open_page(PAGE, show="Rows", data=app.selectbox(key="data").value).error[0].value


def test_corrections_are_there_in_a_new_session_that_reads_the_file_as_before(open_page):
    app = upload(open_page(PAGE), "bare.csv", b"a film,good\nb film,bad\nc film,good\nd film,bad\n")
    reference = app.query_params["data"]
    next(each for each in app.toggle if each.label == "First row holds names").set_value(False).run()
    table = open_table(reference, options=ReadOptions(header=False))
    decisions.save(table.content_hash, Edits(table.content_hash).set(table, 0, "column_2", "bad"))
    again = open_page(PAGE, data=reference, show="Rows")
    assert not again.error
    assert list(rows_on(again)["column_2"]) == ["bad", "bad", "good", "bad"]


def test_splits_made_before_rows_came_back_are_told_and_can_be_forgotten(open_page):
    app = upload(open_page(PAGE, show="Health"), "messy.csv", MESSY.encode())
    press(app, "Drop rows without a usable label")
    press(app, "Drop rows without a text")
    reference = app.selectbox(key="data").value
    app = open_page(PAGE, show="Splits", data=reference)
    press(app, "Keep these splits")
    app = open_page(PAGE, show="Health", data=reference)
    press(app, "Undo the last fix")
    app = open_page(PAGE, show="Splits", data=reference)
    assert not app.exception
    assert "The saved splits do not know row 4" in words_on(app).replace("\\", "")
    press(app, "Forget these splits")
    assert not app.error


SORTED = "text,label\n" + "".join(f"row number {n},{'ab'[n % 2]}\n" for n in range(40))


def decided(app: AppTest):
    """Table, columns and what is kept of an upload."""

    from core.data.decisions.preparation import Preparation

    table = open_table(app.selectbox(key="data").value)
    return (
        table,
        classes("text", "label"),
        Preparation.of(table.content_hash),
    )


def test_a_new_label_joins_those_that_have_names(open_page):
    from core.data.dataset.edits import Edits
    from core.data.decisions.store import save

    app = upload(open_page(PAGE, show="Labels"), "names.csv", SORTED.encode())
    table, columns, _ = decided(app)
    mapping = classes("text", "label")
    save(table.content_hash, mapping.with_labels(("b", "a"), {"a": "Apple"}))
    save(table.content_hash, Edits(table.content_hash).set(table, 0, "label", "c"))
    app = open_page(PAGE, data=app.selectbox(key="data").value, show="Labels")
    assert not app.exception
    assert not app.error
    editor = next(each.value for each in app.dataframe if str(each.key).startswith("label-names-"))
    assert list(editor["Name"]) == ["b", "Apple", "c"]
    _, _, preparation = decided(app)
    dataset = preparation.dataset(table, columns)
    assert dataset.label_names == ("b", "Apple", "c")
    assert [dataset.label_names[dataset.labels[row]] for row in (0, 1, 2)] == ["c", "b", "Apple"]


def test_merged_labels_leave_no_empty_class(open_page):
    from core.data.dataset.recipe import Recipe
    from core.data.dataset.row_selection import select_rows
    from core.data.dataset.steps import MergeLabels
    from core.data.decisions.store import save

    rows = "text,label\n" + "".join(f"row {n},{('good', 'bad', 'Good')[n % 3]}\n" for n in range(31))
    app = upload(open_page(PAGE, show="Labels"), "merge.csv", rows.encode())
    table, columns, _ = decided(app)
    save(table.content_hash, Recipe().then(MergeLabels()))
    mapping = classes("text", "label")
    save(table.content_hash, mapping.with_labels(("good", "bad", "Good"), {"good": "fine", "Good": "other"}))
    _, _, preparation = decided(app)
    assert preparation.dataset(table, columns).label_names == ("fine", "bad")
    assert preparation.labels(preparation.recipe.apply(select_rows(table, columns)).selection, columns) == [
        ("good", "fine"),
        ("bad", "bad"),
    ]


def test_stale_splits_are_told_before_a_training_starts(open_page):
    app = upload(open_page(PAGE, show="Health"), "messy.csv", MESSY.encode())
    press(app, "Drop rows without a usable label")
    press(app, "Drop rows without a text")
    reference = app.selectbox(key="data").value
    press(open_page(PAGE, show="Splits", data=reference), "Keep these splits")
    press(open_page(PAGE, show="Health", data=reference), "Undo the last fix")
    tune = open_page("train/fine_tune/page.py", data=reference)
    assert not tune.exception
    assert "do not know" in words_on(tune)
    assert "Start training" not in [button.label for button in tune.button]


def test_corrections_of_another_reading_can_be_set_aside(open_page):
    from core.data.dataset.edits import Edits
    from core.data.decisions.store import save

    app = upload(open_page(PAGE), "reading.csv", SORTED.encode())
    table, _, _ = decided(app)
    save(table.content_hash, Edits(table.content_hash).set(table, 3, "label", "c"))
    app = open_page(PAGE, data=app.selectbox(key="data").value)
    next(toggle for toggle in app.toggle if toggle.label == "First row holds names").set_value(False).run()
    assert not app.exception
    assert "The corrections that are kept for this file are set aside" in words_on(app)
    press(app, "Forget the corrections")
    assert not app.exception
    assert "set aside" not in words_on(app)


def read_with_names(app: AppTest, wanted: bool) -> AppTest:
    return next(each for each in app.toggle if each.label == "First row holds names").set_value(wanted).run()


def test_splits_and_dropped_rows_of_another_reading_are_set_aside_and_come_back_with_it(open_page):
    """Both name rows by number, and a row more shifts all of them."""
    from pages.shared.preparation import FilePreparation

    app = upload(open_page(PAGE), "shifted.csv", SORTED.encode())
    reference = app.query_params["data"]
    table, _, preparation = decided(app)
    FilePreparation(table.content_hash, preparation, table.options).apply_step(DropRows((3,)))
    app = open_page(PAGE, data=reference, show="Splits")
    assert "**31** train, **4** validation, **4** test" in words_on(app)
    press(app, "Keep these splits")
    read_with_names(app, False)
    assert not app.exception
    assert "The fixes kept for this file were made for another reading" in words_on(app)
    assert "The splits kept for this file were made for another reading" in words_on(app)
    assert "**33** train, **4** validation, **4** test" in words_on(app)  # a row more, and none is left out
    read_with_names(app, True)
    assert not app.error
    assert "Fine-tune uses them" in words_on(app)
    read_with_names(app, False)
    press(app, "Forget the fixes")
    press(app, "Keep these splits")  # in the place of those of the other reading
    assert not app.error
    assert "Fine-tune uses them" in words_on(app)


def test_deleting_an_upload_deletes_what_was_decided(open_page):
    app = upload(open_page(PAGE, show="Health"), "messy.csv", MESSY.encode())
    press(app, "Drop rows without a text")
    press(app, "Delete for good")
    assert not app.exception
    assert "which is not here" not in words_on(app)
    again = upload(open_page(PAGE, show="Health"), "messy.csv", MESSY.encode())
    assert "Fixes so far" not in words_on(again)


def test_tags_are_not_judged_as_classes(open_page):
    app = upload(open_page(PAGE, task="token-classification"), "tags.conll", b"a O\nb B-X\n\nc O\nd O\n\n" * 3)
    assert not app.exception
    assert "different labels" not in words_on(app)
    (link,) = app.get("page_link")
    assert link.proto.label == "Train on this data"
    assert "task=token-classification" in link.proto.query_string


def test_the_fixed_table_is_exported_with_harmless_cells(workspace):

    from core.data.dataset.edits import Edits
    from core.data.dataset.recipe import Recipe
    from core.data.dataset.steps import DropDuplicates
    from core.data.decisions.preparation import Preparation
    from pages.data.datasets.health import fixed_file
    from pages.shared.preparation import FilePreparation

    table = open_table(b"text,label\none,a\none,a\ntwo,b\n", name="t.csv")
    edits = Edits(table.content_hash).set(table, 2, "text", "=1+1")
    layers = FilePreparation(table.content_hash, Preparation(edits=edits, recipe=Recipe().then(DropDuplicates())))
    rows = fixed_file(table, classes("text", "label"), layers).decode().splitlines()
    assert rows == ["text,label", "one,a", "'=1+1,b"]
    exact = fixed_file(table, classes("text", "label"), layers, exactly=True)
    assert open_table(exact, name="fixed.jsonl")["text"] == ["one", "=1+1"]


def test_another_text_column_keeps_the_names_of_labels(open_page):
    from core.data.decisions.store import load, save

    rows = "text,other,label\n" + "".join(f"row {n},word {n},{'ab'[n % 2]}\n" for n in range(20))
    app = upload(open_page(PAGE, show="Labels"), "two.csv", rows.encode())
    table, _, _ = decided(app)
    mapping = classes("text", "label")
    save(table.content_hash, mapping.with_labels(("b", "a"), {"a": "Apple"}))
    app = open_page(PAGE, data=app.selectbox(key="data").value, show="Labels")
    next(box for box in app.selectbox if box.label == "Text").set_value("other").run()
    assert not app.exception
    kept = load(table.content_hash, ColumnMapping)
    assert (kept["text"], kept.id2label()) == ("other", {0: "b", 1: "Apple"})
