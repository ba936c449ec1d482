"""Names of months in the languages of mappings; a closed table, names and short names apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

# Unicode CLDR, gregorian months, wide and abbreviated. Czech: nominative and genitive, and without its signs,
# as many systems export it; its short names are those of calendars. Chinese: numerals; 1月 is `%m月`.
FULL: Final[Mapping[str, tuple[str, ...]]] = {
    "en": (
        *("january", "february", "march", "april", "may", "june"),
        *("july", "august", "september", "october", "november", "december"),
    ),
    "cs": (
        *("leden|ledna", "únor|února|unor|unora", "březen|března|brezen|brezna", "duben|dubna"),
        *(
            "květen|května|kveten|kvetna",
            "červen|června|cerven|cervna",
            "červenec|července|cervenec|cervence",
        ),
        *("srpen|srpna", "září|zari", "říjen|října|rijen|rijna", "listopad|listopadu", "prosinec|prosince"),
    ),
    "de": (
        *("januar|jänner", "februar|feber", "märz|maerz", "april", "mai", "juni"),
        *("juli", "august", "september", "oktober", "november", "dezember"),
    ),
    "zh": (
        *("一月", "二月", "三月", "四月", "五月", "六月"),
        *("七月", "八月", "九月", "十月", "十一月", "十二月"),
    ),
}
SHORT: Final[Mapping[str, tuple[str, ...]]] = {
    "en": ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep|sept", "oct", "nov", "dec"),
    "cs": (
        *("led", "úno|uno", "bře|bre", "dub", "kvě|kve", "čvn|cvn"),
        *("čvc|cvc", "srp", "zář|zar", "říj|rij", "lis", "pro"),
    ),
    "de": ("jan", "feb", "mär|mrz|maer", "apr", "mai", "jun", "jul", "aug", "sep|sept", "okt", "nov", "dez"),
    "zh": FULL["zh"],
}

NUMBERS: Final[Mapping[str, str]] = {
    name: f"{number:02}"
    for table in (FULL, SHORT)
    for names in table.values()
    for number, several in enumerate(names, start=1)
    for name in several.split("|")
}
"""Every name, in lower case -> the month's number in two digits; no name is of two months."""


def names_of(language: str, *, short: bool) -> tuple[str, ...]:
    """Return the names that a format takes: the language's, and English ones, which exports use anywhere."""
    table = SHORT if short else FULL
    return tuple(
        dict.fromkeys(
            name for own in (language, "en") for several in table.get(own, ()) for name in several.split("|")
        )
    )


def pattern_of(language: str, *, short: bool) -> str:
    """Return the pattern of the names, longest first and in any case; short ones may have a full stop."""
    names = sorted(names_of(language, short=short), key=len, reverse=True)
    return f"(?i:{'|'.join(map(re.escape, names))})" + (r"\.?" if short else "")
