"""allpool trace: from a number to its cells, and from a cell's resource to the numbers it moves."""

from __future__ import annotations

import json
from pathlib import Path

import click

from allpool.cli.options import config_options, json_option, open_config, show
from allpool.errors import ExitCode


@click.command()
@click.argument("id_", metavar="ID")
@config_options
@json_option
def trace(id_: str, config_file: Path | None, store_url: str | None, as_json: bool) -> int:
    """Walk from a result, subject or resource back to file, sheet, row and column, and forward.

    Example: allpool trace 3f1c... (ids stand in analysis_result and in every table)
    """
    from allpool.analysis.trace import trace as walk
    from allpool.models.engine import connect

    engine = connect(open_config(config_file, store_url).store_url, read_only=True)
    with engine.connect() as connection:
        found = walk(connection, id_)
    if as_json:
        click.echo(
            json.dumps({"kind": found.kind, "id": found.id, **found.parts}, ensure_ascii=False, default=str)
        )
        return int(ExitCode.OK)
    click.echo(f"{found.kind} {found.id}")
    for heading, rows in found.parts.items():
        columns = list(dict.fromkeys(name for row in rows for name in row))
        if len(rows) == 1 and len(columns) > 12:
            show(
                heading,
                ("what", "value"),
                [{"what": k, "value": v} for k, v in rows[0].items()],
                as_json=False,
            )
        else:
            show(heading, columns, rows, as_json=False)
    return int(ExitCode.OK)
