"""allpool trace: from a number to its cells, and from a cell's resource to the numbers it moves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from allpool.cli.options import config_options, json_option, open_store, show
from allpool.errors import ExitCode

LINEAGE: Final = (
    "table",
    "data_element",
    "id",
    "study",
    "centre",
    "feed",
    "version",
    "run",
    "source_file",
    "source_row",
    "rule",
    "security",
    "content_hash",
)
"""What is shown of a resource's own row; what it says of the patient stays in the store."""
MANY: Final = 10
"""Columns from which a single row is shown upright."""


@click.command()
@click.argument("id_", metavar="ID")
@config_options
@json_option
def trace(id_: str, config_file: Path | None, store_url: str | None, as_json: bool) -> int:
    """Walk from a result, subject or resource back to file, sheet, row and column, and forward.

    Tells where from and where to; what the cells say stays in the store.

    Example: allpool trace 3f1c... (ids stand in analysis_result and in every table)
    """
    from allpool.analysis.trace import trace as walk

    with open_store(config_file, store_url).connect() as connection:
        found = walk(connection, id_)
    parts = {heading: _told(heading, rows) for heading, rows in found.parts.items()}
    if as_json:
        click.echo(json.dumps({"kind": found.kind, "id": found.id, **parts}, ensure_ascii=False, default=str))
        return int(ExitCode.OK)
    click.echo(f"{found.kind} {found.id}")
    for heading, rows in parts.items():
        columns = list(dict.fromkeys(name for row in rows for name in row))
        if len(rows) == 1 and len(columns) > MANY:
            show(
                heading,
                ("what", "value"),
                [{"what": name, "value": value} for name, value in rows[0].items()],
                as_json=False,
            )
        else:
            show(heading, columns, rows, as_json=False)
    return int(ExitCode.OK)


def _told(heading: str, rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Return the rows under a heading without what a patient's row says."""
    if heading != "row":
        return rows
    return [{name: row[name] for name in LINEAGE if name in row} for row in rows]
