"""What earlier nights have published, and how far the clinical rules look at it beside what is staged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, or_, select

from allpool.models import STAGING, Base


@dataclass(frozen=True)
class Published:
    """Which published rows stand beside the staged ones.

    The studies always do: they come from the consortium's own files, on their own. Of the patients, rows of
    other feeds do, and rows of an append feed that are not staged again; what a snapshot feed has published
    is replaced as a whole by what it stages.
    """

    replaced: tuple[str, ...]
    """The staged feeds that are snapshots."""
    patients: bool
    """Whether any other published row can be about a staged patient; where not, none is looked for."""


def published_beside(connection: Connection, *, feeds: Sequence[str]) -> Published:
    """Return what is published beside the staged rows of `feeds`.

    A patient's id is made of the centre and the number there, so that two feeds can tell of one patient only
    where they share a centre.
    """
    feed, patient, staged = (
        Base.metadata.tables["feed"],
        Base.metadata.tables["patient"],
        STAGING["patient"],
    )
    modes = {
        row.id: row.mode
        for row in connection.execute(select(feed.c.id, feed.c.mode).where(feed.c.id.in_(feeds)))
    }
    appends = [name for name, mode in modes.items() if mode == "append"]
    centres = select(staged.c.centre).distinct()
    other = or_(
        select(feed.c.id).where(feed.c.id.not_in(feeds), feed.c.centre.in_(centres)).exists(),
        select(patient.c.id).where(patient.c.feed.not_in(feeds), patient.c.centre.in_(centres)).exists(),
    )
    shared = bool(connection.execute(select(other)).scalar_one())
    replaced = tuple(name for name in feeds if name not in appends)
    return Published(replaced, bool(appends) or shared)
