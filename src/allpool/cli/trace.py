"""allpool trace: from a number to its cells, and from a cell to the numbers it moves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from allpool.cli.options import config_options, json_option, open_store, show
from allpool.errors import ExitCode

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from allpool.analysis.trace import Trace

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
COUNTED: Final = "counts stand in place of lists, since these are real patients; list them with --subjects"


@click.command()
@click.argument("what", metavar="ID|CELL", required=False)
@click.option(
    "--file", "file", metavar="F", help="A file, as [FEED/]PATH; with --row and --column for a cell."
)
@click.option("--sheet", metavar="S", help="Sheet of the file.")
@click.option(
    "--row", type=click.IntRange(min=1), metavar="R", help="Row as an editor or spreadsheet counts."
)
@click.option("--column", metavar="C", help="Column by its name in the file.")
@click.option("--subjects", "listed", is_flag=True, help="List real patients' pseudonyms instead of counts.")
@config_options
@json_option
def trace(
    what: str | None,
    file: str | None,
    sheet: str | None,
    row: int | None,
    column: str | None,
    listed: bool,
    config_file: Path | None,
    store_url: str | None,
    as_json: bool,
) -> int:
    """Walk from a result, subject, resource or quarantine entry back to its cells, or from a cell forward.

    ID stands in analysis_result and in every table. CELL is [FEED/]FILE[:SHEET]:ROW[:COLUMN]. Tells where
    from and where to; what the cells say stays in the store.

    Example: allpool trace 3f1c...

    allpool trace 004-brno/pacienti.csv:7:datum_umrti

    allpool trace --file 001.xlsx --sheet MRD --row 12 --column 结果
    """
    with open_store(config_file, store_url).connect() as connection:
        found = _walk(connection, what, file=file, sheet=sheet, row=row, column=column)
    shown = found.counted() if found.real and not listed else found
    parts = {heading: _told(heading, rows) for heading, rows in shown.parts.items()}
    if as_json:
        click.echo(json.dumps({"kind": found.kind, "id": found.id, **parts}, ensure_ascii=False, default=str))
        return int(ExitCode.OK)
    click.echo(f"{found.kind} {found.id}")
    for heading, rows in parts.items():
        _show(heading, rows)
    if found.real and not listed:
        click.echo(COUNTED)
    return int(ExitCode.OK)


def _walk(
    connection: Connection,
    what: str | None,
    *,
    file: str | None,
    sheet: str | None,
    row: int | None,
    column: str | None,
) -> Trace:
    """Return the walk from an id, or from a place given as one word or in options."""
    from allpool.analysis.lineage.places import CellPlace, read_place
    from allpool.analysis.trace import trace as walk
    from allpool.analysis.trace import trace_place

    if file is not None:
        if what is not None or row is None:
            raise click.UsageError("--file goes with --row (and --column, --sheet), and without ID|CELL")
        return trace_place(connection, CellPlace(file, row, sheet, column))
    if what is None or row is not None or column is not None or sheet is not None:
        raise click.UsageError("say what to trace: an ID, a CELL as FILE:ROW:COLUMN, or --file with --row")
    place = read_place(what)
    return walk(connection, what) if place is None else trace_place(connection, place)


def _show(heading: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the rows under a heading; a single row of many columns upright, empty columns not at all."""
    columns = [
        name
        for name in dict.fromkeys(name for row in rows for name in row)
        if any(row.get(name) is not None for row in rows)
    ]
    title = f"{heading} ({len(rows)})" if len(rows) > 1 else heading
    if len(rows) == 1 and len(columns) > MANY:
        upright = [{"what": name, "value": rows[0][name]} for name in columns]
        show(title, ("what", "value"), upright, as_json=False)
    else:
        show(title, columns, rows, as_json=False)


def _told(heading: str, rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Return the rows under a heading without what a patient's row says."""
    if heading != "row":
        return rows
    return [{name: row[name] for name in LINEAGE if name in row} for row in rows]
