"""allpool db: the store's schema."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from allpool.cli.options import config_options, store_address
from allpool.errors import ExitCode, StoreError

if TYPE_CHECKING:
    from sqlalchemy import Engine


@click.group()
def db() -> None:
    """The store's schema: upgrade it, say which it is, check it against this version of allpool.

    Example: allpool db upgrade --store sqlite:///allpool.db
    """


@db.command()
@config_options
def upgrade(config_file: Path | None, store_url: str | None) -> int:
    """Bring the store to this version's schema; a store that does not exist is made.

    Example: allpool db upgrade --store sqlite:///allpool.db
    """
    from allpool import migrations
    from allpool.etl.lock import locked

    engine = _store(config_file, store_url)
    with locked(engine, since=datetime.now(UTC)):
        click.echo(f"schema {migrations.upgrade(engine)}")
    return int(ExitCode.OK)


@db.command()
@config_options
def current(config_file: Path | None, store_url: str | None) -> int:
    """Print the schema revision that the store is at.

    Example: allpool db current --store sqlite:///allpool.db
    """
    from allpool import migrations

    click.echo(migrations.current(_store(config_file, store_url, read_only=True)) or "none")
    return int(ExitCode.OK)


@db.command("check")
@config_options
def check_schema(config_file: Path | None, store_url: str | None) -> int:
    """Check that the store has exactly the tables of this version; exit code 3 where it has not.

    Example: allpool db check --store sqlite:///allpool.db
    """
    from allpool import migrations

    state = migrations.check(_store(config_file, store_url, read_only=True))
    if not state.ok:
        found = "; ".join(state.differences[:5]) or f"it is at {state.current or 'none'}, not at {state.head}"
        more = f" (and {len(state.differences) - 5} more)" if len(state.differences) > 5 else ""
        raise StoreError(f"the store's schema is another: {found}{more}; run `allpool db upgrade`")
    click.echo(f"the store has the schema of this version, {state.head}")
    return int(ExitCode.OK)


def _store(config_file: Path | None, store_url: str | None, *, read_only: bool = False) -> Engine:
    from allpool.models.engine import connect

    return connect(store_address(config_file, store_url), read_only=read_only)
