"""The check as one self-contained HTML page in the centre's language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import allpool
from allpool.etl.finding_groups import FindingGroup, spans, spelled
from allpool.etl.messages import Catalogue, MessageLanguage, load_messages
from allpool.etl.precheck import Precheck
from allpool.etl.transform.ledger import Account

FIRST: Final = 5
"""So many spans of rows stand on a group's line; the others are folded away."""
ABOUT: Final = 3
"""So many names of what a cell is read as stand on a line."""
CELLS: Final = ("read", "loaded", "quarantined", "ignored", "empty")
THOUSANDS: Final = {"en": ",", "zh": ",", "cs": "\u00a0"}


def check_page(
    found: Precheck, *, language: MessageLanguage, checked_on: datetime, with_values: bool = False
) -> str:
    """Return the page of a check; same check, language and time, same text.

    Patients' values stand on it only `with_values`, and only where `found` has them.
    """
    messages = load_messages()
    environment = Environment(
        loader=PackageLoader("allpool.etl.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = lambda value: f"{value:,}".replace(",", THOUSANDS[language])
    environment.filters["words"] = lambda name: messages.label(name, language)
    groups = found.groups
    return environment.get_template("check.html").render(
        style=Markup(files("allpool").joinpath("page.css").read_text(encoding="utf-8")),  # noqa: S704  # our own
        with_values=with_values,
        places=_places(groups, messages, language, with_values=with_values),
        groups=len(groups),
        findings=sum(group.cells for group in groups),
        kinds=[(messages.record(kind.record, kind.element, language), kind.records) for kind in found.kinds],
        cells=CELLS,
        accounts=found.accounts,
        total={name: sum(getattr(item, name) for item in found.accounts.values()) for name in CELLS},
        reasons=[
            (name, messages.said(reason, language), cells)
            for name, account in found.accounts.items()
            for reason, cells in _reasons(account)
        ],
        mapping=found.mapping,
        files={facts.path: facts for facts in found.files}.values(),
        checked_on=checked_on.isoformat(sep=" ", timespec="minutes"),
        code_version=allpool.__version__,
    )


def _reasons(account: Account) -> list[tuple[str, int]]:
    return sorted(account.ignored_by.items(), key=lambda item: (-item[1], item[0]))


@dataclass(frozen=True)
class _Line:
    """One group as it is read."""

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
    values: tuple[tuple[int | None, str], ...]


def _places(
    groups: Any, messages: Catalogue, language: MessageLanguage, *, with_values: bool
) -> dict[tuple[str, str], list[_Line]]:
    """Return the lines by file and sheet; what is of whole files comes first in each."""
    places: dict[tuple[str, str], list[_Line]] = {}
    for group in sorted(groups, key=lambda group: group.scope != "file"):
        line = _line(group, messages, language, with_values=with_values)
        places.setdefault((group.file or "", group.sheet or ""), []).append(line)
    return dict(sorted(places.items()))


def _line(group: FindingGroup, messages: Catalogue, language: MessageLanguage, *, with_values: bool) -> _Line:
    found = spans(group.rows)
    shown = found[:FIRST]
    more = sum(last - first + 1 for first, last in found[FIRST:])
    return _Line(
        column=group.column,
        scope=group.scope,
        title=messages.title(group.rule, language),
        mend=messages.mend(group.rule, language),
        expected=messages.said(group.expected, language),
        about=_about(group, messages, language),
        findings=group.cells,
        first=spelled(shown),
        more=more,
        all_rows=spelled(found) if more else "",
        values=group.values if with_values else (),
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
