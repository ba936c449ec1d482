"""Identifiers brought to one form, so that two centres that write them differently make one token."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from allpool.mappings.identifiers.check_digits import (
    RESIDENT_CHECK,
    RESIDENT_WEIGHTS,
    is_chinese_resident_id,
    is_czech_birth_number,
    is_german_insurance_number,
)

EXPECTED: Final = {
    "cz": "a Czech birth number (rodné číslo) with its check digit",
    "cn": "a Chinese resident identity number with its check character",
    "de": "a German health insurance number with its check digit",
}
"""Country -> what its national number must be."""


def plain_name(parts: Sequence[str]) -> str | None:
    """Return a name without case, diacritics, signs and order of its words; None where it has no letter.

    Unicode NFKC first (UAX 15), so that full width and ligatures are as others. Chinese names keep the order
    of their characters, family name first, since that has no blanks: 张 and 伟 are 张伟.
    """
    words: list[str] = []
    for part in parts:
        folded = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", part).casefold())
        letters = "".join(sign for sign in folded if not unicodedata.combining(sign))
        words += re.findall(r"[^\W\d_]+", unicodedata.normalize("NFC", letters))
    if not words:
        return None
    if all(_is_han(word) for word in words):
        return "".join(words)
    return " ".join(sorted(words))


def _is_han(word: str) -> bool:
    # CJK Unified Ideographs with extension A, and the supplementary ideographic planes (Unicode, chapter 18)
    return all("\u3400" <= sign <= "\u9fff" or "\U00020000" <= sign <= "\U0003ffff" for sign in word)


def plain_number(text: str) -> str | None:
    """Return a hospital's number without blanks and case; None where nothing is left."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).upper() or None


def national_number(text: str, country: str) -> str | None:
    """Return a national number in one form, with its country; None where its check digit is wrong.

    Czech: digits without the slash. Chinese: 18 characters; the 15 of the first generation get their century
    and check character (GB 11643-1999). German: the lasting ten of the Krankenversichertennummer.
    """
    plain = re.sub(r"[\s\-]", "", unicodedata.normalize("NFKC", text)).upper()
    if country == "cz":
        return f"cz:{plain.replace('/', '')}" if is_czech_birth_number(plain) else None
    if country == "cn":
        if not is_chinese_resident_id(plain):
            return None
        return f"cn:{plain if len(plain) == 18 else _second_generation(plain)}"
    lasting = plain[:10]
    return f"de:{lasting}" if is_german_insurance_number(lasting) else None


def _second_generation(plain: str) -> str:
    longer = f"{plain[:6]}19{plain[6:]}"
    total = sum(weight * int(digit) for weight, digit in zip(RESIDENT_WEIGHTS, longer, strict=True))
    return f"{longer}{RESIDENT_CHECK[total % 11]}"
