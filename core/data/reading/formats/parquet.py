"""Reads Parquet in small batches, every value as text, nested values as JSON; memory stays bounded."""

import json
from collections import Counter
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from core.data import limits
from core.data.reading.content import Buffer
from core.data.table import Parsed, ReadOptions
from core.errors import LabError, counted, first_line

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

_BATCH_ROWS = 16_384
_NESTED_BATCH_ROWS = 256  # their values are built before their size is known


def read_parquet(content: Buffer, options: ReadOptions) -> Parsed:
    """The table in a Parquet file. Raises LabError when it is broken or beyond the limits."""
    from pyarrow.parquet import ParquetFile

    try:
        schema = ParquetFile(pa.BufferReader(content)).schema_arrow
        texts = [field.name for field in schema if is_text(field.type)]
        return _read(ParquetFile(pa.BufferReader(content), read_dictionary=texts), options)
    except (pa.ArrowException, OSError) as error:
        reason = first_line(error).rstrip(".")
        raise LabError(
            f"The Parquet file is broken or of an unknown kind: {reason}.",
            "Write it again, or export the table as CSV.",
        ) from error


def _read(file: "ParquetFile", options: ReadOptions) -> Parsed:
    schema = file.schema_arrow
    if len(schema) > limits.MAX_COLUMNS:
        raise limits.too_many_columns(len(schema))
    if file.metadata.num_rows > limits.MAX_ROWS:
        raise limits.too_many_rows()
    chunks: list[list[pa.Array]] = [[] for _ in schema]
    empty: Counter[str] = Counter()
    nested: set[str] = set()
    size = rows = 0
    has_nested = any(pa.types.is_nested(field.type) for field in schema)
    for batch in file.iter_batches(_NESTED_BATCH_ROWS if has_nested else _BATCH_ROWS):
        size += sum(map(size_as_text, batch.columns))
        if size > limits.MAX_CONTENT_BYTES:
            raise limits.content_too_large()
        for field, column, parts in zip(schema, batch.columns, chunks, strict=True):
            empty[field.name] += column.null_count
            array = strings(column, field.name, nested)
            check_length(array, field.name, rows)
            parts.append(array)
        rows += batch.num_rows
    one, many = "null value became an empty cell", "null values became empty cells"
    notices = [f"Column {name!r}: {counted(count, one, many)}." for name, count in empty.items() if count]
    notices += [f"Column {name!r} holds lists or objects; they are kept as JSON text." for name in sorted(nested)]
    columns = tuple(pa.chunked_array(parts, pa.string()).combine_chunks() for parts in chunks)
    columns = tuple(pa.chunked_array([part]) if isinstance(part, pa.Array) else part for part in columns)
    return Parsed(tuple(schema.names), columns, ReadOptions(format=options.format), tuple(notices))


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds strings already."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def size_as_text(column: pa.Array) -> int:
    """How many bytes a batch takes once each cell stands for itself: a dictionary of a few bytes can stand for GBs."""
    if pa.types.is_dictionary(column.type) and is_text(column.type.value_type):
        lengths = pc.binary_length(column.dictionary)
        return pc.sum(pc.cast(pc.take(lengths, column.indices), pa.int64())).as_py() or 0
    return column.nbytes


def strings(column: pa.Array, name: str, nested: set[str]) -> pa.Array:
    """A batch of any type as strings without nulls; adds `name` to `nested` when its values are lists or objects.

    Raises LabError for a type that has no form as text.
    """
    kind = column.type
    if isinstance(column, pa.ExtensionArray):
        column, kind = column.storage, column.storage.type
    if pa.types.is_nested(kind):
        nested.add(name)
        return pa.array(
            [
                "" if value is None else json.dumps(value, ensure_ascii=False, default=str)
                for value in column.to_pylist()
            ],
            pa.string(),
        )
    try:
        return pc.fill_null(column.cast(pa.string()), "")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise LabError(
            f"Column {name!r} is of the type {kind}, which has no form as text.", "Leave it out, or export it as text."
        ) from error


def check_length(array: pa.Array, name: str, rows_before: int) -> None:
    """Raise LabError for a cell over the limit, named by its row."""
    if (pc.max(pc.binary_length(array)).as_py() or 0) <= limits.MAX_CELL_CHARACTERS:
        return
    row = pc.index(pc.greater(pc.utf8_length(array), limits.MAX_CELL_CHARACTERS), True).as_py()
    if row >= 0:
        raise limits.cell_too_long(f"row {rows_before + row + 1:,}, column {name!r}")
