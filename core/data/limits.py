"""How large a file may be, and the errors that say so. Each limit is checked before memory grows beyond it."""

from core.errors import LabError

MAX_FILE_BYTES = 300_000_000  # on disk, or as uploaded
MAX_CONTENT_BYTES = 1_000_000_000  # after decompression
MAX_CELL_CHARACTERS = 2_000_000
MAX_JSON_ROW_CHARACTERS = 8_000_000  # small values grow a hundredfold in memory while they are decoded
MAX_SPREADSHEET_BYTES = 250_000_000  # of one part of a workbook, after decompression
MAX_SPREADSHEET_MARKS = 16_000_000  # "<" signs in one part: what its parsing takes time for, about 4 a cell
MAX_SPREADSHEET_RATIO = 200  # unpacked to packed; real sheets have 10 to 50
MAX_ROWS = 5_000_000
MAX_COLUMNS = 200


def file_too_large(size_bytes: int) -> LabError:
    """The file itself is over the limit."""
    return LabError(
        f"The file has {_size(size_bytes)}; the limit is {_size(MAX_FILE_BYTES)}.",
        "Split it into smaller files, or keep only the columns you need.",
    )


def content_too_large() -> LabError:
    """The content is over the limit once decompressed or decoded."""
    return LabError(
        f"The content grows beyond the limit of {_size(MAX_CONTENT_BYTES)} when it is unpacked.",
        "Split it into smaller files, or keep only the columns you need.",
    )


def cell_too_long(where: str) -> LabError:
    """One cell is over the limit; `where` names it, such as "row 3, column 'text'"."""
    return LabError(
        f"A cell is longer than the limit of {MAX_CELL_CHARACTERS:,} characters: {where}.",
        "Shorten the text, or check that no quote is left open there.",
    )


def json_row_too_long(row: int, line: int) -> LabError:
    """One object of a JSON file is over the limit."""
    return LabError(
        f"Row {row:,} (line {line:,}) is longer than the limit of {MAX_JSON_ROW_CHARACTERS:,} characters "
        f"({MAX_CELL_CHARACTERS:,} for one cell).",
        "Write one object for each row, with plain values.",
    )


def spreadsheet_too_large() -> LabError:
    """A workbook is over the limit once decompressed."""
    return LabError(
        f"The Excel file grows beyond the limit of {_size(MAX_SPREADSHEET_BYTES)}, of about "
        f"{MAX_SPREADSHEET_MARKS // 4_000_000:,} million cells a sheet, or of {MAX_SPREADSHEET_RATIO} times its packed "
        "size when it is unpacked.",
        "Save the sheet as CSV, or split it.",
    )


def too_many_rows() -> LabError:
    """More rows than the limit."""
    return LabError(f"The file has more than the limit of {MAX_ROWS:,} rows.", "Split it into smaller files.")


def too_many_columns(count: int) -> LabError:
    """More columns than the limit."""
    return LabError(
        f"The file has {count:,} columns; the limit is {MAX_COLUMNS:,}.",
        "Keep only the columns you need, or choose another delimiter.",
    )


def _size(size_bytes: int) -> str:
    if size_bytes >= 1_000_000_000:
        return f"{size_bytes / 1_000_000_000:,.3g} GB"
    return f"{size_bytes / 1_000_000:,.0f} MB" if size_bytes >= 1_000_000 else f"{size_bytes:,} bytes"
