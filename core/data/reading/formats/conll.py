"""Reads tagged sentences (CoNLL): a token and its tags a line, a blank line after each sentence; one row a sentence.

Tokens are joined by one space, and so are the tags, or they are a JSON list: `cells.items_of` gives them back. Takes
UTF-8 (see `encodings`).
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from core.data import limits
from core.data.cells import cell_of
from core.data.reading.collector import Collector
from core.data.reading.content import whole
from core.data.table import Parsed, ReadOptions
from core.errors import LabError, counted

_TAG = re.compile(r"O|[BIESLUM]-\S+")
_FEWEST_LINES = 4
_MOST_COLUMNS = 20


def is_conll(sample: str, *, whole: bool) -> bool:
    """Whether the beginning of a text holds tagged sentences: equally many cells a line, blank lines between sentences,
    and a column of tags such as O and B-PER.

    >>> is_conll("EU B-ORG\\nrejects O\\n\\nPeter B-PER\\nBlackburn I-PER\\n\\n", whole=True)
    True
    """
    lines = sample.rstrip().replace("\r\n", "\n").split("\n")
    if not whole:
        lines = lines[:-1]
    filled = [line for line in lines if line.strip() and not _is_document(line)]
    if len(filled) < _FEWEST_LINES or len(filled) == len(lines):
        return False
    rows = [_cells(line, _delimiter(filled)) for line in filled]
    width, times = Counter(map(len, rows)).most_common(1)[0]
    fitting = [row for row in rows if len(row) == width]
    return 2 <= width <= _MOST_COLUMNS and times >= 0.9 * len(rows) and _tag_column(fitting) is not None


def read_conll(text: memoryview, options: ReadOptions) -> Parsed:
    """The sentences, with the columns tokens, tags, and column_N for what else a line holds. Raises LabError.

    The tags are in the last column that holds tags such as B-PER, else in the last one.
    """
    delimiter = options.delimiter
    if delimiter is None:
        head = bytes(text[: 64 * 1024]).decode("utf-8", "ignore").split("\n")
        delimiter = _delimiter([line for line in head if line.strip() and not _is_document(line)])
    rows, sample = Collector(), []
    documents = width = 0
    sentence: list[list[str]] = []
    size = 0
    for number, line in _lines(text):
        if _is_document(line):
            documents += 1
        elif line.strip():
            cells = _cells(line, delimiter)
            width = width or len(cells)
            _check(cells, width, number)
            size += len(line)
            if size > limits.MAX_CELL_CHARACTERS:
                raise limits.cell_too_long(f"the sentence of line {number:,}; a blank line ends one")
            sentence.append(cells)
            if len(sample) < 1000:
                sample.append(cells)
            continue
        _keep(sentence, rows)
        size = 0
    _keep(sentence, rows)
    names, notices = _names(sample, width)
    if documents:
        one, many = "line that only begins a document", "lines that only begin a document"
        left_out = "was left out" if documents == 1 else "were left out"
        notices += (f"{counted(documents, one, many)} (-DOCSTART-) {left_out}.",)
    used = ReadOptions(format="conll", encoding=options.encoding, delimiter=options.delimiter)
    return Parsed(names, rows.columns(), used, notices)


def _lines(text: memoryview) -> Iterator[tuple[int, str]]:
    """Each line with its number, without its end."""
    data, number = whole(text), 0
    start = len(data) - len(text)
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        number += 1
        if end - start > 4 * limits.MAX_CELL_CHARACTERS:  # at most four bytes a character
            raise limits.cell_too_long(f"line {number:,}")
        yield number, data[start:end].decode("utf-8").rstrip("\r")
        start = end + 1


def _is_document(line: str) -> bool:
    return line.startswith("-DOCSTART-")


def _delimiter(lines: Sequence[str]) -> str:
    """A tab where every line holds one, else any run of spaces."""
    return "\t" if lines and all("\t" in line for line in lines) else " "


def _cells(line: str, delimiter: str) -> list[str]:
    return line.split("\t") if delimiter == "\t" else [cell for cell in re.split("[ \t]+", line) if cell]


def _check(cells: Sequence[str], width: int, number: int) -> None:
    """Refuse a line that has another number of cells, or a cell that could not be told apart in its sentence."""
    if len(cells) != width:
        raise LabError(
            f"Line {number:,} has {len(cells)} cells, but the first line has {width}.",
            "Write a token and its tags in each line, and a blank line after each sentence.",
        )
    if width < 2:
        raise LabError(
            f"Line {number:,} holds a token without a tag.", "Write the tag behind it, after a space or tab."
        )
    if any(not cell or " " in cell for cell in cells):
        raise LabError(
            f"Line {number:,} holds an empty cell or one with a space; tokens and tags have none.",
            "Write one token a line.",
        )


def _keep(sentence: list[list[str]], rows: Collector) -> None:
    if sentence:
        rows.add([cell_of(column) for column in zip(*sentence, strict=True)])
        sentence.clear()


def _tag_column(rows: Sequence[Sequence[str]]) -> int | None:
    """The last column in which every cell is a tag such as O or B-PER, and not all of them are O."""
    for position in reversed(range(1, len(rows[0]) if rows else 0)):
        cells = {row[position] for row in rows}
        if cells != {"O"} and all(map(_TAG.fullmatch, cells)):
            return position
    return None


def _names(sample: Sequence[Sequence[str]], width: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found = _tag_column(sample)
    tags = width - 1 if found is None else found
    names = tuple({0: "tokens", tags: "tags"}.get(n, f"column_{n + 1}") for n in range(width))
    if width <= 2:
        return names, ()
    return names, (f"Each line holds {width} cells: the first is the token, cell {tags + 1} the tag.",)
