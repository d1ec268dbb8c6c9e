"""Turns Arrow columns of any type into columns of strings: nested values as JSON text, nothing missing."""

import json

import pyarrow as pa
import pyarrow.compute as pc

from core.data import limits
from core.errors import LabError


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
