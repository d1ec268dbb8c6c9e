"""What the cells of a text column are when they are no sentences: numbers, dates, addresses, signs; odd characters.

Looks with RE2 over the whole column, in time proportional to it.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from core.data.views import Strings

_NUMBER = r"^[+\-−]?[$€£]?\s?(\d{1,3}([ ,.']\d{3})+|\d+)([.,]\d+)?([eE][+\-]?\d+)?\s?[%$€£]?$"
_MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_TIME = r"([ T,]+\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?\s?(am|pm|z|[+\-]\d{2}:?\d{2})?)?"
_DATE = (
    r"(?i)^(\d{4}[\-/.]\d{1,2}[\-/.]\d{1,2}|\d{1,2}[\-/.]\d{1,2}[\-/.](\d{4}|\d{2})"
    rf"|\d{{1,2}}\.? {_MONTH}\.?,? \d{{4}}|{_MONTH}\.? \d{{1,2}}(st|nd|rd|th)?,? \d{{4}}){_TIME}$"
)
_ADDRESS = r"(?i)^(https?://|ftp://|www\.)\S+$|^[\w.+\-]+@[\w\-]+\.[\w.\-]+$"
_PLACEHOLDER = r"(?i)^(n/?a|null|none|nan|nil|undefined|missing|unknown|tbd|-+|\?+|\.+)$"
_WORDLESS = r"^[^\pL\pN]+$"
_LONGEST = 100  # a number or a date is not longer

ODD_CHARACTERS = {
    "replacement": ("\ufffd", "the sign \ufffd, which stands for a letter that was lost"),
    "mojibake": (
        r"Ã[\x{80}-\x{BF}]|â€|â[\x{80}-\x{9F}]{2}|Â[\x{A0}-\x{BF}]",
        "letters such as Ã© or â€™: UTF-8 once read as Latin-1",
    ),
    "misread": (
        r"[\x{80}-\x{9F}]",
        "invisible control characters (U+0080 to U+009F), which letters become that are read in a wrong encoding",
    ),
    "control": (r"[\x01-\x08\x0B\x0C\x0E-\x1F\x7F]", "control characters"),
    "invisible": (r"[\x{200B}\x{2060}\x{FEFF}\x{00AD}]", "invisible characters (zero-width space, soft hyphen)"),
}
HTML_TAG = r"(?i)<(br|p|div|span|a|b|i|em|strong|li|ul|img|td|tr)(\s[^<>]*)?/?>"


@dataclass(frozen=True, slots=True, eq=False)
class Kinds:
    """Where a text is only a number, a date, an address (URL, e-mail), a word for "nothing" such as NA, or only signs.

    Each is a mask over the texts; a text is of one kind at most.
    """

    numbers: np.ndarray
    dates: np.ndarray
    addresses: np.ndarray
    placeholders: np.ndarray
    wordless: np.ndarray

    def shares(self) -> dict[str, float]:
        """The share of texts of each kind."""
        names = ("numbers", "dates", "addresses", "placeholders", "wordless")
        return {name: float(getattr(self, name).mean()) if len(self.numbers) else 0.0 for name in names}


def kinds_of(texts: Strings) -> Kinds:
    """Sort the texts of a column by kind, white space at both ends left out."""
    trimmed = pc.utf8_trim_whitespace(texts.arrow)
    short = pc.less_equal(pc.binary_length(trimmed), _LONGEST).to_numpy()
    few = Strings(trimmed).take(np.flatnonzero(short)).arrow

    def among_short(pattern: str) -> np.ndarray:
        mask = np.zeros(len(texts), bool)
        mask[short] = pc.match_substring_regex(few, pattern).to_numpy()
        return mask

    dates, numbers = among_short(_DATE), among_short(_NUMBER)
    placeholders, wordless = among_short(_PLACEHOLDER), among_short(_WORDLESS)
    addresses = pc.match_substring_regex(trimmed, _ADDRESS).to_numpy()
    return Kinds(numbers & ~dates, dates, addresses, placeholders, wordless & ~placeholders & ~numbers)


def odd_characters(texts: Strings) -> dict[str, np.ndarray]:
    """Positions of texts that hold characters which hint at damage, by the names of ODD_CHARACTERS; empty ones too."""
    found = {name: positions_matching(texts, pattern) for name, (pattern, _) in ODD_CHARACTERS.items()}
    return found | {"misread": np.setdiff1d(found["misread"], found["mojibake"])}  # which has such characters, too


def positions_matching(texts: Strings, pattern: str) -> np.ndarray:
    """Positions of the texts in which an RE2 pattern is found."""
    return np.flatnonzero(pc.match_substring_regex(texts.arrow, pattern).to_numpy())
