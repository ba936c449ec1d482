"""allpool overlap: patients who may stand in two studies or centres, and what was decided of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from allpool.cli.options import config_options, json_option, open_store, show
from allpool.errors import ExitCode

if TYPE_CHECKING:
    from sqlalchemy import Connection

STATUSES = ("candidate", "same", "different", "gone", "all")
SHOWN = (
    *("id", "first_study", "first_centre", "first_pseudonym", "second_study", "second_centre"),
    *("second_pseudonym", "method", "match_weight", "match_probability", "evidence", "status"),
    *("decided_by", "comment"),
)
WHOLE = (*SHOWN, "first_patient", "second_patient", "decided_at", "first_run", "last_run")
"""What JSON tells beside: the ids by which `allpool trace` leads to file and row."""


@click.group()
def overlap() -> None:
    """Pairs of patients of different studies or centres who may be one person.

    The night finds them; a person decides; pooled analyses count one person once.

    Example: allpool overlap list
    """


def _choice(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option(
        "--status",
        type=click.Choice(STATUSES),
        default="candidate",
        show_default=True,
        help="Only pairs of this status; gone: no longer found, and nothing decided.",
    )(command)
    command = click.option("--study", metavar="S", help="Only pairs with a patient of this study.")(command)
    return click.option("--centre", metavar="C", help="Only pairs with a patient of this centre.")(command)


@overlap.command("list")
@config_options
@_choice
@json_option
def list_(
    config_file: Path | None,
    store_url: str | None,
    centre: str | None,
    study: str | None,
    status: str,
    as_json: bool,
) -> int:
    """Show the pairs, the heaviest first: who, what agrees and differs, weight and probability (no values).

    The weight is log2 of how many times likelier one person shows such agreement than two; the probability
    takes into account how few pairs are one person. A patient is shown by the pseudonym.

    Example: allpool overlap list --study 001
    """
    from allpool.etl.linkage.links import links, waiting
    from allpool.etl.linkage.review import evidence_text

    with open_store(config_file, store_url).connect() as connection:
        rows = links(connection, status=_asked(status), study=study, centre=centre)
        waits = waiting(connection)
    if not as_json:
        rows = [{**row, **_rounded(row), "evidence": evidence_text(row["evidence"])} for row in rows]
    show(
        "overlap",
        WHOLE if as_json else SHOWN,
        rows,
        as_json=as_json,
        right=("match_weight", "match_probability"),
    )
    return _code(waits)


def _asked(status: str) -> str | None:
    return None if status == "all" else status


def _rounded(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "match_weight": f"{row['match_weight']:.1f}",
        "match_probability": f"{row['match_probability']:.3f}",
        "first_pseudonym": str(row["first_pseudonym"] or "(no longer in the store)")[:12],
        "second_pseudonym": str(row["second_pseudonym"] or "(no longer in the store)")[:12],
    }


@overlap.command("export")
@config_options
@_choice
@click.option("--out", "file", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="CSV")
def export_(
    config_file: Path | None,
    store_url: str | None,
    centre: str | None,
    study: str | None,
    status: str,
    file: Path,
) -> int:
    """Write the pairs to a CSV file in which each can be decided (columns decision, by, comment).

    The file has pseudonyms, agreements and weights, and no values of patients.

    Example: allpool overlap export --out overlap.csv
    """
    from allpool.etl.linkage.links import links, waiting
    from allpool.etl.linkage.review import write_review

    with open_store(config_file, store_url).connect() as connection:
        rows = links(connection, status=_asked(status), study=study, centre=centre)
        waits = waiting(connection)
    write_review(rows, file)
    click.echo(f"{len(rows)} pairs written to {file}")
    return _code(waits)


@overlap.command("review")
@config_options
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--by", metavar="ROLE", help="Who decides, by role, for rows that name nobody.")
@json_option
def review(config_file: Path | None, store_url: str | None, file: Path, by: str | None, as_json: bool) -> int:
    """Take the decisions of a file that `overlap export` wrote: same, different, or nothing yet.

    All rows are taken or none: a row that cannot be read stops the file and is named.

    Example: allpool overlap review overlap.csv --by "data manager"
    """
    from allpool.etl.linkage.review import take_review

    def work(connection: Connection) -> dict[str, int]:
        taken = take_review(connection, file, by=by, at=datetime.now(UTC))
        return {"decided": taken.decided, "as_before": taken.repeated, "without_decision": taken.left}

    return _changed(config_file, store_url, work, as_json=as_json)


@overlap.command("decide")
@config_options
@click.argument("link", metavar="ID")
@click.argument("decision", type=click.Choice(["same", "different", "candidate"]))
@click.option("--by", required=True, metavar="ROLE", help="Who decides, by role.")
@click.option("--comment", metavar="TEXT", help="Why; no patient's data.")
@json_option
def decide_(
    config_file: Path | None,
    store_url: str | None,
    link: str,
    decision: str,
    by: str,
    comment: str | None,
    as_json: bool,
) -> int:
    """Say of one pair that it is the same person or different people; `candidate` takes a decision back.

    Example: allpool overlap decide 3f0c5a1b2d4e6f78 same --by "data manager" --comment "both centres agree"
    """
    from allpool.etl.linkage.links import decide
    from allpool.etl.linkage.review import WORDS

    def work(connection: Connection) -> dict[str, int]:
        new = decide(connection, link, WORDS[decision], by=by, comment=comment, at=datetime.now(UTC))
        return {"decided": int(new), "as_before": int(not new), "without_decision": 0}

    return _changed(config_file, store_url, work, as_json=as_json)


def _changed(
    config_file: Path | None,
    store_url: str | None,
    work: Callable[[Connection], dict[str, int]],
    *,
    as_json: bool,
) -> int:
    """Change the store under its lock, say what changed, and return the exit code."""
    from allpool.etl.linkage.links import waiting
    from allpool.etl.lock import locked

    engine = open_store(config_file, store_url, read_only=False)
    with locked(engine, since=datetime.now(UTC)), engine.begin() as connection:
        said = work(connection)
        waits = waiting(connection)
    columns = ("decided", "as_before", "without_decision", "waiting")
    show("overlap", columns, [{**said, "waiting": waits}], as_json=as_json, right=columns)
    return _code(waits)


def _code(waits: int) -> int:
    return int(ExitCode.NEEDS_A_PERSON if waits else ExitCode.OK)
