"""Findings as a person reads them, in a language: on the check's page and in the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from allpool.etl.check.groups import FindingGroup, spans, spelled
from allpool.etl.guard import KeyWarning
from allpool.etl.messages import Catalogue, MessageLanguage

FIRST: Final = 5
"""So many spans of rows stand on a line; the others are folded away."""
ABOUT: Final = 3
"""So many names of what a cell is read as stand on a line."""


@dataclass(frozen=True)
class Line:
    """One group of findings as it is read."""

    file: str | None
    sheet: str | None
    column: str | None
    scope: str
    title: str
    mend: str
    expected: str
    about: str
    """Titles of the data elements, or of the kinds of record."""
    findings: int
    first: str
    more: int
    """Rows that are not among the first."""
    all_rows: str


def lines(groups: Iterable[FindingGroup], messages: Catalogue, language: MessageLanguage) -> list[Line]:
    """Return the lines by file and sheet; what is of whole files comes first in each."""

    def place(group: FindingGroup) -> tuple[str, str, bool]:
        return group.file or "", group.sheet or "", group.scope != "file"

    return [_line(group, messages, language) for group in sorted(groups, key=place)]


def key_lines(warnings: Iterable[KeyWarning], messages: Catalogue, language: MessageLanguage) -> list[Line]:
    """Return the lines of patient keys that are direct identifiers."""
    return [
        Line(
            file=warning.file,
            sheet=warning.sheet,
            column=warning.column,
            scope="column",
            title=messages.title("identifying_patient_key", language),
            mend="",
            expected=messages.said(warning.message, language),
            about=messages.label("patient_key", language),
            findings=warning.rows,
            first="",
            more=0,
            all_rows="",
        )
        for warning in warnings
    ]


def _line(group: FindingGroup, messages: Catalogue, language: MessageLanguage) -> Line:
    found = spans(group.rows)
    more = sum(last - first + 1 for first, last in found[FIRST:])
    return Line(
        file=group.file,
        sheet=group.sheet,
        column=group.column,
        scope=group.scope,
        title=messages.title(group.rule, language),
        mend=messages.mend(group.rule, language),
        expected=messages.said(group.expected, language),
        about=_about(group, messages, language),
        findings=group.cells,
        first=spelled(found[:FIRST]),
        more=more,
        all_rows=spelled(found) if more else "",
    )


def _about(group: FindingGroup, messages: Catalogue, language: MessageLanguage) -> str:
    """Return what the cells are read as: each data element once, else the kind of record."""
    titles = [
        messages.element(element, language) if element else messages.record(record, None, language)
        for record, element in group.about
        if record
    ]
    named = list(dict.fromkeys(titles))
    return ", ".join([*named[:ABOUT], *(["…"] if len(named) > ABOUT else [])])
