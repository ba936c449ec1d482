"""allpool quality: what the audit's rules found in each feed, and what is raised."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from allpool.cli.options import config_options, json_option, open_store, show
from allpool.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from sqlalchemy import Connection

RULES = ("feed", "rule", "category", "severity", "rows", "failed", "share", "tolerated", "usual", "raised")
ELEMENTS = ("feed", "element", "collected", "patients", "given", "share", "usual", "raised")


@click.command()
@config_options
@click.option("--centre", metavar="C", help="Only this centre (or feed).")
@click.option(
    "--run", type=int, metavar="R", help="As this run found it; default the last audit of each feed."
)
@click.option("--all", "every", is_flag=True, help="Rules that hold, too.")
@click.option("--completeness", is_flag=True, help="Elements that the centre has promised, instead of rules.")
@json_option
def quality(
    config_file: Path | None,
    store_url: str | None,
    centre: str | None,
    run: int | None,
    every: bool,
    completeness: bool,
    as_json: bool,
) -> int:
    """Show what the audit found per centre and rule: rows, failed, tolerated, usual, raised.

    A rule is raised beyond its threshold (`threshold`), or where it fails more often than it used to in this
    feed (`trend`). Exit code 1 where anything shown is raised.

    Example: allpool quality --centre brno --completeness
    """
    from allpool.etl.quality import elements, results

    with open_store(config_file, store_url).connect() as connection:
        _check(connection, centre, run)
        if completeness:
            rows = elements(connection, centre=centre, run=run)
        else:
            rows = results(connection, centre=centre, run=run, every=every)
    for row in [] if as_json else rows:
        for name in ("share", "tolerated", "usual"):
            row[name] = _percent(row.get(name))
    columns = ELEMENTS if completeness else RULES
    title = "completeness" if completeness else "quality"
    show(title, columns, rows, as_json=as_json, right=("rows", "failed", "patients", "given", *columns[6:-1]))
    return int(ExitCode.NEEDS_A_PERSON if any(row["raised"] for row in rows) else ExitCode.OK)


def _percent(share: Any) -> str | None:
    return None if share is None else f"{share:.1%}"


def _check(connection: Connection, centre: str | None, run: int | None) -> None:
    from allpool.etl.quality import centres, runs

    if centre is not None and centre not in (known := centres(connection)):
        raise ConfigError(f"the store has no centre or feed '{centre}'; it has {', '.join(known)}")
    if run is not None and run not in (audited := runs(connection)):
        told = ", ".join(map(str, audited[-10:])) or "none"
        raise ConfigError(f"run {run} audited nothing; the last runs that did: {told}")
