"""Options that most commands take, and what they open."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from allpool.config import Consortium, find_config, load_config

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
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", header_style="bold")
    for name in names:
        table.add_column(
            name.replace("_", " "), justify="right" if name in set(right) else "left", overflow="fold"
        )
    for row in found:
        table.add_row(*("" if row.get(name) is None else str(row.get(name)) for name in names))
    Console().print(table)
