"""allpool analyse and allpool report: plans and pages."""

from __future__ import annotations

from pathlib import Path

import click

from allpool.cli.options import config_options, json_option, open_config
from allpool.errors import ExitCode


@click.command()
@click.argument("plan", type=click.Path(path_type=Path, dir_okay=False))
@config_options
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Figures and tables.",
)
@json_option
def analyse(
    plan: Path, config_file: Path | None, store_url: str | None, folder: Path | None, as_json: bool
) -> int:
    """Run one plan on the store as it is: results as CSV, JSON and figures.

    Example: allpool analyse examples/consortium/plans/pooled.yaml --out build/pooled
    """
    raise NotImplementedError


@click.command()
@config_options
@click.option(
    "--out", "folder", required=True, type=click.Path(path_type=Path, file_okay=False), metavar="DIR"
)
def report(config_file: Path | None, store_url: str | None, folder: Path) -> int:
    """Write the static site of results, accounts and quarantine counts.

    Example: allpool report --out build/site
    """
    raise NotImplementedError
