"""Turns the raw values of spreadsheet cells into the strings a person sees: plain numbers, ISO dates, unescaped texts.

Number formats decide only what is a date, a duration or a number with leading zeros; the rest (thousands, percent,
currency) is decoration and left out.
"""

import datetime
import re
from dataclasses import dataclass
from decimal import Decimal

_BUILTIN_DATES = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}  # ECMA-376, part 1, 18.8.30
_DURATION = 46  # [h]:mm:ss
_LAST_DAY = 2_958_465  # 9999-12-31
_DAY_MILLISECONDS = 86_400_000
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_DECORATION = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!(?:h+|m+|s+)\])[^\]]*\]', re.I)


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """What a cell's format makes of its number; `zeros` is the least number of digits."""

    is_date: bool = False
    is_duration: bool = False
    zeros: int = 0


def number_format(identity: int, code: str | None) -> NumberFormat:
    """The meaning of a format: its number, and its code where the workbook defines it.

    >>> number_format(14, None).is_date, number_format(164, "00000").zeros, number_format(164, '0" days"').is_date
    (True, 5, False)
    """
    if code is None:
        return NumberFormat(is_date=identity in _BUILTIN_DATES, is_duration=identity == _DURATION)
    plain = _DECORATION.sub("", code.partition(";")[0]).lower()
    if "general" in plain:
        return NumberFormat()
    is_date = re.search("[dyhms]", plain) is not None
    is_duration = re.search(r"\[[hms]+\]", plain) is not None
    return NumberFormat(is_date, is_duration, len(plain) if re.fullmatch("0+", plain) else 0)


def number_text(raw: str) -> str:
    """A number as a sheet shows it in full: whole numbers whole, others with 15 digits, as many as Excel keeps.

    >>> number_text("3.0"), number_text("0.30000000000000004"), number_text("12345678901234567890")
    ('3', '0.3', '12345678901234567890')
    """
    if re.fullmatch(r"-?[0-9]+", raw):
        return "0" if raw == "-0" else raw
    try:
        text = f"{float(raw):.15G}"
    except ValueError:
        return raw
    if "E+" in text:
        return f"{Decimal(text):f}"
    return "0" if text == "-0" else text


def formatted_number(raw: str, how: NumberFormat, *, from_1904: bool) -> str:
    """A number as its format says; what does not fit (a day before 1900) stays a number."""
    if how.is_date:
        try:
            return _date(float(raw), how.is_duration, from_1904) or number_text(raw)
        except (ValueError, OverflowError):
            return raw
    text = number_text(raw)
    return text.zfill(how.zeros) if how.zeros and text.isdecimal() else text


def unescape(text: str) -> str:
    """Characters that XML cannot hold are written as _xHHHH_ in a workbook.

    >>> unescape("a_x000D_b"), unescape("_x005F_x0041_")
    ('a\\rb', '_x0041_')
    """
    if "_x" not in text:
        return text
    text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _date(serial: float, is_duration: bool, from_1904: bool) -> str | None:
    """A day number as "2024-05-01", with its time where it has one; the first day alone is a time."""
    milliseconds = round(serial * _DAY_MILLISECONDS)
    days, rest = divmod(milliseconds, _DAY_MILLISECONDS)
    if is_duration:
        return _clock(milliseconds) if milliseconds >= 0 else None
    if not 0 <= days <= _LAST_DAY:
        return None
    if days == 0 and not from_1904:
        return _clock(rest)
    if days == 60 and not from_1904:  # a day that never was: Excel keeps an error of Lotus 1-2-3
        day = "1900-02-29"
    else:
        epoch = datetime.date(1904, 1, 1) if from_1904 else datetime.date(1899, 12, 31 if days < 60 else 30)
        day = (epoch + datetime.timedelta(days)).isoformat()
    return f"{day} {_clock(rest)}" if rest else day


def _clock(milliseconds: int) -> str:
    seconds, fraction = divmod(milliseconds, 1000)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{fraction:03}" if fraction else text
