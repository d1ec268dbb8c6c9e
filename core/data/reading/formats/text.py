"""Reads CSV, TSV and other delimited text with pyarrow; every cell stays the string it is.

Refuses ragged rows and unsound quotes by row and line; nothing is ever shifted. Takes UTF-8 (see `encodings`).
"""

import codecs
import re
from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa
from pyarrow import csv

from core.data import limits
from core.data.reading.content import whole
from core.data.reading.detection import find_delimiter, has_header, sample_records, sample_text
from core.data.reading.layout import (
    Ragged,
    Structure,
    even_lines,
    fill_rows,
    join_broken_lines,
    line_at,
    record_starts,
    scan,
)
from core.data.table import Parsed, ReadOptions
from core.errors import LabError

_NAMES = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "vertical bars", " ": "spaces"}
_BLOCKS = (1 << 20, 64 << 20)  # small ones keep all threads busy; the second only for rows that are longer
_SHOWN = 5
_SAID = re.compile(rb'"?sep=([,;|\t])"?\r?\n')  # what Excel reads, and some programs write for it, as a first line


class RaggedRows(LabError):
    """Rows have other numbers of cells than the first; `ReadOptions.fill` may help."""


def read_delimited(text: memoryview, options: ReadOptions, *, promised: str | None) -> Parsed:
    """The table in a UTF-8 text. `promised` is the format by the file's name. Raises LabError."""
    notices: list[str] = []
    delimiter = options.delimiter
    if said := _SAID.match(text):
        text = text[said.end() :]
        delimiter = said[1].decode() if delimiter is None else delimiter
        notices.append("The first line only says what separates columns; it was left out.")
    head, whole = sample_text(text)
    if delimiter is None:
        delimiter = find_delimiter(head, promised=promised, quoting=options.quoting, whole=whole)
        if delimiter != {"csv": ",", "tsv": "\t"}.get(promised or ""):
            notices.append(_about(delimiter))
    kind = options.format or promised or {"\t": "tsv", "": "txt"}.get(delimiter, "csv")

    structure = scan(text, delimiter, quoting=options.quoting is not False)
    quoting = options.quoting
    if quoting is None:
        quoting = _is_quoted(text, delimiter, structure, kind)
        if not quoting and structure.quotes:
            notices.append('Quotes (") are read as plain characters: here they do not wrap cells.')
    if structure.lines > structure.lines_in_cells and structure.returns:
        notices.append(f"{structure.returns:,} single carriage returns were taken for line ends, beside line feeds.")
    if quoting and structure.fault is not None:
        raise _unsound(text, structure.fault)
    if structure.lines - structure.lines_in_cells * quoting > limits.MAX_ROWS + 1:
        raise limits.too_many_rows()

    sample = sample_records(head, delimiter, quoting, whole=whole)
    if not sample:
        raise LabError("The file is empty: it has no rows.", "Choose a file with at least one row.")
    first, end = sample[0]
    if end == len(head) and not whole:
        raise limits.cell_too_long("in the first row")
    if len(first) > limits.MAX_COLUMNS:
        raise limits.too_many_columns(len(first))
    header = options.header
    if header is None:
        header = has_header([cells for cells, _ in sample], promised=promised)
        if not header:
            notices.append("The first row was taken for data, not for column names.")
    body = len(head[:end].encode()) if header else 0
    names = tuple(first) if header else tuple(f"column_{n}" for n in range(1, len(first) + 1))
    multiline, fill = structure.lines_in_cells > 0, bool(options.fill)
    columns, more = _parse(text, body, len(first), delimiter, quoting, multiline=multiline, fill=fill)
    extra = range(len(names) + 1, len(columns) + 1)
    names += tuple("" if header else f"column_{number}" for number in extra)
    used = replace(options, format=kind, delimiter=delimiter, quoting=quoting, header=header)
    return Parsed(names, columns, used, (*notices, *more))


def _is_quoted(text: memoryview, delimiter: str, structure: Structure, kind: str) -> bool:
    """CSV is quoted by its nature. Others are when all quotes are sound and swallow no lines that are sound too."""
    if kind == "csv":
        return True
    if not delimiter or not structure.quotes or structure.fault is not None:
        return False
    return not (structure.lines_in_cells and even_lines(text, delimiter))


def _parse(
    text: memoryview, body: int, width: int, delimiter: str, quoting: bool, *, multiline: bool, fill: bool
) -> tuple[tuple[pa.ChunkedArray, ...], list[str]]:
    """The columns of everything from byte `body` on."""
    rest = text[body:]
    blank = width == 1  # there a blank line is an empty cell; elsewhere it is nothing
    if not len(rest):
        return (), []
    source = pa.py_buffer(rest)
    if rest[:3] == codecs.BOM_UTF8:  # belongs to the first cell, but pyarrow takes one such mark away
        source = pa.py_buffer(codecs.BOM_UTF8 + rest)
    if not delimiter:
        delimiter = next((mark for mark in "\x1f\x1e\x1d\x1c" if whole(text).find(mark.encode()) < 0), "")
        if not delimiter:
            raise LabError("The text holds control characters.", "Remove them, or choose a delimiter.")

    def parse(block: int, ragged: Ragged | None) -> pa.Table:
        keys = [str(n) for n in range(width)]

        return csv.read_csv(
            pa.BufferReader(source),
            read_options=csv.ReadOptions(column_names=keys, block_size=block, use_threads=ragged is None),
            parse_options=csv.ParseOptions(
                delimiter=delimiter,
                quote_char='"' if quoting else False,
                double_quote=quoting,
                newlines_in_values=quoting and multiline,
                ignore_empty_lines=not blank,
                invalid_row_handler=None if ragged is None else ragged.skip,
            ),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(keys, pa.string()),
                strings_can_be_null=False,
                null_values=[],
                check_utf8=False,  # all of it is (see `encodings`), and cells are cut at ASCII signs
            ),
        )

    for block in _BLOCKS:
        try:
            return tuple(parse(block, None).columns), []
        except pa.ArrowInvalid as error:
            problem = str(error)
        if "Empty CSV" in problem:
            return (), []
        if "Expected" in problem and "columns, got" in problem:
            return _fix_or_refuse(text, body, parse, block, quoting=quoting, blank=blank, fill=delimiter * fill)
        if "straddling" not in problem:
            raise LabError(
                f"The text cannot be read as a table: {problem[:300]}", "Check the delimiter and the quotes."
            )
    raise limits.cell_too_long(f"a row has more than {_BLOCKS[-1] // 1_000_000:,} MB")


def _fix_or_refuse(
    text: memoryview,
    body: int,
    parse: Callable[[int, Ragged | None], pa.Table],
    block: int,
    *,
    quoting: bool,
    blank: bool,
    fill: str,
) -> tuple[tuple[pa.ChunkedArray, ...], list[str]]:
    """Read again one row after the other, so that the rows that do not fit have numbers.

    `fill` is the delimiter when they are to be filled up, else "".
    """
    for size in sorted({block, _BLOCKS[-1]}):
        ragged = Ragged(limits.MAX_ROWS) if fill else Ragged()
        try:
            columns = tuple(parse(size, ragged).columns)
            break
        except pa.ArrowInvalid as error:
            if "straddling" not in str(error):
                raise LabError(
                    f"The text cannot be read as a table: {str(error)[:300]}", "Check the delimiter."
                ) from error
    else:
        raise limits.cell_too_long(f"a row has more than {_BLOCKS[-1] // 1_000_000:,} MB")
    if fill:
        columns, notice = fill_rows(columns, ragged, delimiter=fill, quoting=quoting)
        return columns, [notice]
    starts = record_starts(text[body:], quoting=quoting, blank=blank)
    lines = [line_at(text, body + int(starts[row.number - 1])) for row in ragged.first[:_SHOWN]]
    if not quoting and (joined := join_broken_lines(columns, ragged, lines)):
        return joined
    good = len(columns[0]) if columns else 0
    width = ragged.first[0].expected_columns
    shown = ", ".join(
        f"row {row.number:,} (line {line:,}) has {row.actual_columns}"
        for row, line in zip(ragged.first, lines, strict=False)
    )
    shown += f" and {ragged.count - _SHOWN:,} more" if ragged.count > _SHOWN else ""
    how_many = f"{ragged.count:,} of {good + ragged.count:,} rows do not fit" if good else "No row fits"
    raise RaggedRows(
        f"{how_many} the first one, which has {width} cells: {shown}.",
        "Put quotes around cells that hold the delimiter, fix these rows, choose another delimiter or quoting, "
        "or have shorter rows filled up with empty cells.",
    )


def _about(delimiter: str) -> str:
    if not delimiter:
        return "No delimiter was found: each line is one cell."
    return f"Columns are separated by {_NAMES.get(delimiter, repr(delimiter))}."


def _unsound(text: memoryview, fault: int) -> LabError:
    starts = record_starts(text[: fault + 1], quoting=True, blank=False)
    row = max(1, int((starts <= fault).sum()))
    line = line_at(text, int(starts[row - 1]))
    return LabError(
        f'A quote (") is stray or left open in the row that begins in line {line:,} (record {row:,} of the file).',
        'Write a quote inside a quoted cell twice (""), close the open one, or read the file without quoting.',
    )
