"""The work-list: texts in quarantine that no code table knows, with how many cells say each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl
from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from allpool.mappings.codes.blocks import Place, places
from allpool.mappings.codes.sheets import WORKLIST
from allpool.mappings.codes.spreadsheets import written
from allpool.mappings.identifiers.suspicion import identifying
from allpool.mappings.plan import CompiledMapping
from allpool.mappings.terminology import CodeTable, Terminology, normal
from allpool.models import Feed, Quarantine

RULES: Final = ("unknown_code", "not_a_boolean")
"""Rules of the quarantine that a code would mend."""

SUGGESTIONS: Final = 3
CLOSE: Final = 70.0
"""Similarity, in per cent, from which a code is suggested."""

LONGEST: Final = 40
MOST_WORDS: Final = 5
MOST_DIGITS: Final = 3
"""A text longer than this, of more words, or with more digits reads as free text or as an identifier."""


@dataclass(frozen=True)
class Suggestion:
    """A code whose word is near to a text: never applied by itself."""

    code: str
    word: str
    similarity: int
    """In per cent."""

    def __str__(self) -> str:
        return f"{self.code} ({self.word}, {self.similarity} %)"


@dataclass(frozen=True)
class Unmapped:
    """One text of one column that no word of its field is, and what it might mean."""

    centre: str | None
    study: str | None
    feed: str
    mapping: str | None
    place: Place | None
    """The field that reads it; None where that is no single field of the mapping as it is now."""
    column: str
    text: str
    cells: int
    patients: int
    suggestions: tuple[Suggestion, ...]


def worklist(
    connection: Connection,
    mappings: Mapping[str, CompiledMapping],
    terminology: Terminology,
    *,
    centre: str | None = None,
) -> list[Unmapped]:
    """Return the texts that wait for a code, the most frequent of each feed first.

    `mappings` are by feed; of a feed whose mapping is not among them, nothing is said of fields and codes.
    """
    found = []
    for row in connection.execute(_query(centre)).mappings():
        mapping = mappings.get(row["feed"])
        place = (
            _place(mapping, row["record"], row["element"], row["column"], row["value"]) if mapping else None
        )
        table = terminology[place.table] if place is not None and place.table else None
        found.append(
            Unmapped(
                centre=row["centre"],
                study=row["study"],
                feed=row["feed"],
                mapping=row["mapping"],
                place=place,
                column=row["column"],
                text=row["value"],
                cells=row["cells"],
                patients=row["patients"],
                suggestions=_suggestions(row["value"], table, place) if table else (),
            )
        )
    return found


def worklist_sheet(unmapped: Iterable[Unmapped]) -> str:
    """Return the work-list as a code sheet's text: `code`, `equivalence` and `comment` are to be filled."""
    return written(WORKLIST, [_cells(item) for item in unmapped])


def printable(unmapped: Sequence[Unmapped], *, minimum: int) -> list[bool]:
    """Return of each text whether it may leave the store for a terminal.

    It must read as a word of a code list (short, few digits, no direct identifier) that at least `minimum`
    patients have: what one patient's cell says may be a name, whatever the column.
    """
    texts = pl.Series([item.text for item in unmapped], dtype=pl.String)
    told = identifying(texts).to_list() if len(texts) else []
    return [
        item.patients >= minimum and not identifier and _is_word(item.text)
        for item, identifier in zip(unmapped, told, strict=True)
    ]


def _is_word(text: str) -> bool:
    return (
        len(text) <= LONGEST
        and len(text.split()) <= MOST_WORDS
        and len(re.findall(r"\d", text)) <= MOST_DIGITS
        and text.isprintable()
        and "@" not in text
    )


def _query(centre: str | None):  # type: ignore[no-untyped-def]  # SQLAlchemy's Select of nine columns
    own = Quarantine
    what = (own.centre, own.study, own.feed, Feed.mapping, own.column, own.record, own.element, own.value)
    query = (
        select(
            *what,
            func.count().label("cells"),
            func.count(own.patient_id.distinct()).label("patients"),
        )
        .join(Feed, Feed.id == own.feed)
        .where(own.status == "open", own.rule.in_(RULES), own.value.is_not(None), own.column.is_not(None))
        .group_by(*what)
        .order_by(own.feed, func.count().desc(), own.column, own.value, own.record, own.centre, own.study)
    )
    return query if centre is None else query.where((own.centre == centre) | (own.feed == centre))


def _place(
    mapping: CompiledMapping, record: str | None, element: str | None, column: str, text: str
) -> Place | None:
    """Return the one field that reads the column for this record and does not know the text."""
    form = normal(text)
    found = {
        place.address: place
        for place in places(mapping)
        if place.rule.record == record
        and place.field.element == element
        and column in _columns(place)
        and place.field.words is not None
        and form not in place.field.words.codes
        and form not in place.field.words.unmatched
    }
    return next(iter(found.values())) if len(found) == 1 else None


def _columns(place: Place) -> set[str]:
    """Return the columns that a field reads, under the names that they have in their own files."""
    names = place.field.binding.column or ()
    return {*names, *(name.split(".", 1)[1] for name in names if "." in name)}


def _suggestions(text: str, table: CodeTable, place: Place | None) -> tuple[Suggestion, ...]:
    """Return the codes with a word near to `text`, the nearest first."""
    from rapidfuzz import fuzz, process

    words = {normal(term.display): code for code, term in table.codes.items()} | table.lookup()
    if place is not None:
        words |= {normal(said.text): said.code for said in place.relations if said.code is not None}
    near = process.extract(
        normal(text), list(words), scorer=fuzz.token_sort_ratio, score_cutoff=CLOSE, limit=len(words)
    )
    found: dict[str, Suggestion] = {}
    for word, similarity, _ in near:
        found.setdefault(words[word], Suggestion(words[word], word, round(similarity)))
    return tuple(found.values())[:SUGGESTIONS]


def _cells(item: Unmapped) -> dict[str, object]:
    address = item.place.address if item.place else None
    return {
        "centre": item.centre,
        "study": item.study,
        "feed": item.feed,
        "mapping": item.mapping,
        "source": address.source if address else None,
        "record": address.record if address else None,
        "field": address.field if address else None,
        "column": item.column,
        "code_table": item.place.table if item.place else None,
        "cells": item.cells,
        "suggestions": "; ".join(map(str, item.suggestions)),
        "text": item.text,
    }
