"""allpool quarantine: what waits, and why."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from allpool.cli.options import config_options, json_option, open_store, show
from allpool.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from sqlalchemy import Connection


@click.group()
def quarantine() -> None:
    """What did not load: where it stands, which rule it breaks and what was expected.

    Example: allpool quarantine list --centre brno
    """


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

    with _reading(config_file, store_url, centre, run) as connection:
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

    with _reading(config_file, store_url, centre, run) as connection:
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

    with _reading(config_file, store_url, centre, run) as connection:
        rows = entries(connection, centre=centre, run=run, values=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(WHOLE)
        writer.writerows([[_harmless(row[name]) for name in WHOLE] for row in rows])
    click.echo(f"{len(rows)} entries written to {file}")
    return _code(rows)


def _harmless(value: Any) -> Any:
    """Return a value that no spreadsheet runs (OWASP, CSV injection)."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


@contextmanager
def _reading(
    config_file: Path | None, store_url: str | None, centre: str | None, run: int | None
) -> Iterator[Connection]:
    """Open the store for reading. Raises `ConfigError` for a centre or run that it does not know."""
    with open_store(config_file, store_url).connect() as connection:
        if centre is not None and centre not in (known := _centres(connection)):
            raise ConfigError(f"the store has no centre or feed '{centre}'; it has {', '.join(known)}")
        if run is not None and not _is_run(connection, run):
            raise ConfigError(f"the store has no run {run}; `allpool status` shows the last of each feed")
        yield connection


def _centres(connection: Connection) -> list[str]:
    from sqlalchemy import select

    from allpool.models import Feed, Organization, Quarantine

    columns = (Feed.id, Feed.centre, Organization.identifier, Quarantine.centre)
    found = {name for column in columns for name in connection.execute(select(column).distinct()).scalars()}
    return sorted(name for name in found if name)


def _is_run(connection: Connection, run: int) -> bool:
    from sqlalchemy import select

    from allpool.models import EtlRun

    return connection.execute(select(EtlRun.run).where(EtlRun.run == run)).first() is not None


def _code(rows: Sequence[Any]) -> int:
    return int(ExitCode.NEEDS_A_PERSON if rows else ExitCode.OK)
