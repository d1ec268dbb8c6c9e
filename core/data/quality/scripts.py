"""Which writing systems the texts use: Latin, Cyrillic, Han … Counts letters by script; it does not guess languages.

The script of a letter is the first word of its Unicode name, which is how the standard names letters of a script
("LATIN SMALL LETTER A"); Chinese signs are called Han.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.data.dataset.dataset import Dataset
from core.data.dataset.notices import numbers
from core.data.views import Numbers, Strings

NONE = "no letters"
_MIXED_SHARE = 0.1
_JAPANESE = ("Han", "Hiragana", "Katakana")
_BLOCK_ROWS = 8_192
_NAMED = {"CJK": "Han", "IDEOGRAPHIC": "Han", "KATAKANA-HIRAGANA": "Katakana", "MATHEMATICAL": "Latin"}
_SIGNS = {"MASCULINE": "Latin", "FEMININE": "Latin", "MICRO": "Greek", "MODIFIER": "", "SPACING": ""}


@dataclass(frozen=True, slots=True)
class Script:
    """A writing system: how many letters of it there are, and in how many rows it has more than any other."""

    name: str
    letters: int
    rows: int


@dataclass(frozen=True, slots=True, eq=False)
class ScriptMix:
    """Scripts by number of rows, the most frequent first; "no letters" stands for rows of digits, signs or emoji.

    mixed: rows (of the file) in which a second script has at least a tenth of the letters; Han and both kinds of kana,
    which Japanese is written in, count as one there.
    """

    scripts: tuple[Script, ...]
    mixed: Numbers
    main: Numbers  # for each example the place of its script in `scripts`


def script_mix(dataset: Dataset, *, on_progress: Callable[[float], None] | None = None) -> ScriptMix:
    """Count letters by script, both texts of a pair taken together. What `on_progress(share)` raises ends the work."""
    names = [NONE]
    known = np.full(0x110000, -1, np.int16)  # code point: its script, 0 for no letter
    tables = [np.zeros((0, 1), np.int64)]
    done = 0
    for block in zip(*(column.blocks(_BLOCK_ROWS) for column in _alike(dataset.text_columns())), strict=True):
        for texts in block:  # name all scripts before any is counted, so that the tables have one width
            _learn(texts, known, names)
        tables.append(np.sum([_counts(texts, known, names) for texts in block], axis=0))
        done += len(block[0])
        if on_progress is not None:
            on_progress(done / len(dataset))
    width = len(names)
    table = np.concatenate([np.pad(each, ((0, 0), (0, width - each.shape[1]))) for each in tables])  # (row, script)
    main = table.argmax(axis=1)
    letters = table.sum(axis=1)
    second = np.sort(_written_together(table, names), axis=1)[:, -2] if width > 1 else np.zeros(len(table), np.int64)
    mixed = np.flatnonzero((second > 0) & (second >= _MIXED_SHARE * letters))
    rows = np.bincount(main, minlength=width)
    rank = [place for place in np.argsort(-rows, kind="stable").tolist() if rows[place] or table[:, place].any()]
    scripts = tuple(Script(names[place], int(table[:, place].sum()), int(rows[place])) for place in rank)
    place_of = np.zeros(width, np.int64)
    place_of[rank] = np.arange(len(rank))
    return ScriptMix(scripts, numbers(dataset.row_ids.array[mixed]), Numbers(place_of[main]))


def _written_together(table: np.ndarray, names: list[str]) -> np.ndarray:
    """Letters by row and script, with those of Japanese under the first of its scripts: (row, script)."""
    first, *others = [names.index(name) for name in _JAPANESE if name in names] or [0]
    joined = table.copy()
    joined[:, first] += table[:, others].sum(axis=1)
    joined[:, others] = 0
    return joined


def script_of(character: str) -> str:
    """The script of a letter, "" for anything else.

    >>> script_of("é"), script_of("Ж"), script_of("好"), script_of("3")
    ('Latin', 'Cyrillic', 'Han', '')
    """
    if unicodedata.category(character)[0] != "L":
        return ""
    words = unicodedata.name(character, "OTHER").split()
    first = words[1] if words[0] in ("FULLWIDTH", "HALFWIDTH", "SUPERSCRIPT", "SUBSCRIPT") else words[0]
    if first in _SIGNS or first in _NAMED:
        return _SIGNS.get(first, _NAMED.get(first, ""))
    return first.split("-")[0].capitalize() if {"LETTER", "SYLLABLE", "LIGATURE"} & set(words) else "Other"


def _alike(columns: tuple[Strings, ...]) -> tuple[Strings, ...]:
    """Two columns in one chunk each, so that their blocks hold the same rows."""
    return columns if len(columns) == 1 else tuple(Strings(column.arrow.combine_chunks()) for column in columns)


def _code_points(texts: pa.Array) -> np.ndarray:
    return np.frombuffer("".join(texts.to_pylist()).encode("utf-32-le"), np.uint32)


def _learn(texts: pa.Array, known: np.ndarray, names: list[str]) -> None:
    points = np.unique(_code_points(texts))
    for point in points[known[points] < 0].tolist():
        script = script_of(chr(point))
        if script and script not in names:
            names.append(script)
        known[point] = names.index(script) if script else 0


def _counts(texts: pa.Array, known: np.ndarray, names: list[str]) -> np.ndarray:
    """Letters by row and script: (row, script); place 0 stays 0, so it leads only where there are no letters."""
    scripts = known[_code_points(texts)].astype(np.int64)
    rows = np.repeat(np.arange(len(texts)), pc.utf8_length(texts).to_numpy())
    letters = scripts > 0
    places = rows[letters] * len(names) + scripts[letters]
    return np.bincount(places, minlength=len(texts) * len(names)).reshape(len(texts), len(names))
