"""allpool analyse and allpool report: plans and the page."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from allpool.cli.options import config_options, json_option, open_config, open_store, show
from allpool.errors import ExitCode

if TYPE_CHECKING:
    from sqlalchemy import Engine

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
    help="Write page, figures, results.csv and results.json there.",
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

    Shown are the main statistics of each step; all of them stand in results.csv and results.json.

    Example: allpool analyse examples/consortium/plans/pooled.yaml --out build/pooled
    """
    from allpool.analysis.plans.night import analyse as run
    from allpool.etl.lock import locked

    engine = open_store(config_file, store_url, read_only=False)
    with locked(engine, since=datetime.now(UTC)):
        found = run(engine, plans=[plan], output=folder, release=release, whole=True)
        if folder is not None:
            _write_results(engine, plan, release, folder)
    show(plan.stem, COLUMNS, headline_rows(found), as_json=as_json, right=("value", "n"))
    if folder is not None and not as_json:
        click.echo(f"page, figures, results.csv and results.json: {folder}")
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
        run(engine, plans=plans, output=folder, published=published)
    click.echo(f"{folder / 'index.html'}")
    return int(ExitCode.OK)


def _write_results(engine: Engine, plan: Path, release: str | None, folder: Path) -> None:
    """Write the stored results of a plan, one row per statistic, unrounded."""
    from sqlalchemy import select

    from allpool.analysis.definitions.catalogue import load_catalogue
    from allpool.analysis.plans.plan import load_plan
    from allpool.models import AnalysisResult

    asked = load_plan(plan, load_catalogue())
    table = AnalysisResult.__table__
    order = (table.c.step, table.c.group_value, table.c.statistic, table.c.at, table.c.id)
    query = select(table).where(table.c.plan == asked.plan, table.c.release.is_not_distinct_from(release))
    with engine.connect() as connection:
        rows = [dict(row._mapping) for row in connection.execute(query.order_by(*order))]
    steps = {step.id: at for at, step in enumerate(asked.steps)}
    rows.sort(key=lambda row: steps.get(row["step"], len(steps)))
    text = json.dumps(rows, ensure_ascii=False, indent=1)
    (folder / "results.json").write_text(f"{text}\n", encoding="utf-8")
    with (folder / "results.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, table.columns.keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
