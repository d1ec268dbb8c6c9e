"""The values that reading works with: options, the table it gives back, and the checks that hold for every format.

Knows nothing of files: the formats build a table with `finish`, which keeps the limits and makes every name unique.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from core.data import limits
from core.errors import LabError

if TYPE_CHECKING:
    import pandas

FORMATS = ("csv", "tsv", "txt", "json", "jsonl", "parquet", "xlsx", "conll", "squad", "folder")
# A `+` behind a repeat: nothing is tried twice, as a cell may hold a million digits and all threads wait meanwhile.
_NUMBER = re.compile(r"\s*+[+-]?(?:[0-9]++\.?[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?\s*+")
_DELIMITER_NAMES = {"tab": "\t", r"\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "none": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How to read a file; None means "find out". A table carries the options that were used, with nothing left open.

    format: one of FORMATS. encoding: a codec's name, or "utf-8-replace" to show undecodable bytes as U+FFFD.
    delimiter: one character, or "" for one column with one cell a line. quoting: whether `"` wraps cells.
    header: whether the first row holds the names. sheet: which one of an Excel workbook.
    split: which part of a saved data set, such as "train"; "" for all of them, told apart by a column "split".
    fill: whether rows with too few or too many cells are kept, the shorter ones filled up with empty cells; else they
    are refused.
    """

    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    quoting: bool | None = None
    header: bool | None = None
    sheet: str | None = None
    split: str | None = None
    fill: bool | None = None

    def __post_init__(self) -> None:
        if self.format is not None and self.format not in FORMATS:
            raise LabError(f"The format {self.format!r} is not known.", f"Choose one of {', '.join(FORMATS)}.")
        if self.delimiter is not None:
            delimiter = _DELIMITER_NAMES.get(self.delimiter, self.delimiter)
            if len(delimiter) > 1 or not delimiter.isascii() or (delimiter and delimiter in '"\n\r\0'):
                raise LabError(
                    f"The delimiter {self.delimiter!r} cannot be used.",
                    "Choose one plain character, such as a comma, a semicolon or a tab.",
                )
            object.__setattr__(self, "delimiter", delimiter)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON or YAML."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ReadOptions":
        """The reverse of `to_dict`; missing keys mean None. Raises LabError for an unknown key or a wrong type."""
        kinds = {"quoting": bool, "header": bool, "fill": bool}
        known = {field.name for field in fields(cls)}
        for key, value in values.items():
            if key not in known or (value is not None and not isinstance(value, kinds.get(key, str))):
                raise LabError(f"The reading option {key!r} = {value!r} is not understood.", f"Use {sorted(known)}.")
        return cls(**values)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A file as it was read: every cell a string, nothing missing, in the file's order.

    `notices` says in plain sentences what was found out or changed. `content_hash` is the SHA-256 of the file's bytes,
    or the id of an upload whose bytes were uploaded in another form before (see `uploads`).
    `data` has one string column per name. `parts` names what `options.sheet` or `options.split` can choose from.
    """

    name: str
    columns: tuple[str, ...]
    options: ReadOptions
    notices: tuple[str, ...]
    content_hash: str
    data: pa.Table
    parts: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.data.num_rows

    def __getitem__(self, column: str) -> list[str]:
        """All cells of one column, as strings. Raises LabError for an unknown column."""
        return self.column(column).to_pylist()

    def column(self, column: str) -> pa.ChunkedArray:
        """One column as Arrow strings. Raises LabError for an unknown column."""
        if column not in self.columns:
            raise LabError(
                f"There is no column {column!r}.",
                f"The columns are {', '.join(repr(name) for name in self.columns)}.",
            )
        return self.data.column(self.columns.index(column))

    def to_pandas(self, start: int = 0, stop: int | None = None) -> "pandas.DataFrame":
        """The rows from `start` up to `stop` (not included) as a frame of strings, for showing."""
        stop = len(self) if stop is None else max(stop, start)
        return self.data.slice(start, stop - start).to_pandas()


@dataclass(frozen=True, slots=True, eq=False)
class Parsed:
    """What a format's reader hands over: names as they stand in the file, columns of strings, what was noticed, and the
    names of all sheets or splits."""

    names: tuple[str, ...]
    columns: tuple[pa.ChunkedArray, ...]
    options: ReadOptions
    notices: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


def finish(parsed: Parsed, *, name: str, content_hash: str) -> Table:
    """The table, once it keeps the limits, has rows and holds no NUL. Raises LabError."""
    if len(parsed.columns) > limits.MAX_COLUMNS:
        raise limits.too_many_columns(len(parsed.columns))
    rows = len(parsed.columns[0]) if parsed.columns else 0
    if rows == 0:
        raise LabError("The file has no rows.", "Choose a file with at least one row below the column names.")
    if rows > limits.MAX_ROWS:
        raise limits.too_many_rows()
    names, renamed = unique_names(parsed.names)
    for column_name, column in zip(names, parsed.columns, strict=True):
        _check_cells(column_name, column, nul=parsed.options.format not in ("csv", "tsv", "txt"))
    data = pa.Table.from_arrays(list(parsed.columns), names=list(names))
    return Table(name, names, parsed.options, (*parsed.notices, *renamed), content_hash, data, parsed.parts)


def unique_names(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names without blanks and repeats, and a notice for each that was changed.

    >>> unique_names(["a", "", "a"])[0]
    ('a', 'column_2', 'a_2')
    """
    taken, unique, notices = set(names), [], []
    for position, name in enumerate(names, start=1):
        new = name
        if not name.strip():
            new = next(_free_names(f"column_{position}", taken))
            notices.append(f"Column {position} has no name; it is called {new!r} here.")
        elif name in unique:
            new = next(_free_names(name, taken))
            notices.append(f"The column name {name!r} occurs more than once; column {position} is called {new!r} here.")
        unique.append(new)
        taken.add(new)
    return tuple(unique), tuple(notices)


def _free_names(stem: str, taken: set[str]) -> Iterator[str]:
    if stem not in taken:
        yield stem
    number = 2
    while True:
        if f"{stem}_{number}" not in taken:
            yield f"{stem}_{number}"
        number += 1


def _check_cells(name: str, column: pa.ChunkedArray, *, nul: bool) -> None:
    """Refuse, by its row, a cell over the limit, or (when `nul`: texts were looked at before) with a NUL character."""
    longest = pc.max(pc.binary_length(column)).as_py() or 0
    if longest > limits.MAX_CELL_CHARACTERS:  # in bytes; the exact count only where it can matter
        row = pc.index(pc.greater(pc.utf8_length(column), limits.MAX_CELL_CHARACTERS), True).as_py()
        if row >= 0:
            raise limits.cell_too_long(f"row {row + 1:,}, column {name!r}")
    if nul and (row := pc.index(pc.match_substring(column, "\0"), True).as_py()) >= 0:
        raise nul_found(f"row {row + 1:,}, column {name!r}")


def nul_found(where: str) -> LabError:
    """NUL characters stand for a damaged or binary file, and end a text in many programs."""
    return LabError(
        f"The file holds NUL characters (byte 0), which no text has: {where}.",
        "Save it again as UTF-8 text, or remove these characters.",
    )


def is_number(text: str) -> bool:
    """Whether a cell reads as a plain number: 3, -3.5, 1e-7 (not "nan", not "inf").

    >>> is_number("5.70306E+17"), is_number("1.2.3")
    (True, False)
    """
    return _NUMBER.fullmatch(text) is not None
