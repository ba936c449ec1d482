"""allpool queries: what the centres are asked, what they answer, and what is decided."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from allpool.cli.options import config_options, json_option, open_config, open_store, show
from allpool.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from allpool.etl.messages import MessageLanguage
    from allpool.etl.queries.decisions import Decision

STATUSES: Final = ("open", "answered", "accepted", "waived", "mended")
UNSETTLED: Final = ("open", "answered")
COLUMNS: Final = ("id", "status", "days", "owner", "file", "sheet", "row", "column", "rule", "severity")
TOLD: Final = (
    *COLUMNS,
    "feed",
    "centre",
    "study",
    "scope",
    "expected",
    "held_with",
    "opened_at",
    "closed_at",
)
"""What is told of a query in JSON: never what a cell says."""
STEPS: Final = ("number", "at", "run", "status", "by", "comment")


@click.group()
def queries() -> None:
    """What the centres are asked: list, send, take answers back, decide.

    Example: allpool queries list --centre brno
    """


def _choice(command: Any) -> Any:
    command = click.option(
        "--status",
        "statuses",
        multiple=True,
        type=click.Choice([*STATUSES, "all"]),
        help="Only in this state (repeatable); default open and answered.",
    )(command)
    return click.option("--centre", metavar="C", help="Only this centre (or feed).")(command)


@queries.command("list")
@config_options
@_choice
@json_option
def list_(
    config_file: Path | None,
    store_url: str | None,
    centre: str | None,
    statuses: Sequence[str],
    as_json: bool,
) -> int:
    """List queries with place, rule, age in days and owner (no values).

    Example: allpool queries list --centre brno --status answered
    """
    rows = _found(config_file, store_url, centre, statuses)
    if as_json:
        told = [{name: row[name] for name in TOLD} for row in rows]
        click.echo(json.dumps(told, ensure_ascii=False, default=str))
    else:
        show("queries", COLUMNS, rows, as_json=False, right=("days", "row"))
    return _code(rows)


@queries.command("show")
@click.argument("query", metavar="ID")
@config_options
@json_option
def show_(query: str, config_file: Path | None, store_url: str | None, as_json: bool) -> int:
    """Show one query and what became of it, step by step (no values).

    Example: allpool queries show 3f1c0a9be2d45a77
    """
    from allpool.etl.queries.listing import history, query_of

    with _reading(config_file, store_url) as connection:
        found = query_of(connection, query, now=datetime.now(UTC))
        steps = history(connection, query)
    if as_json:
        told = {**{name: found[name] for name in TOLD}, "history": [dict(step) for step in steps]}
        click.echo(json.dumps(told, ensure_ascii=False, default=str))
    else:
        upright = [{"what": name, "value": found[name]} for name in TOLD if found[name] is not None]
        show("query", ("what", "value"), upright, as_json=False)
        show("history", STEPS, steps, as_json=False, right=("number", "run"))
    return int(ExitCode.OK)


@queries.command("export")
@config_options
@click.option("--centre", required=True, metavar="C", help="The centre (or feed) that is to answer.")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice([*STATUSES, "all"]),
    help="Only in this state (repeatable); default open and answered.",
)
@click.option(
    "--out",
    "file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="F",
    help="A workbook (.xlsx), which the centre answers in, or a page (.html).",
)
@click.option(
    "--language", type=click.Choice(["en", "zh", "cs"]), help="Default that of the centre's mapping."
)
def export_(
    config_file: Path | None,
    store_url: str | None,
    centre: str,
    statuses: Sequence[str],
    file: Path,
    language: MessageLanguage | None,
) -> int:
    """Write a centre's queries with what the cells say, for that centre alone.

    The file holds patient data and is readable by its owner only. Nothing in it runs as a formula, and texts
    that look like direct identifiers are withheld.

    Example: allpool queries export --centre brno --out brno.xlsx

    allpool queries export --centre brno --language en --out brno.html
    """
    from allpool.etl.queries.export import FORMS, centre_file, is_synthetic, write_private

    form = file.suffix.lower()
    if form not in FORMS:
        raise click.UsageError(f"--out ends in {' or '.join(FORMS)}")
    rows = _found(config_file, store_url, centre, statuses, values=True)
    chosen = language or _language(config_file, store_url, centre)
    with _reading(config_file, store_url) as connection:
        synthetic = is_synthetic(connection, sorted({row["feed"] for row in rows}))
    content = centre_file(
        rows,
        form=form,
        language=chosen,
        centre=centre,
        synthetic=synthetic,
        written_on=datetime.now(UTC).astimezone(),
    )
    write_private(file, content)
    click.echo(f"{len(rows)} queries written to {file}")
    return _code(rows)


@queries.command("answer")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@config_options
@click.option("--centre", metavar="C", help="Take answers to queries of this centre (or feed) only.")
def answer_(file: Path, config_file: Path | None, store_url: str | None, centre: str | None) -> int:
    """Take a centre's answers from the workbook that it sent back, or a CSV file of it: all, or none.

    Example: allpool queries answer brno.xlsx --centre brno
    """
    from allpool.etl.queries.answers import read_answers, take

    found = read_answers(file)
    with _writing(config_file, store_url) as connection:
        taken = take(connection, found, centre=centre, at=datetime.now(UTC))
    click.echo(
        f"{file.name}: {taken.taken} answers taken, {taken.again} taken before, "
        f"{taken.closed} to queries that are closed, {taken.left_open} left open"
    )
    return int(ExitCode.NEEDS_A_PERSON if taken.left_open else ExitCode.OK)


def _decision(command: Callable[..., int]) -> Any:
    """Add the options of a decision."""
    for option in (
        click.option(
            "--comment", required=True, metavar="TEXT", help="Why; no names, no numbers of persons."
        ),
        click.option("--by", required=True, metavar="ROLE", help="Who decides, by role: `medical monitor`."),
        config_options,
        click.argument("ids", nargs=-1, required=True, metavar="ID..."),
    ):
        command = option(command)
    return command


@queries.command("accept")
@_decision
def accept_(
    ids: Sequence[str], config_file: Path | None, store_url: str | None, by: str, comment: str
) -> int:
    """Take an answer as it is: nothing is asked until the content changes; the rule holds as before.

    Example: allpool queries accept 3f1c0a9be2d45a77 --by "data manager" --comment "source was seen"
    """
    return _decide("accepted", ids, config_file, store_url, by, comment)


@queries.command("waive")
@_decision
def waive_(ids: Sequence[str], config_file: Path | None, store_url: str | None, by: str, comment: str) -> int:
    """Let a record break a rule as long as it says what it says: the next night lets it pass.

    Only rules of plausibility and completeness; what is not conformant cannot be stored.

    Example: allpool queries waive 3f1c0a9be2d45a77 --by "medical monitor" --comment "hyperleukocytosis"
    """
    return _decide("waived", ids, config_file, store_url, by, comment)


def _decide(
    decision: Decision,
    ids: Sequence[str],
    config_file: Path | None,
    store_url: str | None,
    by: str,
    comment: str,
) -> int:
    from allpool.etl.queries.decisions import decide

    with _writing(config_file, store_url) as connection:
        changed = decide(connection, ids, decision, by=by, comment=comment, at=datetime.now(UTC))
    after = "; the next night lets the records pass" if decision == "waived" and changed else ""
    click.echo(f"{changed} {decision}, {len(set(ids)) - changed} were before{after}")
    return int(ExitCode.OK)


def _found(
    config_file: Path | None,
    store_url: str | None,
    centre: str | None,
    statuses: Sequence[str],
    *,
    values: bool = False,
) -> list[dict[str, Any]]:
    """Return the queries asked for. Raises `ConfigError` for a centre that the store does not know."""
    from allpool.etl.queries.listing import centres
    from allpool.etl.queries.listing import queries as listed

    chosen = () if "all" in statuses else statuses or UNSETTLED
    with _reading(config_file, store_url) as connection:
        if centre is not None and centre not in (known := centres(connection)):
            raise ConfigError(f"the store has no centre or feed '{centre}'; it has {', '.join(known)}")
        return listed(connection, now=datetime.now(UTC), centre=centre, statuses=chosen, values=values)


@contextmanager
def _reading(config_file: Path | None, store_url: str | None) -> Iterator[Connection]:
    """Lend a connection to the store, and let go of it."""
    engine = open_store(config_file, store_url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _writing(config_file: Path | None, store_url: str | None) -> Iterator[Connection]:
    """Lend a transaction on the store, under its lock."""
    from allpool.etl.lock import locked

    engine = open_store(config_file, store_url, read_only=False)
    try:
        with locked(engine, since=datetime.now(UTC)), engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _language(config_file: Path | None, store_url: str | None, centre: str) -> MessageLanguage:
    """Return the language of the centre's mapping; English where no configuration is named."""
    from allpool.etl.messages import spoken
    from allpool.mappings.compile import load_mapping

    if store_url is not None and config_file is None:
        return "en"
    consortium = open_config(config_file, store_url)
    feed = next((feed for feed in consortium.feeds if centre in (feed.id, feed.centre)), None)
    if feed is None:
        return "en"
    return spoken(load_mapping(consortium.path(consortium.content.paths.mappings, feed.mapping)).language)


def _code(rows: Sequence[dict[str, Any]]) -> int:
    waits = any(row["status"] in UNSETTLED for row in rows)
    return int(ExitCode.NEEDS_A_PERSON if waits else ExitCode.OK)
