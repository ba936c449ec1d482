"""A query as a centre reads it: in its language, and without anything that says who a person is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal, get_args

import polars as pl

from allpool.etl.messages import Catalogue, MessageLanguage
from allpool.mappings.identifiers.suspicion import identifying

Choice = Literal["will_correct", "is_correct", "other"]
CHOICES: Final[tuple[Choice, ...]] = get_args(Choice)
"""What a centre can answer."""
OTHERS: Final = 10
"""So many other cells of a contradiction are told; a number stands for the rest."""


@dataclass(frozen=True)
class AskedLine:
    """One query as it is read."""

    id: str
    file: str
    sheet: str
    row: int | None
    column: str
    where: str
    """The column, or how much more than a cell it is about."""
    value: str
    others: tuple[str, ...]
    title: str
    mend: str
    expected: str
    effect: str
    held_with: int
    since: date
    days: int
    status: str
    choice: str
    """What was answered before, in the language's own words."""
    comment: str


def asked_lines(
    queries: Sequence[Mapping[str, Any]], messages: Catalogue, language: MessageLanguage
) -> list[AskedLine]:
    """Return queries as lines in a language; texts that may say who a person is are withheld."""
    telling = _telling(queries)
    withheld = messages.label("query_withheld", language)

    def shown(text: str | None) -> str:
        return withheld if text in telling else text or ""

    return [_line(query, messages, language, shown) for query in queries]


def _line(query: Mapping[str, Any], messages: Catalogue, language: MessageLanguage, shown: Any) -> AskedLine:
    choice, comment = split_answer(query["answer"])
    scope = {"row": "whole_row", "file": "whole_file", "feed": "whole_delivery"}.get(query["scope"], "")
    return AskedLine(
        id=query["id"],
        file=query["file"] or "",
        sheet=query["sheet"] or "",
        row=query["row"],
        column=query["column"] or "",
        where=query["column"] or (messages.label(scope, language) if scope else ""),
        value=shown(query["value"]),
        others=_others(query["others"], messages, language, shown),
        title=messages.title(query["rule"], language),
        mend=messages.mend(query["rule"], language),
        expected=messages.said(query["expected"], language) if query["expected"] else "",
        effect=messages.label(f"query_{query['severity']}", language),
        held_with=query["held_with"],
        since=query["opened_at"].date(),
        days=query["days"],
        status=messages.label(f"query_{query['status']}", language),
        choice=messages.label(f"choice_{choice}", language) if choice else "",
        comment=comment,
    )


def _others(
    cells: Sequence[Mapping[str, Any]], messages: Catalogue, language: MessageLanguage, shown: Any
) -> tuple[str, ...]:
    """Return the other cells of a contradiction: where each stands, and what it says."""
    form, colon = messages.label("query_cell", language), messages.label("colon", language)
    told = []
    for cell in cells[:OTHERS]:
        file = f"{cell['file']} [{cell['sheet']}]" if cell["sheet"] else str(cell["file"])
        place = form.format(file=file, row=cell["row"], column=cell["column"] or "–")
        said = shown(cell["value"])
        told.append(f"{place}{colon}{said}" if said else place)
    if len(cells) > OTHERS:
        number = messages.number(len(cells) - OTHERS, language)
        told.append(messages.label("query_more", language).format(number=number))
    return tuple(told)


def answer_text(choice: Choice, comment: str) -> str:
    """Return an answer as the store keeps it."""
    return f"{choice}: {comment}" if comment else choice


def split_answer(answer: str | None) -> tuple[str, str]:
    """Return choice and comment of an answer that the store keeps."""
    choice, _, comment = (answer or "").partition(": ")
    return choice, comment


def _telling(queries: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the texts of cells and comments that hold a direct identifier."""
    said: dict[str, None] = {}
    for query in queries:
        said.update(dict.fromkeys(text for text in (query["value"],) if text))
        said.update(dict.fromkeys(cell["value"] for cell in query["others"] if cell["value"]))
    texts = pl.Series(list(said), dtype=pl.String)
    return set(texts.filter(identifying(texts)))
