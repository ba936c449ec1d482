"""What the night would ask about a folder: read, mapped and audited as the centre's own check does it."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import polars as pl

from allpool.config import FeedSection
from allpool.etl.check.rehearsal import rehearsed
from allpool.etl.delivery import read_delivery
from allpool.etl.places import Places
from allpool.etl.queries.asked import asked
from allpool.etl.transform.source import Scene
from allpool.etl.transform.transform import transform
from allpool.etl.waiting import audit_findings, waiting
from allpool.mappings.compile import load_vocabulary
from benchmarks.quality.copies import Cell, Feed
from benchmarks.quality.scoring import Finding
from benchmarks.quality.targets import compiled

TODAY = date(2026, 11, 20)
"""Day of the run, so that the same seed gives the same figures."""


def told(folder: Path, feed: Feed) -> list[Finding]:
    """Return every query on the files in `folder`: what waits, what only warns, the cells beside."""
    mapping = compiled(feed)
    section = FeedSection(
        id=feed.id, mapping=feed.mapping.name, folder=str(folder), study=feed.id[:3], centre="centre"
    )
    scene = Scene(feed=feed.id, study=section.study, centre=section.centre, security=None, key=b"benchmark")
    delivery = read_delivery(folder, section, mapping, scene)
    harmonised = transform([file.frame for file in delivery.files], mapping, scene)
    audit = rehearsed(harmonised.tables, feed=feed.id, vocabulary=load_vocabulary(), today=TODAY)
    places = Places(delivery, harmonised, mapping)
    failed = [audit_findings(part, places, None) for part in (audit.held, audit.warned)]
    found = waiting(section, delivery, harmonised.quarantine, pl.concat(failed))
    queries = asked(found, audit.audited, tables=harmonised.tables, places=places)
    return [
        Finding(
            _cell(item), item["rule"], item["severity"], frozenset(map(_cell, json.loads(item["others"])))
        )
        for item in queries.iter_rows(named=True)
    ]


def _cell(item: dict[str, object]) -> Cell:
    return Cell(item["file"] or "", item["sheet"], item["row"], item["column"])  # type: ignore[arg-type]
