"""Workbooks as openpyxl writes them are read back cell by cell."""

import datetime
import io

import openpyxl
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.reading.read_table import read_table

# What XML cannot hold, openpyxl refuses to write; a lone carriage return it turns into a line feed.
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=12)
CELLS = TEXTS | st.sampled_from(["NA", "null", "None", "nan", "01", "1.0", "TRUE", "=1+1", "#N/A", '"', "a\nb", " x "])


def workbook(rows: list[list[object]]) -> bytes:
    """Every text as a text, also one that begins like a formula or looks like an error."""
    book = openpyxl.Workbook()
    for number, row in enumerate(rows, start=1):
        for place, value in enumerate(row, start=1):
            cell = book.active.cell(number, place, value)
            if isinstance(value, str):
                cell.data_type = "s"
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8))
def test_texts_come_back_exactly(rows: list[tuple[str, str]]):
    table = read_table(workbook([["text", "label"], *map(list, rows), ["last", "row"]]), name="a.xlsx")
    read = list(zip(table["text"], table["label"], strict=True))
    blank = [row for row in rows if any(row)]
    assert read in ([*rows, ("last", "row")], [*blank, ("last", "row")])


def test_numbers_dates_and_truths_are_as_people_see_them():
    day, moment = datetime.date(2024, 5, 1), datetime.datetime(2024, 5, 1, 13, 45)
    rows = [["text", "n", "when", "is"], ["a", 1, day, True], ["b", 1.0, moment, False], ["c", -2.5, day, True]]
    table = read_table(workbook(rows), name="a.xlsx")
    assert table["n"] == ["1", "1", "-2.5"]
    assert table["when"] == ["2024-05-01", "2024-05-01 13:45:00", "2024-05-01"]
    assert table["is"] == ["TRUE", "FALSE", "TRUE"]
