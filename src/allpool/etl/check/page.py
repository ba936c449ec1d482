"""The check as one self-contained HTML page in the centre's language."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from allpool.etl.check.lines import Line, key_lines, lines
from allpool.etl.check.precheck import Precheck
from allpool.etl.messages import MessageLanguage, load_messages
from allpool.etl.pages import page_style, page_template
from allpool.etl.transform.ledger import Account
from allpool.version import __version__

CELLS: Final = ("read", "loaded", "quarantined", "ignored", "empty")


def check_page(found: Precheck, *, language: MessageLanguage, checked_on: datetime) -> str:
    """Return the page of a check; same check, language and time, same text. No patient's value is on it."""
    messages = load_messages()
    groups = found.groups
    accounts = found.accounts
    return page_template("allpool.etl.check", "check.html", language).render(
        style=page_style(),
        waits=_places(lines(groups, messages, language)),
        warnings=_places(
            [*key_lines(found.keys, messages, language), *lines(found.warnings, messages, language)]
        ),
        blocked=[
            (messages.title(rule.rule, language), messages.said(rule.expected, language), rule)
            for rule in found.blocked
        ],
        groups=len(groups),
        findings=sum(group.cells for group in groups),
        kinds=[(messages.record(kind.record, kind.element, language), kind.records) for kind in found.kinds],
        cells=CELLS,
        accounts=accounts,
        unread=list(dict.fromkeys(_unread(found))),
        total={name: sum(getattr(item, name) for item in accounts.values()) for name in ("rows", *CELLS)},
        reasons=[
            (name, messages.said(reason, language), cells)
            for name, account in accounts.items()
            for reason, cells in _reasons(account)
        ],
        mapping=found.mapping,
        files={facts.path: facts for facts in found.files}.values(),
        checked_on=messages.moment(checked_on, language),
        code_version=__version__,
    )


def _places(found: Iterable[Line]) -> dict[tuple[str, str], list[Line]]:
    """Return the lines by file and sheet."""
    places: dict[tuple[str, str], list[Line]] = {}
    for line in found:
        places.setdefault((line.file or "", line.sheet or ""), []).append(line)
    return dict(sorted(places.items()))


def _unread(found: Precheck) -> Iterable[str]:
    """Yield the files (and sheets) that have no account: nothing of them could be read."""
    for group in found.groups:
        if (
            group.scope == "file"
            and group.file
            and not any(_is_of(group.file, name) for name in found.accounts)
        ):
            yield f"{group.file} [{group.sheet}]" if group.sheet else group.file


def _is_of(file: str, account: str) -> bool:
    return account == file or account.startswith((f"{file} [", f"{file} as "))


def _reasons(account: Account) -> list[tuple[str, int]]:
    return sorted(account.ignored_by.items(), key=lambda item: (-item[1], item[0]))
