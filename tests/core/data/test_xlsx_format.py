"""Excel workbooks: every cell is the string a person sees there; sheets can be chosen; nothing is guessed away."""

import gzip

import pytest

from core.data.reading.formats.xlsx.values import NumberFormat, formatted_number, number_format, number_text, unescape
from core.data.reading.read_table import ReadOptions, read_table
from core.errors import LabError
from tests.workbooks import archive, number_cell, sheet, text_cell, text_rows, workbook


def rows(table):
    return list(zip(*(table[name] for name in table.columns), strict=True))


def test_texts_stay_as_they_are_and_numbers_are_whole_or_not():
    cells = "".join(
        f"<row>{text_cell(text)}{number_cell(raw)}</row>"
        for text, raw in [("01", "1"), ("NA", "1.0"), ("", "0.30000000000000004"), (" x\n", "1E-7"), ("1", "-0")]
    )
    table = read_table(workbook(text_rows([["text", "value"]]) + cells), name="x.xlsx")
    assert rows(table) == [("01", "1"), ("NA", "1"), ("", "0.3"), (" x\n", "1E-07"), ("1", "0")]
    assert table.options == ReadOptions(format="xlsx", sheet="Sheet1", header=True)
    assert table.notices == ()


def test_shared_and_rich_strings_without_their_readings():
    strings = (
        "<si><t>text</t></si><si><r><rPr/><t>bold </t></r><r><t>plain</t></r></si>"
        "<si><t>東京</t><rPh><t>トウキョウ</t></rPh></si><si/>"
    )
    cells = "".join(f'<row><c t="s"><v>{number}</v></c></row>' for number in (0, 1, 2, 3, 1))
    table = read_table(workbook(cells, strings=strings), name="x.xlsx")
    assert table["text"] == ["bold plain", "東京", "", "bold plain"]


def test_dates_booleans_errors_and_formulas():
    styles = (
        '<numFmts><numFmt numFmtId="164" formatCode="dd/mm/yyyy"/><numFmt numFmtId="165" formatCode="00000"/>'
        '<numFmt numFmtId="166" formatCode="[h]:mm"/><numFmt numFmtId="167" formatCode="0&quot; days&quot;"/></numFmts>'
        '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/>'
        '<xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="166"/><xf numFmtId="167"/><xf numFmtId="9"/></cellXfs>'
    )
    values = [
        (number_cell("45413", 1), "2024-05-01"),
        (number_cell("45413.5731481481", 2), "2024-05-01 13:45:20"),
        (number_cell("7", 3), "00007"),
        (number_cell("1.25", 4), "30:00:00"),
        (number_cell("3", 5), "3"),
        (number_cell("0.5", 6), "0.5"),
        ('<c t="d"><v>2024-05-01</v></c>', "2024-05-01"),
        ('<c t="b"><v>1</v></c>', "TRUE"),
        ('<c t="b"><v>0</v></c>', "FALSE"),
        ('<c t="e"><v>#N/A</v></c>', "#N/A"),
        ("<c><f>1+1</f><v>2</v></c>", "2"),
        ('<c t="str"><f>A1&amp;B1</f><v>xy</v></c>', "xy"),
        ("<c><f>1+1</f></c>", ""),
        ("<c><f>1+1</f><v/></c>", ""),
    ]
    cells = "".join(f"<row>{text_cell('x')}{cell}</row>" for cell, _ in values)
    table = read_table(workbook(text_rows([["text", "value"]]) + cells, styles=styles), name="x.xlsx")
    assert table["value"] == [seen for _, seen in values]
    assert table.notices == (
        "2 formulas have no stored result and became empty cells, the first in row 14, column 2: "
        "open the file in a spreadsheet program and save it.",
        "1 cell holds an error, such as #N/A; it is kept as text.",
    )


@pytest.mark.parametrize(
    ("serial", "from_1904", "seen"),
    [
        ("1", False, "1900-01-01"),
        ("59", False, "1900-02-28"),
        ("60", False, "1900-02-29"),
        ("61", False, "1900-03-01"),
        ("0.75", False, "18:00:00"),
        ("2958465", False, "9999-12-31"),
        ("2958466", False, "2958466"),
        ("-1", False, "-1"),
        ("1e300", False, "1" + "0" * 300),
        ("0", True, "1904-01-01"),
        ("43950.999999999", True, "2024-05-01"),
        ("x", False, "x"),
    ],
)
def test_day_numbers(serial, from_1904, seen):
    assert formatted_number(serial, NumberFormat(is_date=True), from_1904=from_1904) == seen


def test_the_epoch_of_1904_is_that_of_the_workbook():
    styles = '<cellXfs><xf numFmtId="14"/></cellXfs>'
    cells = text_rows([["date"]]) + f"<row>{number_cell('0')}</row>"
    assert read_table(workbook(cells, styles=styles, properties='date1904="1"'), name="x.xlsx")["date"] == [
        "1904-01-01"
    ]


@pytest.mark.parametrize(
    ("code", "is_date"),
    [
        ("General", False),
        ("0.00E+00", False),
        ('#,##0.00 "USD"', False),
        ("[Red]0.0;[Blue]-0.0", False),
        ("0_d", False),
        ("[$-409]d mmm yy", True),
        ("h:mm AM/PM", True),
        ("mm:ss.0", True),
    ],
)
def test_which_formats_are_dates(code, is_date):
    assert number_format(164, code).is_date is is_date


def test_numbers_and_escapes():
    assert number_text("1E+20") == "1" + "0" * 20
    assert number_text("0.1234567890123456789") == "0.123456789012346"
    assert number_text("12345678901234567890") == "12345678901234567890"
    assert unescape("a_x000D_\nb_x00e9__xD83D__xDE42_ _x00_") == "a\r\nbé🙂 _x00_"


def test_a_sheet_is_chosen_by_its_name_and_the_first_visible_one_without():
    sheets = {
        "notes": text_rows([["a"], ["1"]]),
        "Data & more": text_rows([["b"], ["2"]]),
        "third": text_rows([["c"], ["3"]]),
    }
    content = workbook(sheets, hidden=["notes"])
    table = read_table(content, name="x.xlsx")
    assert (table.columns, table.options.sheet) == (("b",), "Data & more")
    assert table.parts == ("notes", "Data & more", "third")
    assert table.notices == ("The file has 3 sheets: 'notes', 'Data & more', 'third'. This is 'Data & more'.",)
    assert read_table(content, name="x.xlsx", options=ReadOptions(sheet="notes")).columns == ("a",)
    again = ReadOptions.from_dict(table.options.to_dict())
    assert read_table(content, name="x.xlsx", options=again).data.equals(table.data)
    with pytest.raises(LabError, match=r"no sheet 'four'.*'third'"):
        read_table(content, name="x.xlsx", options=ReadOptions(sheet="four"))


def test_cells_stand_where_their_addresses_say():
    cells = (
        '<row r="2"><c r="B2" t="str"><v>text</v></c><c r="D2" t="str"><v>label</v></c></row>'
        '<row r="4"><c r="D4"><v>7</v></c></row><row r="5"><c r="A5"/><c r="B5" t="str"><v>x</v></c></row>'
    )
    table = read_table(workbook(cells), name="x.xlsx")
    assert table.columns == ("column_1", "text", "column_3", "label")
    assert rows(table) == [("", "", "", "7"), ("", "x", "", "")]
    assert "1 row without any value, between others, was left out." in table.notices


def test_without_names_and_with_later_wider_rows():
    content = workbook(text_rows([["good", "pos"], ["bad", "neg"], ["fine", "pos", "more"]]))
    table = read_table(content, name="x.xlsx")
    assert table.columns == ("column_1", "column_2", "column_3")
    assert len(table) == 3
    assert "The first row was taken for data, not for column names." in table.notices
    assert len(read_table(content, name="x.xlsx", options=ReadOptions(header=True))) == 2


def test_prefixed_elements_absolute_targets_and_gzip():
    parts = {
        "xl/workbook.xml": '<x:workbook xmlns:x="a" xmlns:q="b"><x:sheets><x:sheet name="S" q:id="r7"/></x:sheets>'
        "</x:workbook>",
        "xl/_rels/workbook.xml.rels": '<Relationships><Relationship Id="r7" Type="x/worksheet" Target="/xl/s.xml"/>'
        '<Relationship Id="r8" Type="x/sharedStrings" Target="../texts.xml"/></Relationships>',
        "texts.xml": "<sst><si><t>t</t></si></sst>",
        "xl/s.xml": '<x:worksheet xmlns:x="a"><x:sheetData><x:row><x:c t="s"><x:v>0</x:v></x:c></x:row>'
        "<x:row><x:c><x:v>1</x:v></x:c></x:row></x:sheetData></x:worksheet>",
    }
    content = workbook("", parts=parts)
    assert read_table(content, name="anything.csv")["t"] == ["1"]
    assert read_table(gzip.compress(content), name="x.xlsx.gz")["t"] == ["1"]


def test_many_rows_come_in_their_order():
    table = read_table(workbook(text_rows([["n"], *([str(n)] for n in range(20_000))])), name="x.xlsx")
    assert table["n"] == [str(n) for n in range(20_000)]


@pytest.mark.parametrize(
    ("cells", "match"),
    [
        ("", "is empty: it has no rows"),
        ("<row/><row/>", "no rows"),
        (text_rows([["text"]]), "no rows"),
        ('<row><c t="s"><v>5</v></c></row>', "points at a text that is not there"),
        ('<row><c t="s"><v>-1</v></c></row>', "points at a text that is not there"),
        ('<row><c r="A1"><v>1</v></c><c r="A1"><v>2</v></c></row>', "one cell twice"),
        ('<row r="2"/><row r="1"/>', "row 1 follows row 2"),
        (text_rows([["a"], ["x\0y"]]), "NUL.*row 1"),
    ],
)
def test_unsound_sheets_are_refused(cells, match):
    with pytest.raises(LabError, match=match):
        read_table(workbook(cells), name="x.xlsx")


def test_a_workbook_of_charts_has_no_rows():
    parts = {"xl/_rels/workbook.xml.rels": "<Relationships/>"}
    with pytest.raises(LabError, match="no rows"):
        read_table(workbook(text_rows([["a"]]), parts=parts), name="x.xlsx")


def test_a_part_that_is_missing_is_named():
    parts = {"[Content_Types].xml": "<Types/>", "xl/workbook.xml": "<workbook/>", "xl/worksheets/sheet1.xml": sheet("")}
    with pytest.raises(LabError, match=r"broken: the part 'xl/_rels/workbook.xml.rels' is missing"):
        read_table(archive(parts), name="x.xlsx")
