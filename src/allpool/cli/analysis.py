"""allpool analyse and allpool report: plans and the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from allpool.cli.options import config_options, json_option, open_config, show
from allpool.errors import ExitCode

if TYPE_CHECKING:
    from allpool.analysis.night import Headline

COLUMNS = ("step", "group", "statistic", "at", "value", "interval", "n", "note")


def headline_rows(found: Sequence[Headline]) -> list[dict[str, Any]]:
    """Return headlines as rows for a table; the question stands once per step."""
    return [asdict(line) for line in found]


@click.command()
@click.argument("plan", type=click.Path(path_type=Path, dir_okay=False))
@config_options
@click.option("--release", metavar="NAME", help="Analyse this data cut instead of the store as it is.")
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write page, figures and tables there.",
)
@json_option
def analyse(
    plan: Path,
    config_file: Path | None,
    store_url: str | None,
    release: str | None,
    folder: Path | None,
    as_json: bool,
) -> int:
    """Run one plan on the store: its results into analysis_result, and with --out page, figures and tables.

    Example: allpool analyse examples/consortium/plans/pooled.yaml --out build/pooled
    """
    from allpool.analysis.night import analyse as run
    from allpool.migrations import require_current
    from allpool.models.engine import connect

    engine = connect(open_config(config_file, store_url).store_url)
    require_current(engine)
    found = run(engine, plans=[plan], output=folder, release=release)
    show(str(plan.stem), COLUMNS, headline_rows(found), as_json=as_json, right=("value", "n"))
    if folder is not None and not as_json:
        click.echo(f"page, figures and tables: {folder}")
    return int(ExitCode.OK)


@click.command()
@config_options
@click.option(
    "--out", "folder", required=True, type=click.Path(path_type=Path, file_okay=False), metavar="DIR"
)
def report(config_file: Path | None, store_url: str | None, folder: Path) -> int:
    """Run every plan and write the static page: results, figures, accounts, quarantine counts.

    Example: allpool report --out build/site
    """
    from allpool.analysis.night import analyse as run
    from allpool.migrations import require_current
    from allpool.models.engine import connect

    consortium = open_config(config_file, store_url)
    engine = connect(consortium.store_url)
    require_current(engine)
    plans = sorted(consortium.path(consortium.content.paths.plans).glob("*.yaml"))
    run(engine, plans=plans, output=folder)
    click.echo(f"{folder / 'index.html'}")
    return int(ExitCode.OK)
