"""allpool status: last run of each feed, what waits, what moved."""

from __future__ import annotations

from pathlib import Path

import click

from allpool.cli.options import config_options, json_option, open_config, show
from allpool.errors import ExitCode


@click.command()
@config_options
@json_option
def status(config_file: Path | None, store_url: str | None, as_json: bool) -> int:
    """Show the last run of each feed, what waits in quarantine and how many rows it moved.

    Example: allpool status --config examples/consortium/allpool.toml
    """
    from allpool.etl.operations import overview
    from allpool.models.engine import connect

    engine = connect(open_config(config_file, store_url).store_url, read_only=True)
    with engine.connect() as connection:
        rows = overview(connection)
    columns = ("feed", "run", "status", "inserted", "updated", "unchanged", "retracted", "waiting", "message")
    show("feeds", columns, rows, as_json=as_json, right=columns[3:8])
    return int(ExitCode.NEEDS_A_PERSON if any(row["waiting"] for row in rows) else ExitCode.OK)
