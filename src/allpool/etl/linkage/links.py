"""Links in the store: which pairs wait, what was decided of them, and by whom."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Literal

import polars as pl
from sqlalchemy import Connection, Table, func, insert, select, update

from allpool.errors import ConfigError
from allpool.models import Patient, PatientLink

LINK: Table = PatientLink.metadata.tables[PatientLink.__tablename__]
PATIENT: Table = Patient.metadata.tables[Patient.__tablename__]

ID_LENGTH: Final = 16
Verdict = Literal["same", "different", "candidate"]
"""What a person says of a pair; `candidate` takes a decision back."""
CANDIDATE: Final = "candidate"
DECIDED: Final = ("same", "different")
STATUSES: Final = (CANDIDATE, *DECIDED, "gone")

ROUNDED: Final = 6
"""Digits after the point of weights and probabilities; the rest is the order in which a machine adds."""


def link_id(first: str, second: str) -> str:
    """Return the id of a pair of patients, whichever is named first."""
    return sha256("|".join(sorted((first, second))).encode()).hexdigest()[:ID_LENGTH]


def record(connection: Connection, found: pl.DataFrame, *, run: int) -> None:
    """Bring `patient_link` up to date with the candidates of a night.

    `found` is as `find_candidates` returns it. What a person has decided stays decided; a candidate that is
    no longer found becomes `gone`, and is a candidate again where it comes back.
    """
    known = {row.id: row.status for row in connection.execute(select(LINK.c.id, LINK.c.status))}
    rows = [_row(item, run) for item in found.iter_rows(named=True)]
    new = [row for row in rows if row["id"] not in known]
    again = [row for row in rows if row["id"] in known]
    gone = sorted({id_ for id_, status in known.items() if status == CANDIDATE} - {row["id"] for row in rows})
    if new:
        connection.execute(insert(LINK), [{**row, "status": CANDIDATE, "first_run": run} for row in new])
    for row in again:
        status = known[row["id"]]
        values = {**row, "status": status if status in DECIDED else CANDIDATE}
        connection.execute(update(LINK).where(LINK.c.id == row["id"]).values(values))
    for id_ in gone:
        connection.execute(update(LINK).where(LINK.c.id == id_).values(status="gone"))


def _row(item: Mapping[str, Any], run: int) -> dict[str, Any]:
    return {
        "id": link_id(item["first"], item["second"]),
        "first_patient": item["first"],
        "second_patient": item["second"],
        "method": item["method"],
        "match_weight": round(item["match_weight"], ROUNDED),
        "match_probability": round(item["match_probability"], ROUNDED),
        "evidence": dict(item["evidence"]),
        "last_run": run,
    }


def waiting(connection: Connection) -> int:
    """Return how many candidates nobody has decided."""
    query = select(func.count()).select_from(LINK).where(LINK.c.status == CANDIDATE)
    return int(connection.scalar(query) or 0)


def known_links(connection: Connection) -> frozenset[str]:
    """Return the ids of all pairs that were ever found."""
    return frozenset(connection.execute(select(LINK.c.id)).scalars())


def links(
    connection: Connection, *, status: str | None = None, study: str | None = None, centre: str | None = None
) -> list[dict[str, Any]]:
    """Return the links with study, centre and pseudonym of both patients, the heaviest first; no values.

    `study` and `centre` ask for pairs of which either is there.
    """
    first, second = PATIENT.alias("one"), PATIENT.alias("other")
    query = (
        select(
            LINK,
            *(first.c.study.label("first_study"), first.c.centre.label("first_centre")),
            *(second.c.study.label("second_study"), second.c.centre.label("second_centre")),
            *(first.c.identifier.label("first_pseudonym"), second.c.identifier.label("second_pseudonym")),
        )
        .outerjoin(first, first.c.id == LINK.c.first_patient)
        .outerjoin(second, second.c.id == LINK.c.second_patient)
        .order_by(LINK.c.match_weight.desc(), LINK.c.id)
    )
    if status is not None:
        query = query.where(LINK.c.status == status)
    if study is not None:
        query = query.where((first.c.study == study) | (second.c.study == study))
    if centre is not None:
        query = query.where((first.c.centre == centre) | (second.c.centre == centre))
    return [dict(row._mapping) for row in connection.execute(query)]


def decide(
    connection: Connection,
    link: str,
    verdict: Verdict,
    *,
    by: str,
    comment: str | None,
    at: datetime,
) -> bool:
    """Write down what a person says of a pair; return whether that is new.

    Raises `ConfigError` where there is no such pair.
    """
    found = connection.execute(
        select(LINK.c.status, LINK.c.decided_by, LINK.c.comment).where(LINK.c.id == link)
    ).first()
    if found is None:
        raise ConfigError(f"there is no pair '{link}'; `allpool overlap list` shows their ids")
    open_ = verdict == CANDIDATE
    if tuple(found) == (verdict, None if open_ else by, comment):
        return False
    connection.execute(
        update(LINK)
        .where(LINK.c.id == link)
        .values(
            status=verdict,
            decided_by=None if open_ else by,
            decided_at=None if open_ else at,
            comment=comment,
        )
    )
    return True
