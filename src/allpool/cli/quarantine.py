"""allpool quarantine: what waits, and why."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from allpool.cli.options import config_options, json_option, open_config, show
from allpool.errors import ExitCode


@click.group()
def quarantine() -> None:
    """What did not load: where it stands, which rule it breaks and what was expected."""


def _choice(command: Any) -> Any:
    command = click.option("--run", type=int, metavar="R", help="Only what waited in this run.")(command)
    return click.option("--centre", metavar="C", help="Only this centre (or feed).")(command)


@quarantine.command("list")
@config_options
@_choice
@json_option
def list_(
    config_file: Path | None, store_url: str | None, centre: str | None, run: int | None, as_json: bool
) -> int:
    """Count what waits by feed, rule, file and column.

    Example: allpool quarantine list --centre brno
    """
    from allpool.etl.quarantine import counts

    with _connection(config_file, store_url) as connection:
        rows = counts(connection, centre=centre, run=run)
    columns = ("feed", "rule", "file", "sheet", "column", "entries")
    show("quarantine", columns, rows, as_json=as_json, right=("entries",))
    return _code(rows)


@quarantine.command("show")
@config_options
@_choice
@json_option
def show_(
    config_file: Path | None, store_url: str | None, centre: str | None, run: int | None, as_json: bool
) -> int:
    """Show each entry with its place, rule and expectation (no values).

    Example: allpool quarantine show --centre brno
    """
    from allpool.etl.quarantine import entries

    with _connection(config_file, store_url) as connection:
        rows = entries(connection, centre=centre, run=run)
    columns = ("feed", "file", "sheet", "row", "column", "rule", "expected")
    show("quarantine", columns, rows, as_json=as_json, right=("row",))
    return _code(rows)


@quarantine.command("export")
@config_options
@_choice
@click.option("--out", "file", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="CSV")
def export_(
    config_file: Path | None, store_url: str | None, centre: str | None, run: int | None, file: Path
) -> int:
    """Write the entries with the values that the cells held, for the centre that sent them.

    The file holds patient data: give it to that centre alone. Cells that a spreadsheet would run as a formula
    get an apostrophe in front.

    Example: allpool quarantine export --centre brno --out brno.csv
    """
    from allpool.etl.quarantine import WHOLE, entries

    with _connection(config_file, store_url) as connection:
        rows = entries(connection, centre=centre, run=run, values=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(WHOLE)
        writer.writerows([[_harmless(row[name]) for name in WHOLE] for row in rows])
    click.echo(f"{len(rows)} entries written to {file}")
    return _code(rows)


def _harmless(value: Any) -> Any:
    """Return a value that no spreadsheet runs (OWASP, CSV injection)."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _connection(config_file: Path | None, store_url: str | None) -> Any:
    from allpool.models.engine import connect

    return connect(open_config(config_file, store_url).store_url, read_only=True).connect()


def _code(rows: Sequence[Any]) -> int:
    return int(ExitCode.NEEDS_A_PERSON if rows else ExitCode.OK)
