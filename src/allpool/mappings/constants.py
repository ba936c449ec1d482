"""What a mapping itself says in a field: it must be readable as a cell would be, or nothing is loaded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from allpool.mappings.dates import FIRST_SERIAL, DateFormat, full_year
from allpool.mappings.functions import NUMBER
from allpool.mappings.months import NUMBERS
from allpool.mappings.terminology import normal

if TYPE_CHECKING:
    from allpool.mappings.plan import Kind, Words
    from allpool.mappings.schema import Binding


def constant_fault(
    binding: Binding, kind: Kind, formats: Sequence[DateFormat], words: Words | None
) -> str | None:
    """Return what is wrong with the constant of a field, as a sentence; None where nothing is.

    Codes are left aside: the code table has checked them.
    """
    text = binding.constant
    if text is None or kind == "coding":
        return None
    if words is not None:
        return None if normal(text) in words.codes else f"'{text}' is no word that this field reads"
    if kind == "partial_date" and binding.relative is None:
        named = " or ".join(item.name for item in formats)
        return None if any(_is_date(text, item) for item in formats) else f"'{text}' is no date as {named}"
    if kind in ("quantity", "integer", "partial_date"):
        return _number_fault(text, whole=kind == "integer")
    if binding.pattern is not None and not _matches(text, f"^(?:{binding.pattern})$"):
        return f"'{text}' does not match {binding.pattern}"
    return None


def _number_fault(text: str, *, whole: bool) -> str | None:
    if re.fullmatch(NUMBER, text) is None:
        return f"'{text}' is no number; a mapping writes numbers with a decimal point"
    return f"'{text}' is no whole number" if whole and float(text) % 1 else None


def _is_date(text: str, item: DateFormat) -> bool:
    """Return whether `text` is a day, month or year of the calendar in a format."""
    if item.epoch is not None:
        return re.fullmatch(NUMBER, text) is not None and float(text) >= FIRST_SERIAL[item.name]
    groups = pl.Series("t", [text]).str.extract_groups(str(item.pattern))
    said = {
        name: part for name, part in groups.struct.unnest().row(0, named=True).items() if part is not None
    }
    name = said.get("month_name", "").lower().removesuffix(".")
    try:
        year = int(said["year"]) if item.century is None else full_year(int(said["short_year"]), item.century)
        date(year, int(said.get("month") or NUMBERS.get(name, "1")), int(said.get("day", "1")))
    except (KeyError, ValueError):
        return False
    return True


def _matches(text: str, pattern: str) -> bool:
    return bool(pl.Series([text]).str.contains(pattern).item())
