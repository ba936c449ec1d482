"""Date formats of the mapping language: what each accepts and the precision that it gives."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from allpool.mappings.months import NUMBERS, pattern_of

TOKENS: Final = {
    "%Y": ("year", "[0-9]{4}"),
    "%y": ("short_year", "[0-9]{2}"),
    "%m": ("month", "[0-9]{1,2}"),
    "%B": ("month_name", "the full name of the month"),
    "%b": ("month_name", "the short name of the month"),
    "%d": ("day", "[0-9]{1,2}"),
    "%H": ("hour", "[0-9]{1,2}"),
    "%M": ("minute", "[0-9]{2}"),
    "%S": ("second", "[0-9]{2}"),
    "%z": ("zone", "Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9]"),
}
"""What a format may hold: name of the part, and its text. A year has four digits, or two where a rule says
the century; none is guessed."""

FULL_WIDTH: Final = {"０１２３４５６７８９．／－："[i]: "0123456789./-:"[i] for i in range(14)}
"""Digits and signs of full width, read as those of ASCII."""
MONTHS: Final = ("%m", "%B", "%b")
BLANK: Final = "[ \u00a0\u2009\u202f\u3000]+"
"""What a blank in a format stands for: one blank or more, narrow, unbreakable or of full width."""

ISO: Final = (
    "(?P<year>[0-9]{4})(?:-MONTH(?:-DAY"
    r"(?:[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.[0-9]+)?)?"
    "(?P<zone>Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])?)?)?)?"
)
EXCEL_EPOCHS: Final = {"excel": (1899, 12, 30), "excel1904": (1904, 1, 1)}
"""Day 0 of Excel's serials (ECMA-376 part 1, 18.17.4.1); in the 1900 system serials below 61 are refused,
since Excel counts a 29 February 1900 that never was."""
FIRST_SERIAL: Final = {"excel": 61, "excel1904": 0}
"""The first serial that is read."""


@dataclass(frozen=True)
class DateFormat:
    """One format: `pattern` for text, or `epoch` (year, month, day) for serial numbers."""

    name: str
    pattern: str | None = None
    epoch: tuple[int, int, int] | None = None
    century: int | None = None
    """First of the hundred years that two digits mean."""


def date_format(
    name: str, *, century: int | None = None, unknown: Sequence[str] = (), language: str | None = None
) -> DateFormat:
    """Return the format that a mapping calls `name`.

    `century` is the first of the hundred years of %y, `unknown` are texts that stand for a day or month that
    is not known, `language` that of month names. Raises ValueError with a sentence where it is no format.
    """
    if name in EXCEL_EPOCHS:
        return DateFormat(name, epoch=EXCEL_EPOCHS[name])
    absent = "|".join(re.escape(text) for text in sorted(unknown, key=len, reverse=True))
    if name == "iso":
        month, day = (_named(part, "[0-9]{2}", absent) for part in ("month", "day"))
        return DateFormat(name, pattern=f"^{ISO.replace('MONTH', month).replace('DAY', day)}$")
    parts = re.split(r"(%.| +)", "".join(FULL_WIDTH.get(sign, sign) for sign in name))
    wrong = [part for part in parts if part.startswith("%") and part not in TOKENS]
    if wrong:
        raise ValueError(f"{wrong[0]} is not known in a date format; known are {', '.join(TOKENS)}")
    used = [part for part in parts if part in TOKENS]
    _check(used, century=century, language=language)
    body = "".join(_pattern(part, language, absent) for part in parts)
    return DateFormat(name, pattern=f"^{body}$", century=century if "%y" in used else None)


def full_year(short: int, century: int) -> int:
    """Return the year of two digits that lies in the hundred years from `century`."""
    return century + (short - century) % 100


def swapped(item: DateFormat) -> DateFormat | None:
    """Return the format with day and month in each other's place, or None where it has not both in digits."""
    if item.pattern is None or "%d" not in item.name or "%m" not in item.name:
        return None
    name = item.name.replace("%d", "%\0").replace("%m", "%d").replace("%\0", "%m")
    pattern = item.pattern.replace("day>", "\0>").replace("month>", "day>").replace("\0>", "month>")
    return replace(item, name=name, pattern=pattern)


def check_unknown(texts: Sequence[str]) -> None:
    """Raise ValueError with a sentence where a text for what is not known says a day or a month."""
    for text in texts:
        if not text.strip() or re.fullmatch(r"0?[1-9]|[12][0-9]|3[01]", text) or text.lower() in NUMBERS:
            raise ValueError(f"'{text}' cannot stand for an unknown day or month")


def _check(used: Sequence[str], *, century: int | None, language: str | None) -> None:
    months = [part for part in used if part in MONTHS]
    years = [part for part in used if part in ("%Y", "%y")]
    if len(years) != 1 or len(months) > 1 or len(set(used)) != len(used):
        raise ValueError("a date format has %Y once and no part twice")
    if "%y" in used and century is None:
        raise ValueError(
            "a year of two digits (%y) needs its century: `century: 1930` means the years 1930 to 2029; "
            "a year otherwise needs four digits (%Y)"
        )
    if ("%d" in used and not months) or ("%H" in used and "%d" not in used):
        raise ValueError("a date format with %d has %m, and one with %H has %d")
    if language is None and months and months[0] != "%m":
        raise ValueError(f"{months[0]} is not known here: write the month in digits (%m)")


def _pattern(part: str, language: str | None, absent: str) -> str:
    if part in ("%B", "%b"):
        return _named("month_name", pattern_of(str(language), short=part == "%b"), absent)
    if part in TOKENS:
        return _named(*TOKENS[part], absent)
    return BLANK if part and not part.strip(" ") else re.escape(part)


def _named(part: str, body: str, absent: str) -> str:
    """Return the pattern of one part; a day or month may be one of the texts that say it is not known."""
    named, kind = f"(?P<{part}>{body})", part.removesuffix("_name")
    return f"(?:(?P<no_{kind}>{absent})|{named})" if absent and kind in ("day", "month") else named
