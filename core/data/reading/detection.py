"""Finds out what a file is: its format by content, and the delimiter and header of a text table by its first rows.

Looks only; a wrong guess is corrected by `ReadOptions`. Reads no more than the sample it is given.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from core.data.column_names import is_usual_name
from core.data.reading.content import Buffer
from core.data.reading.formats.conll import is_conll
from core.data.reading.formats.squad import is_squad
from core.data.reading.formats.xlsx.package import is_workbook
from core.data.table import ReadOptions, is_number
from core.errors import LabError

SAMPLE_BYTES = 256 * 1024
SAMPLE_RECORDS = 1000
DELIMITERS = ("\t", ",", ";", "|")  # in order of preference
FORMAT_OF_SUFFIX = {  # what the ending of a name promises
    **{"csv": "csv", "tsv": "tsv", "tab": "tsv", "txt": "txt", "json": "json", "jsonl": "jsonl", "ndjson": "jsonl"},
    **{"parquet": "parquet", "pq": "parquet", "xlsx": "xlsx", "xlsm": "xlsx"},
    **dict.fromkeys(("conll", "bio", "iob", "iob2"), "conll"),
}
_ZIP = b"PK\x03\x04"
_FOREIGN = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (_ZIP, "a zip archive (also the inside of Word and OpenDocument files), but no Excel workbook"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel or Word file, or one with a password"),
    (b"\x1f\x8b", "a gzip file inside a gzip file"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a rar archive"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"ARROW1\x00\x00", "an Arrow file"),
    (b"RIFF", "a sound, film or picture"),
)


def format_by_name(name: str) -> str | None:
    """The format that a file name promises, `.gz` set aside; None when it promises nothing.

    >>> format_by_name("train.CSV.gz")
    'csv'
    """
    parts = name.lower().removesuffix(".gz").rsplit(".", 1)
    return FORMAT_OF_SUFFIX.get(parts[-1]) if len(parts) == 2 else None


def refuse_foreign(content: Buffer, promised: str | None) -> None:
    """Raise LabError when the first bytes are those of something that is no table."""
    found = next((what for magic, what in _FOREIGN if content[: len(magic)] == magic), None)
    if found is None and promised == "parquet" and not is_parquet(content):
        found = "no Parquet file"
    if found is None and promised == "xlsx":
        found = "no Excel workbook"
    if found and not is_xlsx(content):
        raise LabError(
            f"The content is {found}, not a table.",
            "Choose a CSV, TSV, TXT, JSON, JSONL, Parquet, CoNLL or Excel (XLSX) file.",
        )


def kind_of_text(sample: str, whole: bool, *, promised: str | None, options: ReadOptions) -> str | None:
    """The format of a text by its beginning: one that says so itself, or None for delimited text.

    A delimiter, header or quoting that a person chose means delimited text.
    """
    kind = json_kind(sample, promised)
    if kind is not None:
        return "squad" if is_squad(sample) else kind
    if any(chosen is not None for chosen in (options.delimiter, options.header, options.quoting)):
        return None
    is_tagged = promised == "conll" or (promised in (None, "txt", "tsv") and is_conll(sample, whole=whole))
    return "conll" if is_tagged else None


def is_parquet(content: Buffer) -> bool:
    """Whether the content begins as Parquet does."""
    return content[:4] == b"PAR1"


def is_xlsx(content: Buffer) -> bool:
    """Whether the content is a zip archive with the parts that every Excel workbook has."""
    return content[:4] == _ZIP and is_workbook(content)


def json_kind(sample: str, promised: str | None) -> str | None:
    """Whether a text is a list of objects ("json"), one object a line ("jsonl"), or neither (None).

    A name ending in .json or .jsonl keeps its word, except that each may hold the other kind.

    >>> json_kind('[{"a": 1}]', None), json_kind('{"a": 1}\\n{"a": 2}', "json"), json_kind("a,b", None)
    ('json', 'jsonl', None)
    """
    text = sample.lstrip()
    fallback = promised if promised in ("json", "jsonl") else None
    if re.match(r"\[\s*[{\]]", text):
        return "json"
    if not re.match(r"\{\s*[\"}]", text):
        return fallback
    first, _, rest = text.partition("\n")
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return "jsonl" if rest.lstrip().startswith('{"') else fallback or "json"
    return "json" if promised == "json" and not rest.strip() else "jsonl"


def records(text: str, delimiter: str, quoting: bool) -> Iterator[tuple[list[str], int]]:
    """The cells of each record and the position where it ends; never fails, a stray quote stays a character."""
    mark = re.escape(delimiter)
    plain = rf"([^{mark}\r\n]*+)({mark}|\r\n|\n|\r|\Z)" if delimiter else r"([^\r\n]*+)(\r\n|\n|\r|\Z)"
    end = rf"({mark}|\r\n|\n|\r|\Z)" if delimiter else r"(\r\n|\n|\r|\Z)"
    quoted = re.compile(rf'"([^"]*+(?:""[^"]*+)*+)"{end}')
    unquoted = re.compile(plain)
    cells: list[str] = []
    position = 0
    while position < len(text) or cells:
        match = quoted.match(text, position) if quoting and text.startswith('"', position) else None
        if match:
            cells.append(match[1].replace('""', '"'))
        else:
            match = unquoted.match(text, position)
            assert match is not None  # it matches an empty cell, too
            cells.append(match[1])
        position = match.end()
        if match[2] != delimiter or not delimiter:
            yield cells, position
            cells = []


def sample_text(text: memoryview) -> tuple[str, bool]:
    """The beginning of a UTF-8 text, long enough to hold a line end where possible, and whether that is all of it."""
    head = bytes(text[:SAMPLE_BYTES])
    if b"\n" not in head and b"\r" not in head:
        head = bytes(text[: 32 * SAMPLE_BYTES])
    return head.decode("utf-8", "ignore"), len(head) == len(text)


def sample_records(text: str, delimiter: str, quoting: bool, *, whole: bool) -> list[tuple[list[str], int]]:
    """The first records that are not blank lines; the last is left out when the sample may have cut it."""
    found: list[tuple[list[str], int]] = []
    ended_at_end = False
    for cells, end in records(text, delimiter, quoting):
        ended_at_end = end == len(text)
        if cells != [""]:
            found.append((cells, end))
        if len(found) > SAMPLE_RECORDS:
            break
    if ended_at_end and not whole and len(found) > 1 and found[-1][1] == len(text):
        found.pop()
    return found


def find_delimiter(text: str, *, promised: str | None, quoting: bool | None, whole: bool) -> str:
    """The delimiter that cuts the records of the sample into equally many cells; "" when the text has one column."""
    best: tuple[tuple[float, ...], str] | None = None
    fallback: tuple[float, str] | None = None
    usual = {"csv": ",", "tsv": "\t"}.get(promised or "")
    modes = [quoting] if quoting is not None else [True] if promised == "csv" or '"' not in text else [True, False]
    for delimiter in filter(text.__contains__, DELIMITERS):
        for quoted in modes:
            counts = [len(cells) for cells, _ in sample_records(text, delimiter, bool(quoted), whole=whole)]
            if not counts:
                continue
            width, times = Counter(counts).most_common(1)[0]
            share = times / len(counts)
            if width > 1 and share >= 0.9:
                rank = (share == 1, delimiter == usual, share, -DELIMITERS.index(delimiter))
                best = max(best, (rank, delimiter)) if best else (rank, delimiter)
            elif min(counts) > 1 and share >= 0.5 and (delimiter, promised) != (",", "txt"):  # commas are in any prose
                fallback = max(fallback, (share, delimiter)) if fallback else (share, delimiter)
    if best:
        return best[1]
    if usual is not None:  # a CSV stays one: rows that do not fit are refused by number, not read as plain lines
        return fallback[1] if fallback and usual not in text else usual
    return fallback[1] if fallback else ""


def has_header(rows: Sequence[Sequence[str]], *, promised: str | None) -> bool:
    """Whether the first row holds names.

    It does not when one of its cells occurs again in its own column, as a label does, or is a number in a column of
    numbers. Usual column names in most of its cells outweigh a repeat, and so does counting them through (0, 1, 2), as
    pandas does, above columns that are not all numbers.
    """
    first = rows[0]
    if len(first) == 1 and not is_usual_name(first[0]) and promised not in ("csv", "tsv"):
        return False
    if len(first) == 1 and len(first[0].split()) > 3:
        return False
    filled = [cell for cell in first if cell.strip()]
    usual = sum(is_usual_name(cell) for cell in filled)
    if filled and usual * 2 > len(filled):
        return True
    counted_through = filled == [str(n) for n in range(len(filled))]
    if counted_through and any(cell.strip() and not is_number(cell) for row in rows[1:] for cell in row):
        return True
    for position, cell in enumerate(first):
        below = [row[position] for row in rows[1:] if len(row) > position and row[position].strip()]
        if cell.strip() and cell in below:
            return False
        if below and is_number(cell) and not counted_through and all(is_number(other) for other in below):
            return False
    return True
