"""Reads Parquet in small batches, every value as text, nested values as JSON; memory stays bounded."""

from collections import Counter

import pyarrow as pa

from core.data import limits
from core.data.reading.formats.arrow_text import check_length, is_text, size_as_text, strings
from core.data.table import Parsed, ReadOptions
from core.errors import LabError, first_line

_BATCH_ROWS = 16_384
_NESTED_BATCH_ROWS = 256  # their values are built before their size is known


def read_parquet(content: bytes, options: ReadOptions) -> Parsed:
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


def _read(file, options: ReadOptions) -> Parsed:  # a ParquetFile
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
    notices = [f"Column {name!r}: {count:,} null values became empty cells." for name, count in empty.items() if count]
    notices += [f"Column {name!r} holds lists or objects; they are kept as JSON text." for name in sorted(nested)]
    columns = tuple(pa.chunked_array(parts, pa.string()).combine_chunks() for parts in chunks)
    columns = tuple(pa.chunked_array([part]) if isinstance(part, pa.Array) else part for part in columns)
    return Parsed(tuple(schema.names), columns, ReadOptions(format=options.format), tuple(notices))
