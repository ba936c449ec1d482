"""Date formats of the mapping language: what each accepts and the precision that it gives."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

TOKENS: Final = {
    "%Y": r"(?P<year>[0-9]{4})",
    "%m": r"(?P<month>[0-9]{1,2})",
    "%d": r"(?P<day>[0-9]{1,2})",
    "%H": r"(?P<hour>[0-9]{1,2})",
    "%M": r"(?P<minute>[0-9]{2})",
    "%S": r"(?P<second>[0-9]{2})",
    "%z": r"(?P<zone>Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])",
}
"""What a format may hold. %y is left out: a century is not guessed. Years have four digits always."""

ISO: Final = (
    r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})"
    r"(?:[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.[0-9]+)?)?"
    r"(?P<zone>Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])?)?)?)?"
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


def date_format(name: str) -> DateFormat:
    """Return the format that a mapping calls `name`. Raises ValueError with a sentence where it is none."""
    if name in EXCEL_EPOCHS:
        return DateFormat(name, epoch=EXCEL_EPOCHS[name])
    if name == "iso":
        return DateFormat(name, pattern=f"^{ISO}$")
    parts = re.split(r"(%.)", name)
    unknown = [part for part in parts if part.startswith("%") and part not in TOKENS]
    if unknown:
        hint = "; a year needs four digits (%Y)" if "%y" in unknown else ""
        raise ValueError(f"{unknown[0]} is not known in a date format; known are {', '.join(TOKENS)}{hint}")
    used = [part for part in parts if part in TOKENS]
    if "%Y" not in used or len(set(used)) != len(used):
        raise ValueError("a date format has %Y once and no part twice")
    if ("%d" in used and "%m" not in used) or ("%H" in used and "%d" not in used):
        raise ValueError("a date format with %d has %m, and one with %H has %d")
    body = "".join(TOKENS.get(part, re.escape(part)) for part in parts)
    return DateFormat(name, pattern=f"^{body}$")
