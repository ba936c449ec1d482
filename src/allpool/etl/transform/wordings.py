"""The distinct texts of one column, so that words are looked up once for each text and not for each cell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property

import polars as pl

from allpool.mappings.terminology import normal

NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"


class Wordings:
    """The distinct texts of a column (or of a constant), by their normal form."""

    def __init__(self, text: pl.Series) -> None:
        self._text = text

    @cached_property
    def distinct(self) -> list[str]:
        """The distinct texts, sorted."""
        return self._text.unique().drop_nulls().sort().to_list()

    @cached_property
    def _forms(self) -> dict[str, list[str]]:
        forms: dict[str, list[str]] = {}
        for item in self._text.unique().drop_nulls().to_list():
            forms.setdefault(normal(item), []).append(item)
        return forms

    def coded(self, codes: Mapping[str, str]) -> dict[str, str]:
        """Return the texts that `codes` (by normal form) knows, with their codes."""
        if not codes:
            return {}
        forms = self._forms if len(self._forms) < len(codes) else codes
        return {item: codes[form] for form in forms if form in codes for item in self._forms.get(form, ())}

    def among(self, words: frozenset[str]) -> list[str]:
        """Return the texts whose normal form is among `words`."""
        return [item for word in words for item in self._forms.get(word, ())]

    @cached_property
    def numbers(self) -> list[str]:
        """The texts that are numbers in either decimal sign, with or without comparator and per cent sign."""
        return [item for items in self._forms.values() for item in items if _is_number(item)]


def replaced(text: pl.Expr, found: Mapping[str, str]) -> pl.Expr:
    """Return what `found` says for each text, and null for the others."""
    if not found:
        return pl.lit(None, dtype=pl.String)
    return text.replace_strict(list(found), list(found.values()), default=None, return_dtype=pl.String)


def _is_number(text: str) -> bool:
    plain = text.replace(",", ".", 1).lstrip("<>=≤≥ ").rstrip("% ")
    return re.fullmatch(NUMBER, plain) is not None
