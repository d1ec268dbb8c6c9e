"""Opens a person's file as a table of strings: CSV, TSV, TXT, JSON, JSONL (each also as .gz) and Parquet.

Finds out encoding, delimiter, quoting and header, says what it found, and refuses what it cannot read soundly; it never
shifts, drops or reinterprets a cell. Labels and tasks are not its business (see `dataset`).
"""

import hashlib
from dataclasses import replace
from pathlib import Path

from core.data import detection
from core.data.content import Buffer, load, unpack
from core.data.encodings import EncodingUnclear, to_utf8
from core.data.json_formats import read_json, read_jsonl
from core.data.parquet_format import read_parquet
from core.data.table import Parsed, ReadOptions, Table, finish
from core.data.text_formats import read_delimited
from core.data.uploads import display_name, find_source
from core.errors import LabError

__all__ = ["EncodingUnclear", "ReadOptions", "Table", "read_table"]


def read_table(source: Path | str | bytes, *, name: str | None = None, options: ReadOptions | None = None) -> Table:
    """The table in a file.

    `source` is a path, a reference such as "sample:reviews" or "upload:<id>", or the bytes themselves; `name` is shown,
    and its ending is a hint. Options that are None are found out; `table.options` says what was used, and reading again
    with them gives the same table. Raises EncodingUnclear when the encoding must be chosen, LabError for anything that
    cannot be read soundly.
    """
    if isinstance(source, str):
        name = name or display_name(source)
        source = find_source(source)
    hint = source.name if isinstance(source, Path) else name or ""
    content = load(source)
    if not content:
        raise LabError("The file is empty: it has no rows.", "Choose a file with at least one row.")
    parsed = _parse(unpack(content), options or ReadOptions(), detection.format_by_name(hint))
    return finish(parsed, name=name or hint or "table", content_hash=hashlib.sha256(content).hexdigest())


def _parse(content: Buffer, options: ReadOptions, promised: str | None) -> Parsed:
    promised = options.format or promised
    detection.refuse_foreign(content, promised)
    if options.format == "parquet" or (options.format is None and detection.is_parquet(content)):
        return read_parquet(content, replace(options, format="parquet"))
    text, start, encoding, notices = to_utf8(content, options.encoding)
    view = memoryview(text)[start:]
    kind = options.format
    if kind is None:
        kind = detection.json_kind(bytes(view[: detection.SAMPLE_BYTES]).decode("utf-8", "ignore"), promised)
    options = replace(options, encoding=encoding)
    if kind in ("json", "jsonl"):
        parsed = (read_json if kind == "json" else read_jsonl)(view, replace(options, format=kind))
    else:
        parsed = read_delimited(view, options, promised=promised)
    return replace(parsed, notices=(*notices, *parsed.notices))
