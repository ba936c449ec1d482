"""allpool check: a centre's own check, without a store."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from allpool.cli.options import json_option, show
from allpool.errors import ConfigError, ExitCode, Place

if TYPE_CHECKING:
    from allpool.etl.check.lines import Line
    from allpool.etl.check.precheck import Precheck
    from allpool.etl.messages import Catalogue, MessageLanguage

CELLS: Final = ("read", "loaded", "quarantined", "ignored", "empty")
PLACE: Final = ("file", "sheet", "row", "column", "scope")
SHOWN: Final = 200
"""Groups of findings that a terminal shows; nobody reads more there."""


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--mapping",
    "mapping_file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="M.yaml",
)
@click.option(
    "--report",
    "report_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="R.html",
    help="Write the findings as one page that needs nothing else.",
)
@click.option(
    "--language",
    type=click.Choice(["en", "zh", "cs"]),
    help="Language of findings and page; default that of the mapping.",
)
@json_option
def check(
    files: Sequence[Path],
    mapping_file: Path,
    report_file: Path | None,
    language: MessageLanguage | None,
    as_json: bool,
) -> int:
    """Read FILES as the night would and say what would load and what would not, and why. Needs no store.

    FILES are the delivery's files, or its folder. Told are places and rules, never what a cell says.

    Example: allpool check data/centre-1 --mapping mappings/centre_1.yaml --report check.html
    """
    from allpool.etl.check.precheck import precheck
    from allpool.etl.messages import load_messages, spoken

    now = datetime.now(UTC).astimezone()
    found = precheck(files, mapping_file, today=now.date())
    chosen = language or spoken(found.mapping.language)
    messages = load_messages()
    if report_file is not None:
        _write_page(found, report_file, chosen, checked_on=now)
    if as_json:
        click.echo(json.dumps(_told(found, messages, chosen), ensure_ascii=False))
    else:
        _print(found, messages, chosen)
        if report_file is not None:
            click.echo(f"{report_file}")
    return int(ExitCode.NEEDS_A_PERSON if found.findings else ExitCode.OK)


def _write_page(found: Precheck, file: Path, language: MessageLanguage, *, checked_on: datetime) -> None:
    from allpool.etl.check.page import check_page

    page = check_page(found, language=language, checked_on=checked_on)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"the page cannot be written ({error.strerror}); name another file with --report",
            place=Place(file=str(file)),
        ) from None


def _told(found: Precheck, messages: Catalogue, language: MessageLanguage) -> Mapping[str, Any]:
    """Return everything that the check found, as JSON has it."""
    return {
        "language": language,
        "findings": [_finding(row, messages, language) for row in found.findings],
        "warnings": [_finding(row, messages, language) for row in found.doubts],
        "patient_keys": [
            {
                "file": item.file,
                "sheet": item.sheet,
                "column": item.column,
                "message": messages.said(item.message, language),
            }
            for item in found.keys
        ],
        "blocked": [
            {
                "rule": rule.rule,
                "title": messages.title(rule.rule, language),
                "expected": messages.said(rule.expected, language),
                "failed": rule.failed,
                "rows": rule.rows,
            }
            for rule in found.blocked
        ],
        "records": [
            {
                "record": kind.record,
                "element": kind.element,
                "title": messages.record(kind.record, kind.element, language),
                "records": kind.records,
            }
            for kind in found.kinds
        ],
        "cells": [{"file": name, **asdict(account)} for name, account in found.accounts.items()],
    }


def _finding(row: Mapping[str, Any], messages: Catalogue, language: MessageLanguage) -> Mapping[str, Any]:
    return {
        **{name: row[name] for name in PLACE},
        "rule": row["rule"],
        "title": messages.title(row["rule"], language),
        "expected": messages.said(row["expected"], language),
    }


def _print(found: Precheck, messages: Catalogue, language: MessageLanguage) -> None:
    """Print findings by group, records by kind and cells by file."""
    from allpool.etl.check.lines import key_lines, lines

    def label(name: str) -> str:
        return messages.label(name, language)

    waits = lines(found.groups, messages, language)
    if found.blocked:
        click.echo(label("blocked"))
    if waits:
        _print_lines("will_wait", waits, messages, language)
        findings, groups = sum(line.findings for line in waits), len(waits)
        click.echo(
            label("some_wait").format(
                findings=messages.number(findings, language), groups=messages.number(groups, language)
            )
        )
    else:
        click.echo(label("all_well"))
    warned = [*key_lines(found.keys, messages, language), *lines(found.warnings, messages, language)]
    if warned:
        _print_lines("worth_a_look", warned, messages, language)
    kinds = [
        {
            label("kind"): messages.record(kind.record, kind.element, language),
            label("records"): messages.number(kind.records, language),
        }
        for kind in found.kinds
    ]
    if kinds:
        heads = (label("kind"), label("records"))
        show(label("will_load"), heads, kinds, as_json=False, right=heads[1:])
    else:
        click.echo(label("nothing_loads"))
    _print_accounts(found, messages, language)


def _print_lines(title: str, found: Sequence[Line], messages: Catalogue, language: MessageLanguage) -> None:
    """Print groups of findings; the column of sheets only where there is one."""
    more = messages.label("and_more", language)
    cells = [
        {
            "file": line.file,
            "sheet": line.sheet,
            "column": line.column,
            "rule": line.title,
            "expected": line.expected,
            "findings": messages.number(line.findings, language),
            "rows": f"{line.first} {more.format(number=messages.number(line.more, language))}"
            if line.more
            else line.first,
        }
        for line in found[:SHOWN]
    ]
    names = [name for name in cells[0] if name != "sheet" or any(line.sheet for line in found)]
    heads = {name: messages.label(name, language) for name in names}
    show(
        messages.label(title, language),
        heads.values(),
        [{head: cell[name] for name, head in heads.items()} for cell in cells],
        as_json=False,
        right=(heads["findings"],),
    )
    if len(found) > SHOWN:
        number = messages.number(len(found) - SHOWN, language)
        click.echo(messages.label("more_groups", language).format(number=number))


def _print_accounts(found: Precheck, messages: Catalogue, language: MessageLanguage) -> None:
    """Print the account of each file's cells, and that it holds."""
    if not found.accounts:
        click.echo(messages.label("no_file", language))
        return
    heads = {
        "file": messages.label("file", language),
        "rows": messages.label("data_rows", language),
        **{name: messages.label(name, language) for name in CELLS},
    }
    accounts = [
        {
            heads["file"]: name,
            **{
                head: messages.number(getattr(account, cell), language)
                for cell, head in heads.items()
                if cell != "file"
            },
        }
        for name, account in found.accounts.items()
    ]
    right = [head for name, head in heads.items() if name != "file"]
    show(messages.label("accounts", language), heads.values(), accounts, as_json=False, right=right)
    click.echo(messages.label("sum_holds", language))
