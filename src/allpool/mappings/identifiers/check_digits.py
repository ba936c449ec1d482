"""National personal numbers: whether a text could be one, by its date and check digit."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

# GB 11643-1999, 4.2.5 and annex A: check character by ISO 7064:1983, MOD 11-2.
RESIDENT_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
RESIDENT_CHECK: Final = "10X98765432"
# GB/T 2260: codes of provinces, municipalities and autonomous regions; 83 (Taiwan residence permits) by the
# State Council's measures of 2018, 91 for foreign permanent residents by GA/T 2023 (unverified).
PROVINCES: Final = (
    *("11", "12", "13", "14", "15", "21", "22", "23", "31", "32", "33", "34", "35", "36", "37", "41", "42"),
    *("43", "44", "45", "46", "50", "51", "52", "53", "54", "61", "62", "63", "64", "65", "71", "81", "82"),
    *("83", "91"),
)


def is_chinese_resident_id(text: str) -> bool:
    """Return whether `text` is a resident id: 18 characters with their check character, or 15 digits.

    Source: GB 11643-1999 (18), GB 11643-1989 (15: a year of two digits, no check character).
    """
    if re.fullmatch(r"[0-9]{15}", text):
        born = _is_day(1900 + int(text[6:8]), int(text[8:10]), int(text[10:12]))
        return text[:2] in PROVINCES and born
    if not re.fullmatch(r"[0-9]{17}[0-9Xx]", text) or text[:2] not in PROVINCES:
        return False
    total = sum(weight * int(digit) for weight, digit in zip(RESIDENT_WEIGHTS, text[:17], strict=True))
    born = _is_day(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    return born and RESIDENT_CHECK[total % 11] == text[17].upper()


def is_czech_birth_number(text: str) -> bool:
    """Return whether `text` is a rodné číslo of 9 or 10 digits, with or without its slash.

    Source: act 133/2000 Sb., § 13: 50 is added to a woman's month; 20 or 70 where a day's numbers had run
    out (from 2004); ten digits divide by 11, or, until 1985, leave 10 without their last digit, which is 0.
    Nine digits (born until 1953) have no check digit.
    """
    found = re.fullmatch(r"([0-9]{2})([0-9]{2})([0-9]{2})\s*/?\s*([0-9]{3})([0-9]?)", text)
    if found is None:
        return False
    year, month, day = (int(part) for part in found.groups()[:3])
    if not found[5]:
        if year > 53:
            return False
        year += 1900
    else:
        year += 1900 if year >= 54 else 2000
        front, last = int("".join(found.groups()[:4])), int(found[5])
        if front % 11 != last and not (front % 11 == 10 and last == 0 and year <= 1985):
            return False
    month = month % 50
    return _is_day(year, month - 20 if month > 20 and year >= 2004 else month, day)


def is_german_insurance_number(text: str) -> bool:
    """Return whether `text` is the lasting part of a Krankenversichertennummer (a letter and nine digits).

    Source: § 290 SGB V; check digit modulo 10 with weights 1 and 2 over the sums of digits, the letter
    counting as its two-digit place in the alphabet.
    """
    if not re.fullmatch(r"[A-Z][0-9]{9}", text):
        return False
    digits = f"{ord(text[0]) - ord('A') + 1:02d}{text[1:9]}"
    total = sum(sum(divmod(int(digit) * (1 + place % 2), 10)) for place, digit in enumerate(digits))
    return total % 10 == int(text[9])


def is_german_tax_number(text: str) -> bool:
    """Return whether `text` is a Steuer-Identifikationsnummer (eleven digits).

    Source: § 139b AO; ISO 7064, MOD 11,10; no leading zero, and among the first ten digits one or two that
    stand more than once, none more than three times.
    """
    if not re.fullmatch(r"[1-9][0-9]{10}", text):
        return False
    counts = sorted((text[:10].count(digit) for digit in set(text[:10])), reverse=True)
    if counts[0] not in (2, 3) or counts[1] > 2:
        return False
    product = 10
    for digit in text[:10]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(text[10])


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        return 1850 < date(year, month, day).year < 2100
    except ValueError:
        return False
