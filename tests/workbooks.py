"""Writes Excel workbooks for tests, sound and hostile ones, as the bytes of an XLSX file."""

import io
import re
import zipfile
from collections.abc import Mapping, Sequence

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'


def workbook(
    sheets: Mapping[str, str] | str,
    *,
    strings: str | None = None,
    styles: str | None = None,
    properties: str = "",
    parts: Mapping[str, str | bytes] | None = None,
    hidden: Sequence[str] = (),
) -> bytes:
    """A workbook; a sheet is the XML of its rows. `parts` adds parts or replaces those written here."""
    sheets = {"Sheet1": sheets} if isinstance(sheets, str) else sheets
    listed = related = ""
    written: dict[str, str | bytes] = {"[Content_Types].xml": "<Types/>"}
    for number, (name, rows) in enumerate(sheets.items(), start=1):
        state = ' state="hidden"' if name in hidden else ""
        listed += f'<sheet name="{_escape(name)}" sheetId="{number}"{state} r:id="rId{number}"/>'
        related += f'<Relationship Id="rId{number}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{number}.xml"/>'
        written[f"xl/worksheets/sheet{number}.xml"] = sheet(rows)
    written["xl/workbook.xml"] = (
        f'<workbook {MAIN} xmlns:r="{OFFICE}"><workbookPr {properties}/><sheets>{listed}</sheets></workbook>'
    )
    written["xl/_rels/workbook.xml.rels"] = f"<Relationships {PACKAGE}>{related}</Relationships>"
    if strings is not None:
        written["xl/sharedStrings.xml"] = f"<sst {MAIN}>{strings}</sst>"
    if styles is not None:
        written["xl/styles.xml"] = f"<styleSheet {MAIN}>{styles}</styleSheet>"
    return archive(written | dict(parts or {}))


def archive(parts: Mapping[str, str | bytes]) -> bytes:
    """A zip archive of these parts, packed as fast as possible."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return file.getvalue()


def sheet(rows: str, before: str = "") -> str:
    """The XML of a sheet around its rows."""
    return f"<worksheet {MAIN}>{before}<sheetData>{rows}</sheetData></worksheet>"


def text_rows(table: Sequence[Sequence[str]]) -> str:
    """Rows of text cells, each written exactly: what XML cannot hold as _xHHHH_."""
    return "".join(f"<row>{''.join(map(text_cell, row))}</row>" for row in table)


def text_cell(text: str) -> str:
    """One cell that holds a text."""
    return f'<c t="inlineStr"><is><t xml:space="preserve">{_escape(text)}</t></is></c>'


def number_cell(raw: str, style: int = 0) -> str:
    """One cell that holds a number, as it is written in the file."""
    return f'<c s="{style}"><v>{raw}</v></c>'


def _escape(text: str) -> str:
    text = re.sub("_(?=x[0-9A-Fa-f]{4}_)", "_x005F_", text)
    text = re.sub("[\x00-\x08\x0b-\x1f\ufffe\uffff]", lambda match: f"_x{ord(match[0]):04X}_", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
