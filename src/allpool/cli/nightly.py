"""allpool nightly: every feed, then the pooled outcomes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from allpool.cli.closing import print_report
from allpool.cli.options import config_options, open_config
from allpool.cli.progress import progress

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from allpool.config import Consortium
    from allpool.etl.night import NightReport


@click.command()
@config_options
@click.option(
    "--centre", "centres", multiple=True, metavar="C", help="Only the feeds of this centre (repeatable)."
)
@click.option("--engine", type=click.Choice(["local"]), default="local", help="Where the mapping runs.")
@click.option("--dry-run", is_flag=True, help="Read, map and audit; publish nothing of the feeds.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def nightly(
    config_file: Path | None,
    store_url: str | None,
    centres: Sequence[str],
    engine: str,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Run the night: read, map, stage, audit and publish every feed; then derive, analyse, report.

    Example: allpool nightly --config examples/consortium/allpool.toml
    """
    from allpool.etl.night import run_night
    from allpool.models.engine import connect

    consortium = open_config(config_file, store_url)
    consortium.pseudonym_key()  # a night that cannot start leaves no empty store behind
    _check_plans(consortium)
    store = connect(consortium.store_url)
    try:
        with progress("the night begins", quiet=as_json) as say:
            report = run_night(
                consortium,
                store,
                now=datetime.now(UTC),
                watch=_Shown(say),
                centres=centres,
                dry_run=dry_run,
                prepare=make_ready,
                where=engine,
                analyse=lambda at: _analyse(consortium, at),
            )
    finally:
        store.dispose()
    if as_json:
        click.echo(json.dumps(_plain(report), ensure_ascii=False, default=str))
    else:
        print_report(consortium, report)
    return int(report.exit_code)


def make_ready(engine: Engine) -> None:
    """Make the tables of a new store; of one that has tables, insist on this version's."""
    from allpool import migrations

    if migrations.current(engine) is None:
        migrations.upgrade(engine)
    migrations.require_current(engine)


def _check_plans(consortium: Consortium) -> None:
    """Refuse a plan or a published figure that is not valid before the night begins, not after it."""
    from allpool.analysis.definitions.catalogue import load_catalogue
    from allpool.analysis.plans.night import load_plans
    from allpool.analysis.published.load import load_published

    load_plans(_plans(consortium), load_catalogue())
    load_published(consortium.path(consortium.content.paths.published), load_catalogue())


def _analyse(consortium: Consortium, engine: Engine) -> Any:
    from allpool.analysis.plans.night import analyse

    published = consortium.path(consortium.content.paths.published)
    return analyse(
        engine,
        plans=_plans(consortium),
        output=consortium.output,
        published=published,
        disclosure_minimum=consortium.content.disclosure.minimum,
    )


def _plans(consortium: Consortium) -> list[Path]:
    return sorted(consortium.path(consortium.content.paths.plans).glob("*.yaml"))


class _Shown:
    """What the night tells of its steps, as a line of progress."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def step(self, feed: str, name: str) -> None:
        self._say(f"{feed}: {name}")


def _plain(report: NightReport[Any]) -> dict[str, Any]:
    feeds = []
    for result in report.feeds:
        line = asdict(result)
        line["accounts"] = {name: asdict(account) for name, account in result.accounts.items()}
        feeds.append(line)
    analysis = [asdict(line) for line in report.analysis] if report.analysis is not None else None
    return {
        "run": report.run,
        "feeds": feeds,
        "analysis": analysis,
        "data_docs": str(report.data_docs) if report.data_docs is not None else None,
        "candidates": report.candidates,
        "queries": report.queries,
        "seconds": report.seconds,
        "exit_code": int(report.exit_code),
    }
