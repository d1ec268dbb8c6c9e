"""Reads a data set that the `datasets` library saved to a folder, every value as text, class numbers as their names.

Runs no code of the data set. Pictures and sounds are left out.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from core.data import limits
from core.data.reading.formats.parquet import check_length, size_as_text, strings
from core.data.table import Parsed, ReadOptions
from core.errors import LabError, counted, first_line

if TYPE_CHECKING:
    from datasets import Dataset

SPLIT_COLUMN = "split"
_BATCH_ROWS = 4096


def is_saved(path: Path) -> bool:
    """Whether a folder holds what `Dataset.save_to_disk` or `DatasetDict.save_to_disk` writes."""
    try:
        one = (path / "dataset_info.json").is_file() and (path / "state.json").is_file()
        return one or (path / "dataset_dict.json").is_file()
    except OSError:
        return False


def read_folder(path: Path, options: ReadOptions) -> tuple[Parsed, str]:
    """The table in a saved data set, and a SHA-256 of its cells.

    Several splits stand below one another and a column "split" tells them apart, unless `options.split` names one.
    Raises LabError.
    """
    splits = _open(path)
    parts = tuple(splits) if len(splits) > 1 else ()
    if options.split:
        if options.split not in splits:
            raise LabError(
                f"The data set has no split {options.split!r}.", f"Its splits are {', '.join(map(repr, splits))}."
            )
        splits = {options.split: splits[options.split]}
    reader = _Reader()
    for name, dataset in splits.items():
        reader.add(name, dataset)
    parsed = reader.finish(with_split=len(splits) > 1, options=options)
    return replace(parsed, parts=parts), _hash(parsed)


def _open(path: Path) -> "dict[str, Dataset]":
    """The splits by name; a single data set is one split without a name."""
    from datasets import DatasetDict, load_from_disk

    folder = path.resolve()
    if "::" in str(folder):  # which the library would take for a chain of addresses
        raise LabError("The path of the folder holds '::'.", "Rename the folder.")
    size = sum(file.stat().st_size for file in folder.rglob("*.arrow"))
    if size > limits.MAX_CONTENT_BYTES:
        raise limits.content_too_large()
    try:
        found = load_from_disk(str(folder), keep_in_memory=True)
    except IndexError as error:  # from a part that was saved without rows
        raise LabError("The data set, or a split of it, has no rows.", "Save it again without that split.") from error
    except Exception as error:  # the library raises whatever its parts do
        reason = first_line(error).rstrip(".")
        raise LabError(
            f"The folder {path.name!r} holds no sound data set of the `datasets` library: {reason}.",
            "Save it again with save_to_disk.",
        ) from error
    if isinstance(found, DatasetDict):
        return {str(name): dataset for name, dataset in found.items()}
    return {"": found}


class _Reader:
    """Puts the splits below one another, batch by batch."""

    def __init__(self) -> None:
        self._chunks: dict[str, list[pa.Array]] = {}
        self._splits: list[pa.Array] = []
        self._rows = self._size = 0
        self._empty: Counter[str] = Counter()
        self._unlabelled: Counter[str] = Counter()
        self._missing: Counter[str] = Counter()
        self._nested: set[str] = set()
        self._left_out: set[str] = set()

    def add(self, split: str, dataset: "Dataset") -> None:
        """All rows of one split. Raises LabError."""
        if len(dataset.column_names) > limits.MAX_COLUMNS:
            raise limits.too_many_columns(len(dataset.column_names))
        if self._rows + len(dataset) > limits.MAX_ROWS:
            raise limits.too_many_rows()
        features = {name: kind for name, kind in dataset.features.items() if not _is_media(kind)}
        self._left_out |= dataset.features.keys() - features.keys()
        for name in features:
            if name not in self._chunks:
                self._chunks[name] = [_blank(self._rows)]
                self._missing[name] = self._rows
        batches = dataset.select_columns(list(features)).with_format("arrow").iter(_BATCH_ROWS) if features else ()
        for batch in batches:
            self._add_batch(batch, features)
        for name in self._chunks.keys() - features.keys():
            self._chunks[name].append(_blank(len(dataset)))
            self._missing[name] += len(dataset)
        self._splits.append(pa.array([split]).take(pa.array(np.zeros(len(dataset), np.int64))))

    def _add_batch(self, batch: pa.Table, features: Mapping[str, Any]) -> None:
        for name, kind in features.items():
            column = batch.column(name).combine_chunks()
            self._size += size_as_text(column)
            if self._size > limits.MAX_CONTENT_BYTES:
                raise limits.content_too_large()
            texts = self._texts(column, kind, name)
            check_length(texts, name, self._rows)
            self._chunks[name].append(texts)
        self._rows += batch.num_rows

    def _texts(self, column: pa.Array, kind: Any, name: str) -> pa.Array:
        names = _label_names(kind)
        if names is not None:
            labels = [-1 if value is None else value for value in column.to_pylist()]
            self._unlabelled[name] += sum(label < 0 for label in labels)
            return pa.array([_named(label, names, name) for label in labels], pa.string())
        names = _label_names(getattr(kind, "feature", None))
        if names is not None:  # a class for each token
            self._nested.add(name)
            rows = column.to_pylist()
            return pa.array(
                [json.dumps([_named(label, names, name) for label in row or ()], ensure_ascii=False) for row in rows],
                pa.string(),
            )
        self._empty[name] += column.null_count
        return strings(column, name, self._nested)

    def finish(self, *, with_split: bool, options: ReadOptions) -> Parsed:
        """Everything added, with the column "split" last where there are several."""
        columns = {name: pa.chunked_array(parts, pa.string()) for name, parts in self._chunks.items()}
        names = [*columns, *([SPLIT_COLUMN] if with_split else [])]
        arrays = [*columns.values(), *([pa.chunked_array(self._splits, pa.string())] if with_split else [])]
        used = ReadOptions(format="folder", split=options.split or "")
        return Parsed(tuple(names), tuple(arrays), used, tuple(self._notices(with_split)))

    def _notices(self, with_split: bool) -> Iterator[str]:
        if with_split:
            counts = ", ".join(
                f"{part[0].as_py()!r} ({counted(len(part), 'row')})" for part in self._splits if len(part)
            )
            yield f"The data set has the splits {counts}; the column {SPLIT_COLUMN!r} tells them apart."
        for name, count in self._unlabelled.items():
            if count:
                one, many = "row has no label (-1); its cell is empty", "rows have no label (-1); their cells are empty"
                yield f"Column {name!r}: {counted(count, one, many)}."
        for name, count in (self._empty + self._missing).items():
            one, many = "missing or null value became an empty cell", "missing or null values became empty cells"
            yield f"Column {name!r}: {counted(count, one, many)}."
        for name in sorted(self._nested):
            yield f"Column {name!r} holds lists or objects; they are kept as JSON text."
        for name in sorted(self._left_out):
            yield f"Column {name!r} holds pictures, sounds or the like and was left out."


def _is_media(kind: Any) -> bool:
    return hasattr(kind, "decode_example")


def _label_names(kind: Any) -> list[str] | None:
    from datasets import ClassLabel

    return kind.names if isinstance(kind, ClassLabel) else None


def _named(label: int | None, names: list[str], column: str) -> str:
    if label is None or label < 0:
        return ""
    if label >= len(names):
        raise LabError(
            f"Column {column!r} holds the class {label}, but only {len(names):,} classes have names.",
            "Save the data set again with a name for each class.",
        )
    return names[label]


def _blank(rows: int) -> pa.Array:
    return pa.array([""]).take(pa.array(np.zeros(rows, np.int64)))


def _hash(parsed: Parsed) -> str:
    """A SHA-256 of names and cells, the same however the columns are cut into chunks."""
    whole = hashlib.sha256(json.dumps(parsed.names).encode())
    for column in parsed.columns:
        lengths, cells = hashlib.sha256(), hashlib.sha256()
        for chunk in column.chunks:
            offsets = np.frombuffer(chunk.buffers()[1], np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
            lengths.update(np.diff(offsets).tobytes())
            if len(chunk) and chunk.buffers()[2] is not None:
                cells.update(memoryview(chunk.buffers()[2])[int(offsets[0]) : int(offsets[-1])])
        whole.update(lengths.digest() + cells.digest())
    return whole.hexdigest()
