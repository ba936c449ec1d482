"""allpool status: last run of each feed, what waits, what moved."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from allpool.cli.options import config_options, json_option, open_store, show
from allpool.errors import ExitCode

UNFINISHED: Final = ("blocked", "failed")
"""States in which a feed's last delivery is not in the store."""


@click.command()
@config_options
@json_option
def status(config_file: Path | None, store_url: str | None, as_json: bool) -> int:
    """Show the last run of each feed, what waits in quarantine, what is raised and how many rows it moved.

    Raised are rules beyond their threshold or their own history: `allpool quality` shows which.

    Example: allpool status --config examples/consortium/allpool.toml
    """
    from allpool.etl.operations import overview

    with open_store(config_file, store_url).connect() as connection:
        rows = overview(connection)
    columns = (
        "feed",
        "run",
        "status",
        "inserted",
        "updated",
        "unchanged",
        "retracted",
        "waiting",
        "raised",
        "message",
    )
    show("feeds", columns, rows, as_json=as_json, right=columns[3:9])
    asks = any(row["waiting"] or row["raised"] or row["status"] in UNFINISHED for row in rows)
    return int(ExitCode.NEEDS_A_PERSON if asks else ExitCode.OK)
