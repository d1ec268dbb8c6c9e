"""Reads one sheet of an Excel workbook (XLSX), every cell as the string a person sees; the sheet can be chosen.

Rows are read one after the other as they stand: what the file claims about its size is not looked at.
"""

import re

from core.data import limits
from core.data.reading.collector import Collector
from core.data.reading.content import Buffer
from core.data.reading.detection import SAMPLE_RECORDS, has_header
from core.data.reading.formats.xlsx.package import broken, opened, walk
from core.data.reading.formats.xlsx.values import NumberFormat, formatted_number, unescape
from core.data.reading.formats.xlsx.workbook import Sheet, Workbook, read_workbook
from core.data.table import Parsed, ReadOptions
from core.errors import LabError, counted

_LAST_COLUMN = 16_384  # XFD, Excel's own limit
_PLAIN = NumberFormat()
_SHOWN = 5


def read_xlsx(content: Buffer, options: ReadOptions) -> Parsed:
    """The table in a sheet: the one named, else the first that is not hidden. Raises LabError."""
    with opened(content) as archive:
        workbook = read_workbook(archive)
        sheet = _choose(workbook.sheets, options.sheet)
        reader = _SheetReader(workbook)
        walk(archive, sheet.part, reader.start, reader.end, reader.text)
    if not reader.head:
        raise LabError(f"The sheet {sheet.name!r} is empty: it has no rows.", "Choose another sheet or file.")
    notices = list(_about_sheets(workbook.sheets, sheet))
    header = options.header
    if header is None:
        header = has_header(reader.head, promised="csv")
        if not header:
            notices.append("The first row was taken for data, not for column names.")
    columns = reader.rows.columns()
    names = [f"column_{number}" for number in range(1, len(columns) + 1)]
    if header:
        first = reader.head[0]
        names = [*first, *[""] * (len(columns) - len(first))]
        columns = tuple(column.slice(1) for column in columns)
    used = ReadOptions(format="xlsx", sheet=sheet.name, header=header)
    parts = tuple(each.name for each in workbook.sheets)
    return Parsed(tuple(names), columns, used, (*notices, *reader.notices()), parts)


def _choose(sheets: tuple[Sheet, ...], name: str | None) -> Sheet:
    if not sheets:
        raise LabError("The Excel file has no sheet with cells: it has no rows.", "Choose a file with a table.")
    if name is None:
        return next((sheet for sheet in sheets if sheet.visible), sheets[0])
    for sheet in sheets:
        if sheet.name == name:
            return sheet
    raise LabError(f"The Excel file has no sheet {name!r}.", f"Its sheets are {_listed(sheets)}.")


def _about_sheets(sheets: tuple[Sheet, ...], chosen: Sheet) -> tuple[str, ...]:
    if len(sheets) == 1:
        return ()
    return (f"The file has {len(sheets):,} sheets: {_listed(sheets)}. This is {chosen.name!r}.",)


def _listed(sheets: tuple[Sheet, ...]) -> str:
    return ", ".join(repr(sheet.name) for sheet in sheets[:50]) + (" and more" if len(sheets) > 50 else "")


class _SheetReader:
    """Takes the elements of a sheet one by one. `rows` holds every row with a value, `head` the first of them."""

    def __init__(self, workbook: Workbook) -> None:
        self.rows = Collector()
        self.head: list[list[str]] = []
        self._workbook = workbook
        self._row: dict[int, str] = {}  # column, from 0 -> text
        self._columns: dict[str, int] = {}  # letters -> column
        self._row_number, self._column = 0, -1
        self._kind, self._style = "n", 0
        self._pieces: list[str] = []
        self._length = 0
        self._collecting = self._silent = self._has_value = self._has_formula = False
        self._last_row = self._left_out = self._errors = self._unsolved = 0  # the last one with a value
        self._first_unsolved = ""

    def start(self, name: str, values: dict[str, str]) -> None:
        """An element opens."""
        if name == "c":
            style = values.get("s", "")
            self._kind, self._style = values.get("t", "n"), int(style) if style.isdecimal() else 0
            self._column = self._column_of(values.get("r", ""))
            self._has_value = self._has_formula = False
            self._pieces.clear()
            self._length = 0
        elif name in ("v", "t"):
            self._collecting = not self._silent
            self._has_value |= self._collecting
        elif name == "f":
            self._has_formula = True
        elif name == "rPh":  # how to read Japanese text aloud: no part of the text
            self._silent = True
        elif name == "row":
            number = values.get("r", "")
            if number and not re.fullmatch("[0-9]{1,7}", number):
                raise broken(f"a row has the number {number[:40]!r}")
            before, self._row_number = self._row_number, int(number) if number else self._row_number + 1
            if self._row_number <= before:
                raise broken(f"row {self._row_number:,} follows row {before:,}")
            self._row, self._column = {}, -1

    def text(self, text: str) -> None:
        """Characters inside an element."""
        if self._collecting:
            self._pieces.append(text)
            self._length += len(text)
            if self._length > 7 * limits.MAX_CELL_CHARACTERS:  # one character may be written with seven
                raise limits.cell_too_long(f"row {self._row_number:,} of the sheet")

    def end(self, name: str) -> None:
        """An element closes."""
        if name in ("v", "t"):
            self._collecting = False
        elif name == "c":
            self._end_cell()
        elif name == "row":
            self._end_row()
        elif name == "rPh":
            self._silent = False

    def notices(self) -> list[str]:
        """What was noticed in the cells."""
        found = []
        if self._left_out:
            end = "without any value, between others,"
            found.append(f"{counted(self._left_out, f'row {end} was left out', f'rows {end} were left out')}.")
        if self._unsolved:
            found.append(
                f"{self._unsolved:,} formulas have no stored result and became empty cells, the first in "
                f"{self._first_unsolved}: open the file in a spreadsheet program and save it."
            )
        if self._errors:
            found.append(
                f"{counted(self._errors, 'cell holds', 'cells hold')} an error, such as #N/A; it is kept as text."
            )
        if self.rows.replaced:
            found.append(f"{self.rows.replaced:,} half characters (lone surrogates) were replaced by the sign \ufffd.")
        return found

    def _column_of(self, reference: str) -> int:
        """The column (from 0) of a cell such as "AB7"; without a reference the next one."""
        if not reference:
            return self._column + 1
        letters = reference.rstrip("0123456789")
        column = self._columns.get(letters)
        if column is None:
            if not re.fullmatch("[A-Z]{1,3}", letters):
                raise broken(f"a cell has the address {reference[:40]!r}")
            column = -1
            for letter in letters:
                column = (column + 1) * 26 + ord(letter) - ord("A")
            if column >= _LAST_COLUMN:
                raise broken(f"a cell has the address {reference[:40]!r}")
            self._columns[letters] = column
        return column

    def _end_cell(self) -> None:
        raw = "".join(self._pieces)
        if self._has_formula and not raw and self._kind != "str":
            self._unsolved += 1
            self._first_unsolved = self._first_unsolved or f"row {self._row_number:,}, column {self._column + 1:,}"
            return
        if not self._has_value:
            return
        if self._column in self._row:
            raise broken(f"row {self._row_number:,} holds one cell twice")
        self._row[self._column] = self._cell(raw)

    def _cell(self, raw: str) -> str:
        match self._kind:
            case "s":
                if not raw.isdecimal() or int(raw) >= len(self._workbook.strings):
                    raise broken(f"row {self._row_number:,} points at a text that is not there")
                return self._workbook.strings[int(raw)]
            case "str" | "inlineStr":
                return unescape(raw)
            case "b":
                return {"1": "TRUE", "0": "FALSE"}.get(raw, raw.upper())
            case "e":
                self._errors += 1
                return raw
            case "n":
                formats = self._workbook.formats
                how = formats[self._style] if self._style < len(formats) else _PLAIN
                return formatted_number(raw, how, from_1904=self._workbook.from_1904)
        return raw  # "d" is a date in ISO form already

    def _end_row(self) -> None:
        if not self._row:
            return
        if self.rows.rows:
            self._left_out += self._row_number - self._last_row - 1
        self._last_row = self._row_number
        width = max(self._row) + 1
        if width > limits.MAX_COLUMNS:
            raise limits.too_many_columns(width)
        cells = [self._row.get(column, "") for column in range(width)]
        self.rows.add(cells, f"row {self._row_number:,} of the sheet")
        if len(self.head) < SAMPLE_RECORDS:
            self.head.append(cells)
