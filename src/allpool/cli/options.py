"""Options that most commands take, and what they open."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from allpool.config import Consortium, find_config, load_config

if TYPE_CHECKING:
    from rich.console import Console
    from sqlalchemy import Engine

WIDE: Final = 150
"""Columns of a page of text where no terminal says how wide it is."""
UNFOLDED: Final = 10_000
"""Columns of a table that a program may read: no cell is broken into lines."""

Command = TypeVar("Command", bound=Callable[..., Any])


def config_options(command: Command) -> Command:
    """Add --config and --store."""
    command = click.option(
        "--store",
        "store_url",
        metavar="URL",
        help="Store to use instead of the configuration's (SQLAlchemy URL).",
    )(command)
    return click.option(
        "--config",
        "config_file",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Configuration; default ./allpool.toml, else the nearest above.",
    )(command)


def json_option(command: Command) -> Command:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(command)


def open_config(config_file: Path | None, store_url: str | None) -> Consortium:
    """Return the configuration that the options name."""
    return load_config(config_file or find_config(Path.cwd()), store_url=store_url)


def open_store(config_file: Path | None, store_url: str | None, *, read_only: bool = True) -> Engine:
    """Return the store that the options name, with this version's schema; an address needs no configuration.

    Raises `StoreError` where there is none, or where its schema is another.
    """
    from allpool.migrations import require_current
    from allpool.models.engine import connect

    engine = connect(store_address(config_file, store_url), read_only=read_only)
    require_current(engine)
    return engine


def store_address(config_file: Path | None, store_url: str | None) -> str:
    """Return the address of the store that the options name."""
    return store_url if store_url and config_file is None else open_config(config_file, store_url).store_url


def wide_console(width: int = WIDE) -> Console:
    """Return a console as wide as the terminal, or of `width` columns where there is none."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else width)


def show(
    title: str,
    columns: Iterable[str],
    rows: Iterable[Mapping[str, Any]],
    *,
    as_json: bool,
    right: Iterable[str] = (),
) -> None:
    """Print rows as a table, or as a JSON list."""
    names, found = list(columns), list(rows)
    if as_json:
        click.echo(
            json.dumps(
                [{name: row.get(name) for name in names} for row in found], ensure_ascii=False, default=str
            )
        )
        return
    if not found:
        click.echo(f"{title}: none")
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1))
    for name in names:
        table.add_column(
            name.replace("_", " "), justify="right" if name in set(right) else "left", overflow="fold"
        )
    for row in found:
        table.add_row(*(Text("" if row.get(name) is None else str(row.get(name))) for name in names))
    wide_console(UNFOLDED).print(table)
