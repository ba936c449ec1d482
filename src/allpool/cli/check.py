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
from allpool.errors import ExitCode

if TYPE_CHECKING:
    from allpool.etl.messages import Catalogue, MessageLanguage
    from allpool.etl.precheck import Precheck

CELLS: Final = ("read", "loaded", "quarantined", "ignored", "empty")
PLACE: Final = ("file", "sheet", "row", "column")
FIRST: Final = 5
"""So many spans of rows stand on a line of the terminal; the page and --json have all of them."""


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
@click.option("--with-values", is_flag=True, help="Show what the cells say: patient data, not for mail.")
@json_option
def check(
    files: Sequence[Path],
    mapping_file: Path,
    report_file: Path | None,
    language: MessageLanguage | None,
    with_values: bool,
    as_json: bool,
) -> int:
    """Read FILES as the night would and say what would load and what would not, and why. Needs no store.

    FILES are the delivery's files, or its folder.

    Example: allpool check data/centre-1 --mapping mappings/centre_1.yaml --report check.html
    """
    from allpool.etl.messages import load_messages, spoken
    from allpool.etl.precheck import precheck

    found = precheck(files, mapping_file, values=with_values)
    chosen = language or spoken(found.mapping.language)
    messages = load_messages()
    if report_file is not None:
        _write_page(found, report_file, chosen, with_values=with_values)
    if as_json:
        click.echo(json.dumps(_told(found, messages, chosen, with_values=with_values), ensure_ascii=False))
    else:
        _print(found, messages, chosen)
        if report_file is not None:
            click.echo(f"{report_file}")
    return int(ExitCode.NEEDS_A_PERSON if found.findings else ExitCode.OK)


def _write_page(found: Precheck, file: Path, language: MessageLanguage, *, with_values: bool) -> None:
    from allpool.etl.pages.check import check_page

    page = check_page(
        found, language=language, checked_on=datetime.now(UTC).astimezone(), with_values=with_values
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    if with_values:
        file.touch(mode=0o600)
    file.write_text(page, encoding="utf-8")


def _told(
    found: Precheck, messages: Catalogue, language: MessageLanguage, *, with_values: bool
) -> Mapping[str, Any]:
    """Return everything that the check found, as JSON has it."""
    more = ("value",) if with_values else ()
    return {
        "language": language,
        "findings": [
            {
                **{name: row[name] for name in PLACE},
                "rule": row["rule"],
                "title": messages.title(row["rule"], language),
                "expected": messages.said(row["expected"], language),
                **{name: row[name] for name in more},
            }
            for row in found.findings
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


def _print(found: Precheck, messages: Catalogue, language: MessageLanguage) -> None:
    """Print findings by group, records by kind and cells by file."""
    from allpool.etl.finding_groups import spans, spelled

    def label(name: str) -> str:
        return messages.label(name, language)

    lines: list[Mapping[str, Any]] = []
    for group in found.groups:
        parts = spans(group.rows)
        more = sum(last - first + 1 for first, last in parts[FIRST:])
        rows = spelled(parts[:FIRST])
        lines.append(
            {
                label("file"): group.file,
                label("sheet"): group.sheet,
                label("column"): group.column,
                label("rule"): messages.title(group.rule, language),
                label("expected"): messages.said(group.expected, language),
                label("findings"): group.cells,
                label("rows"): f"{rows} {label('and_more').format(number=more)}" if more else rows,
            }
        )
    names = [label(name) for name in ("file", "sheet", "column", "rule", "expected", "findings", "rows")]
    if lines:
        show(label("will_wait"), names, lines, as_json=False, right=(label("findings"),))
    else:
        click.echo(label("all_well"))
    kinds = [
        {
            label("kind"): messages.record(kind.record, kind.element, language),
            label("records"): kind.records,
        }
        for kind in found.kinds
    ]
    if kinds:
        show(
            label("will_load"),
            (label("kind"), label("records")),
            kinds,
            as_json=False,
            right=(label("records"),),
        )
    else:
        click.echo(label("nothing_loads"))
    accounts = [
        {
            label("file"): name,
            label("data_rows"): account.rows,
            **{label(cell): getattr(account, cell) for cell in CELLS},
        }
        for name, account in found.accounts.items()
    ]
    heads = [label(name) for name in ("file", "data_rows", *CELLS)]
    show(label("accounts"), heads, accounts, as_json=False, right=heads[1:])
