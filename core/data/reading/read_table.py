"""Opens a person's file as a table of strings: CSV, TSV, TXT, JSON, JSONL, CoNLL, SQuAD, Excel, Parquet (each also as
.gz), and folders that the `datasets` library saved.

Finds out encoding, delimiter, quoting and header, says what it found, and refuses what it cannot read soundly; it never
shifts, drops or reinterprets a cell. Labels and tasks are not its business (see `dataset`).
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from core.data.reading import detection
from core.data.reading.content import Buffer, load, unpack
from core.data.reading.encodings import EncodingUnclear, to_utf8
from core.data.reading.formats.conll import read_conll
from core.data.reading.formats.json import read_json, read_jsonl
from core.data.reading.formats.parquet import read_parquet
from core.data.reading.formats.saved_folder import is_saved, read_folder
from core.data.reading.formats.squad import read_squad
from core.data.reading.formats.text import RaggedRows, read_delimited
from core.data.reading.formats.xlsx.workbook_reader import read_xlsx
from core.data.table import Parsed, ReadOptions, Table, finish
from core.errors import LabError

__all__ = ["EncodingUnclear", "RaggedRows", "ReadOptions", "Table", "read_table"]

_READERS = {"json": read_json, "jsonl": read_jsonl, "squad": read_squad, "conll": read_conll}


def read_table(source: Path | bytes, *, name: str | None = None, options: ReadOptions | None = None) -> Table:
    """The table in a file.

    `source` is a path or the bytes themselves; a reference such as "sample:reviews" is opened by
    `core.data.sources.references.open_table`. `name` is shown, and its ending is a hint. Options that are None are
    found out; `table.options` says what was used, and reading again with them gives the same table. Raises
    EncodingUnclear when the encoding must be chosen, LabError for anything that cannot be read soundly.
    """
    options = options or ReadOptions()
    hint = source.name if isinstance(source, Path) else name or ""
    if isinstance(source, Path) and is_saved(source):
        parsed, content_hash = read_folder(source, options)
        return finish(parsed, name=name or hint, content_hash=content_hash)
    digest = hashlib.sha256()
    with ThreadPoolExecutor(1) as beside:  # hashes while the file is read and parsed
        content = load(source, lambda piece: beside.submit(digest.update, piece))
        if not content:
            raise LabError("The file is empty: it has no rows.", "Choose a file with at least one row.")
        parsed = _parse(unpack(content), options, detection.format_by_name(hint))
    return finish(parsed, name=name or hint or "table", content_hash=digest.hexdigest())


def _parse(content: Buffer, options: ReadOptions, promised: str | None) -> Parsed:
    if options.format == "folder":
        raise LabError("This is a file, not the folder of a saved data set.", "Leave the format open.")
    promised = options.format or promised
    detection.refuse_foreign(content, promised)
    if options.format == "xlsx" or (options.format is None and detection.is_xlsx(content)):
        return read_xlsx(content, replace(options, format="xlsx"))
    if options.format == "parquet" or (options.format is None and detection.is_parquet(content)):
        return read_parquet(content, replace(options, format="parquet"))
    text, start, encoding, notices = to_utf8(content, options.encoding)
    view = memoryview(text)[start:]
    kind = options.format
    if kind is None:
        head = bytes(view[: detection.SAMPLE_BYTES])
        sample, whole = head.decode("utf-8", "ignore"), len(head) == len(view)
        kind = detection.kind_of_text(sample, whole, promised=promised, options=options)
    options = replace(options, encoding=encoding)
    if kind in _READERS:
        parsed = _READERS[kind](view, replace(options, format=kind))
    else:
        parsed = read_delimited(view, options, promised=None if promised in _READERS else promised)
    return replace(parsed, notices=(*notices, *parsed.notices))
