"""The table as it is after edits and a recipe, for showing and for export; the file itself stays as it is."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import pyarrow as pa

from core.data.column_mapping import ColumnMapping
from core.data.dataset.edits import Edits
from core.data.dataset.recipe import Recipe
from core.data.dataset.row_selection import RowSelection, select_rows
from core.data.table import Table
from core.data.views import Strings, take

_BLOCK_ROWS = 4_096


def fixed_table(
    table: Table, mapping: ColumnMapping, *, edits: Edits | None = None, recipe: Recipe | None = None
) -> Table:
    """All columns of the rows that are left, with corrected cells and tidied texts. Raises LabError."""
    if edits is not None:
        table = edits.apply(table)
    applied = (recipe or Recipe()).apply(select_rows(table, mapping))
    return replace(table, data=selected_data(table, mapping, applied.selection), notices=(*table.notices, *applied.log))


def csv_parts(table: Table, *, escape: Callable[[str], str] = lambda cell: cell) -> Iterator[str]:
    """The table as CSV (RFC 4180, quotes where needed), in parts for a download; `escape` is applied to every cell.

    A spreadsheet runs cells that look like formulas: for a file that is to be opened in one, pass
    `core.data.csv_safety.escape_formula`.
    """
    yield _lines([[escape(name) for name in table.columns]])
    for rows in _blocks(table):
        yield _lines([[escape(cell) for cell in row] for row in rows])


def jsonl_parts(table: Table) -> Iterator[str]:
    """The table as JSON Lines, in parts for a download, with every cell as it is, since no spreadsheet runs it."""
    for rows in _blocks(table):
        yield "".join(json.dumps(dict(zip(table.columns, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)


def _blocks(table: Table) -> Iterator[Iterator[tuple[str, ...]]]:
    """The rows, some thousand at a time."""
    blocks = [Strings(pa.chunked_array([c.combine_chunks()])).blocks(_BLOCK_ROWS) for c in table.data.columns]
    for block in zip(*blocks, strict=True):
        yield zip(*(cells.to_pylist() for cells in block), strict=True)


def _lines(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def selected_data(table: Table, mapping: ColumnMapping, selection: RowSelection) -> pa.Table:
    """The data of a table in the rows of a selection of it, with the texts and labels of the selection."""
    own = {
        mapping.text_column: selection.texts,
        mapping.pair_column: selection.pairs,
        mapping.label_column: selection.labels,
    }
    cells = [
        own[name] if own.get(name) is not None else take(table.column(name), selection.row_ids)
        for name in table.columns
    ]
    return pa.Table.from_arrays(cells, names=list(table.columns))
