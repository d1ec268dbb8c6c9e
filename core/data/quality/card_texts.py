"""The checks of the health card that look at texts."""

from collections.abc import Iterator

import numpy as np
import pyarrow.compute as pc

from core.data.dataset.notices import Finding, about_number, numbers, shown
from core.data.dataset.row_selection import RowSelection, rows_in_words
from core.data.dataset.steps import DropDuplicates, DropEmpty, TidyTexts, UnescapeHtml, repeated, tidied, unescaped
from core.data.quality.coverage import Coverage
from core.data.quality.kinds import HTML_TAG, ODD_CHARACTERS, Kinds, kinds_of, odd_characters, positions_matching
from core.data.views import Strings
from core.errors import counted
from core.tasks import SPECS, spec_of

WHOLE_IN_SELECTION = tuple(name for name, spec in SPECS.items() if spec.is_whole_in_selection)
_MOSTLY = 0.9  # from this share on a column is taken for something else than texts
_SOME = 0.01
_MUCH_UNKNOWN = 0.01
_REMEDIES = dict.fromkeys(("replacement", "mojibake"), "Read the file in its right encoding.") | {
    "misread": "If the file was read as Latin-1, read it as Western European (cp1252). Else the file is damaged: "
    "save it in its right encoding where it comes from."
}


def check(selection: RowSelection, task: str) -> Iterator[Finding]:
    """Everything that the texts alone tell; a fix is offered where it does no harm to what the task learns."""
    yield from _number(selection)
    yield from _empty(selection)
    yield from _repeats(selection, task)
    for place, column in enumerate(selection.text_columns()):
        which = "" if selection.pairs is None else (" of the first column", " of the second column")[place]
        yield from _kinds(selection, kinds_of(column), which)
        yield from _odd(selection, column, which)
        yield from _untidy(selection, column, which, task)


def long_texts(selection: RowSelection, tokens: np.ndarray, limit: int) -> Iterator[Finding]:
    """Rows that are cut at a limit of tokens."""
    cut = np.flatnonzero(np.asarray(tokens) > limit)
    if not len(cut):
        yield Finding("long", "good", f"No text is longer than {limit:,} tokens, so none is cut.")
        return
    share = len(cut) / len(selection)
    texts = counted(len(cut), "text is", "texts are")
    what = f"{texts} longer than {limit:,} tokens ({share:.1%}) and would be cut there."
    remedy = "Raise the maximum length, or check that what matters stands at the beginning."
    yield Finding("long", "warn", what, numbers(selection.row_ids[cut]), remedy)


def unknown_tokens(coverage: Coverage) -> Iterator[Finding]:
    """Tokens that the vocabulary cannot write."""
    if coverage.unknown_share < _MUCH_UNKNOWN:
        share = f"{coverage.unknown_share:.2%} of all tokens are [UNK]"
        yield Finding("unknown", "good", f"The vocabulary knows these texts: {share}.", coverage.rows)
        return
    words = shown([word for word, _ in coverage.unknown_words])
    what = f"{coverage.unknown_share:.1%} of all tokens are [UNK], in {counted(len(coverage.rows), 'row')}: {words}."
    remedy = "Choose a model whose vocabulary was made for this language."
    yield Finding("unknown", "fix" if coverage.unknown_share > 0.1 else "warn", what, coverage.rows, remedy)


def _number(selection: RowSelection) -> Iterator[Finding]:
    for what in about_number(len(selection)):
        yield Finding("too_few", "warn", what, remedy="Collect some hundred, so that the scores mean something.")


def _empty(selection: RowSelection) -> Iterator[Finding]:
    blank = selection.row_ids[selection.blank()]
    if len(blank):
        what = f"{counted(len(blank), 'row has', 'rows have')} no text: {rows_in_words(blank)}."
        yield Finding("empty", "fix", what, numbers(blank), "Drop these rows, or fill them in.", DropEmpty())
    else:
        yield Finding("empty", "good", "Every row has a text.")


def _repeats(selection: RowSelection, task: str) -> Iterator[Finding]:
    """Rows that say the same as an earlier one; where a row says more than its selection, all that can be told is that
    texts repeat. The same text under another label is not one of them (see `card_labels`)."""
    first = selection.first_equal()
    if len(selection) > 1 and not first.any():
        what = f"All {len(selection):,} rows hold the same text."
        yield Finding("all_same", "fix", what, numbers(selection.row_ids), "Choose the column that holds the texts.")
        return
    is_all = task in WHOLE_IN_SELECTION
    again = np.flatnonzero(repeated(selection) if is_all else first != np.arange(len(first)))
    if len(again):
        rows = counted(len(again), "row repeats", "rows repeat")
        what = f"{rows} an earlier {'one' if is_all else 'text'} word for word ({len(again) / len(selection):.1%})."
        remedy = "A split by shares keeps them together."
        if is_all:
            remedy = f"Drop the repeats: they count double in training. {remedy}"
        step = DropDuplicates() if is_all else None
        yield Finding("duplicates", "warn", what, numbers(selection.row_ids[again]), remedy, step)
    else:
        yield Finding("duplicates", "good", f"No {'row' if is_all else 'text'} occurs twice.")


def _kinds(selection: RowSelection, kinds: Kinds, which: str) -> Iterator[Finding]:
    names = {"numbers": "a number", "dates": "a date", "addresses": "a web or mail address", "wordless": "signs"}
    shares = kinds.shares()
    found = False
    for name, word in names.items():
        rows = selection.row_ids[getattr(kinds, name)]
        if shares[name] > _MOSTLY:
            found = True
            what = f"{shares[name]:.0%} of the texts{which} are nothing but {word}; they are read as written."
            yield Finding(name, "fix", what, numbers(rows), "Choose the column that holds the texts.")
        elif shares[name] > _SOME:
            found = True
            texts = counted(len(rows), f"text{which} is", f"texts{which} are")
            what = f"{texts} nothing but {word} ({shares[name]:.1%})."
            yield Finding(name, "warn", what, numbers(rows), "Check that a model can learn something from them.")
    if not found:
        yield Finding("kinds", "good", f"The texts{which} are words, not numbers, dates or addresses.")
    if kinds.placeholders.any():
        rows = selection.row_ids[kinds.placeholders]
        texts = counted(len(rows), f"text{which} is", f"texts{which} are")
        what = f"{texts} only NA, null, none or the like; this stays text as written."
        yield Finding("placeholders", "warn", what, numbers(rows), "If they stand for “no text”, empty or drop them.")


def _odd(selection: RowSelection, column: Strings, which: str) -> Iterator[Finding]:
    found = odd_characters(column)
    for name, positions in found.items():
        if len(positions):
            rows = numbers(selection.row_ids[positions])
            what = f"{counted(len(rows), f'text{which} holds', f'texts{which} hold')} {ODD_CHARACTERS[name][1]}."
            lost = name in ("replacement", "mojibake")
            remedy = _REMEDIES.get(name, "Remove them where the texts come from.")
            severity = "fix" if lost and len(rows) > _SOME * len(selection) else "warn"
            yield Finding(f"odd_{name}", severity, what, rows, remedy)
    if not any(map(len, found.values())):
        yield Finding("odd", "good", f"No damaged or invisible characters were found in the texts{which}.")


def _untidy(selection: RowSelection, column: Strings, which: str, task: str) -> Iterator[Finding]:
    tidy, plain = tidied(column.arrow), unescaped(column.arrow)
    for key, changed, what, step in (
        ("untidy", tidy, "white space around or HTML line breaks (<br />) inside", TidyTexts()),
        ("entities", plain, "HTML entities inside, such as &amp; for &", UnescapeHtml()),
    ):
        positions = np.flatnonzero(pc.not_equal(column.arrow, changed).to_numpy())
        if len(positions):
            what = f"{counted(len(positions), f'text{which} has', f'texts{which} have')} {what}."
            remedy = "Tidy them; words stay."
            if spec_of(task).is_placed:
                step, remedy = None, "Tidy them at their source: here, tags or answers would move."
            yield Finding(key, "warn", what, numbers(selection.row_ids[positions]), remedy, step)
    marked = positions_matching(Strings(tidy), HTML_TAG)
    if len(marked):
        what = f"{counted(len(marked), f'text{which} holds', f'texts{which} hold')} HTML tags, such as <b>."
        yield Finding("html", "warn", what, numbers(selection.row_ids[marked]), "Export the texts as plain text.")
