"""The night's look for patients who stand in the store twice."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from allpool.etl.linkage.candidates import find_candidates
from allpool.etl.linkage.links import record
from allpool.etl.linkage.parameters import load_parameters
from allpool.etl.linkage.persons import read_persons
from allpool.models import EtlRun, FeedRun


def is_due(connection: Connection) -> bool:
    """Return whether a feed was published since the last night that came to its end."""
    ended = select(func.max(EtlRun.run)).where(EtlRun.status.in_(["finished", "needs-a-person"]))
    published = select(func.max(FeedRun.run)).where(FeedRun.status == "published")
    return (connection.scalar(published) or 0) > (connection.scalar(ended) or 0)


def link_patients(connection: Connection, *, run: int) -> None:
    """Find candidates among all patients of the store and write them down.

    Running again changes nothing: the same patients give the same pairs and weights, in whatever order their
    feeds came, and what a person has decided stays.
    """
    persons = read_persons(connection)
    record(connection, find_candidates(persons, load_parameters()), run=run)
