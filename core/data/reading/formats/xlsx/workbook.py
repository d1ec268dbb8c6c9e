"""Reads what the sheets of a workbook have in common: their names, the shared strings and the number formats."""

import posixpath
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

from core.data import limits
from core.data.reading.formats.xlsx.package import FEW_MARKS, WORKBOOK, walk
from core.data.reading.formats.xlsx.values import NumberFormat, number_format, unescape


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of the workbook: its name, the part that holds it, and whether Excel shows it."""

    name: str
    part: str
    visible: bool


@dataclass(frozen=True, slots=True)
class Workbook:
    """What the sheets have in common. `formats` runs by a cell's style number."""

    sheets: tuple[Sheet, ...]
    strings: tuple[str, ...]
    formats: tuple[NumberFormat, ...]
    from_1904: bool


def read_workbook(archive: zipfile.ZipFile) -> Workbook:
    """Everything but the cells. Raises LabError."""
    names = set(archive.namelist())
    related = _related(archive)
    sheets, from_1904 = _sheets(archive, {key: part for (kind, key), part in related.items() if kind == "worksheet"})
    by_kind = {kind: part for (kind, _), part in related.items()}
    texts, styles = by_kind.get("sharedStrings", "xl/sharedStrings.xml"), by_kind.get("styles", "xl/styles.xml")
    strings = tuple(_strings(archive, texts)) if texts in names else ()
    formats = _formats(archive, styles) if styles in names else ()
    return Workbook(sheets, strings, formats, from_1904)


def _related(archive: zipfile.ZipFile) -> dict[tuple[str, str], str]:
    """The parts that the workbook is made of, by their kind and key."""
    found: dict[tuple[str, str], str] = {}

    def relation(name: str, values: dict[str, str]) -> None:
        if name == "Relationship":
            kind = values.get("Type", "").rpartition("/")[2]
            part = posixpath.normpath(posixpath.join("/xl", values.get("Target", "")))[1:]
            found[kind, values.get("Id", "")] = part

    walk(archive, "xl/_rels/workbook.xml.rels", relation, most_marks=FEW_MARKS)
    return found


def _sheets(archive: zipfile.ZipFile, targets: Mapping[str, str]) -> tuple[tuple[Sheet, ...], bool]:
    """The sheets with cells in their order, and whether day numbers count from 1904."""
    found: list[Sheet] = []
    from_1904 = False

    def element(name: str, values: dict[str, str]) -> None:
        nonlocal from_1904
        if name == "workbookPr":
            from_1904 = values.get("date1904", "0") in ("1", "true")
        elif name == "sheet":
            part = targets.get(next((value for key, value in values.items() if key.endswith(":id")), ""))
            if part is not None:  # others are charts
                found.append(Sheet(values.get("name", ""), part, values.get("state", "visible") == "visible"))

    walk(archive, WORKBOOK, element, most_marks=FEW_MARKS)
    return tuple(found), from_1904


def _strings(archive: zipfile.ZipFile, part: str) -> list[str]:
    """The shared strings; of rich text the text, without the readings that Japanese text can carry."""
    found: list[str] = []
    pieces: list[str] = []
    collecting = silent = False

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal collecting, silent
        if name == "si":
            pieces.clear()
        elif name == "rPh":
            silent = True
        collecting = name == "t" and not silent

    def end(name: str) -> None:
        nonlocal collecting, silent
        collecting = False
        if name == "rPh":
            silent = False
        elif name == "si":
            found.append(unescape("".join(pieces)))
            if len(found) > limits.MAX_ROWS:
                raise limits.spreadsheet_too_large()

    def text(value: str) -> None:
        if collecting:
            pieces.append(value)

    walk(archive, part, start, end, text)
    return found


def _formats(archive: zipfile.ZipFile, part: str) -> tuple[NumberFormat, ...]:
    codes: dict[int, str] = {}
    used: list[int] = []
    inside = False

    def start(name: str, values: dict[str, str]) -> None:
        nonlocal inside
        if name == "numFmt":
            codes[_number(values.get("numFmtId"))] = values.get("formatCode", "")[:1000]
        elif name == "cellXfs":
            inside = True
        elif name == "xf" and inside:
            used.append(_number(values.get("numFmtId")))

    def end(name: str) -> None:
        nonlocal inside
        inside = inside and name != "cellXfs"

    walk(archive, part, start, end, most_marks=4 * FEW_MARKS)
    known = {identity: number_format(identity, codes.get(identity)) for identity in set(used)}
    return tuple(known[identity] for identity in used)


def _number(text: str | None) -> int:
    return int(text) if text and re.fullmatch("[0-9]{1,9}", text) else 0
