"""allpool analyse and allpool report: plans and the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from allpool.cli.options import config_options, json_option, open_config, open_store, show
from allpool.errors import ExitCode

if TYPE_CHECKING:
    from allpool.analysis.plans.night import Headline

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
    help="Write page, figures, results.csv, results.json and ard.csv there.",
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
    """Run one plan on the store: its results into analysis_result, and with --out into a folder.

    Shown are the main statistics of each step; all of them stand in results.csv and results.json, and one row
    per number as analysis results data (CDISC) in ard.csv. Small counts of real patients do not leave:
    `[disclosure] minimum` of the configuration, 5 unless it says otherwise.

    Example: allpool analyse examples/consortium/plans/q13_cir.yaml --out build/q13
    """
    from allpool.analysis.plans.night import analyse as run
    from allpool.etl.lock import locked

    engine = open_store(config_file, store_url, read_only=False)
    with locked(engine, since=datetime.now(UTC)):
        found = run(
            engine,
            plans=[plan],
            output=folder,
            release=release,
            whole=True,
            files=True,
            disclosure_minimum=disclosure_minimum(config_file, store_url),
        )
    show(plan.stem, COLUMNS, headline_rows(found), as_json=as_json, right=("value", "n"))
    if folder is not None and not as_json:
        click.echo(f"page, figures, results.csv, results.json and ard.csv: {folder}")
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
    from allpool.analysis.plans.night import analyse as run
    from allpool.etl.lock import locked

    consortium = open_config(config_file, store_url)
    engine = open_store(config_file, store_url, read_only=False)
    plans = sorted(consortium.path(consortium.content.paths.plans).glob("*.yaml"))
    with locked(engine, since=datetime.now(UTC)):
        published = consortium.path(consortium.content.paths.published)
        minimum = consortium.content.disclosure.minimum
        run(engine, plans=plans, output=folder, published=published, disclosure_minimum=minimum)
    click.echo(f"{folder / 'index.html'}")
    return int(ExitCode.OK)


def disclosure_minimum(config_file: Path | None, store_url: str | None) -> int:
    """Return the least count that may leave; where a store is named without a configuration, the default."""
    from allpool.config import DisclosureSection

    if store_url is not None and config_file is None:
        return DisclosureSection().minimum
    return open_config(config_file, store_url).content.disclosure.minimum
