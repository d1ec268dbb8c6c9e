"""Whether two runs were scored on the same rows of the same file. Reads what runs wrote down, and keeps it in mind."""

from pathlib import Path
from typing import Any

from core.memory import FileCache
from core.runs.folder import Run
from core.runs.status import read_json
from core.training.batches.examples import row_ids_hash

_found: FileCache[tuple[str, str, str] | None] = FileCache(1_024)


def scored_rows(run: Run) -> tuple[str, str, str] | None:
    """The hash of the file, the split and the hash of its rows that the scores of a run belong to.

    Equal for runs that were scored on the same rows; None where the run does not tell. `data.json` is read again only
    when it has changed: in runs of earlier versions it holds the ids of all rows, which may be millions.
    """
    path = run.path / "data.json"
    try:
        return _found.get(path, lambda: _scored_rows(path))
    except OSError:
        return None


def _scored_rows(path: Path) -> tuple[str, str, str] | None:
    data = read_json(path)
    split = str(data.get("scored_split"))
    rows, own = _part(data, "row_ids_hash", split), _part(data, "row_ids", split)
    if rows is None and isinstance(own, list):
        rows = row_ids_hash(own)
    content = data.get("content_hash")
    return None if content is None or rows is None else (str(content), split, str(rows))


def _part(data: dict[str, Any], name: str, split: str) -> Any:
    parts = data.get(name)
    return parts.get(split) if isinstance(parts, dict) else None
