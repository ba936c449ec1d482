"""One FHIR R4 collection Bundle per study, streamed to disk; the same store gives the same bytes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import orjson
from sqlalchemy import Connection, Engine, select

from allpool.errors import ConfigError
from allpool.etl.fhir.stored import of_study, stored_resources
from allpool.models import ResearchStudy, published_tables, systems
from allpool.models.staging import table_of

SYNTHETIC: Final = "HTEST"
"""v3-ActReason: test health data."""

SECURITY: Final = {"system": systems.ACT_REASON, "code": SYNTHETIC, "display": "test health data"}
TAG: Final = {
    "system": systems.local_system("data_origin"),
    "code": "synthetic",
    "display": "Synthetic data: no real patient is described",
}


@dataclass(frozen=True)
class ExportedFile:
    """One file that an export has written."""

    study: str
    path: Path
    resources: int
    bytes: int
    sha256: str


def export_bundles(engine: Engine, out: Path, *, study: str | None = None) -> list[ExportedFile]:
    """Write `<study>.bundle.json` for each study of the store, or for `study` alone, into `out`.

    A file appears whole or not at all. References are `Type/id`, entries have `fullUrl` `<base>/Type/id`,
    so that each resolves within the bundle (https://hl7.org/fhir/R4/bundle.html#references). ConfigError
    where the store has no such study.
    """
    out.mkdir(parents=True, exist_ok=True)
    options = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    with engine.connect().execution_options(**options) as connection:
        studies = _studies(connection)
        if study is not None and study not in studies:
            raise ConfigError(f"the store has no study {study!r}; it has {', '.join(studies) or 'none'}")
        return [_export(connection, out, name) for name in ([study] if study is not None else studies)]


def _studies(connection: Connection) -> list[str]:
    table = table_of(ResearchStudy)
    return sorted(name for name in connection.scalars(select(table.c.study).distinct()) if name is not None)


def _export(connection: Connection, out: Path, study: str) -> ExportedFile:
    path = out / f"{re.sub(r'[^A-Za-z0-9._-]', '_', study)}.bundle.json"
    partial = path.with_name(f"{path.name}.part")
    digest, size, chunks = hashlib.sha256(), 0, 0
    with partial.open("wb") as file:
        for chunk in _chunks(connection, study):
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
            chunks += 1
    partial.replace(path)
    head_and_tail = 2
    return ExportedFile(study, path, chunks - head_and_tail, size, digest.hexdigest())


def _chunks(connection: Connection, study: str) -> Iterator[bytes]:
    """Yield the head, one chunk per resource, and the tail."""
    head = orjson.dumps(_head(connection, study))
    yield head[:-1] + b',"entry":['
    before = b"\n"
    for found in stored_resources(connection, study):
        url = orjson.dumps(f"{systems.BASE}/{found.resource_type}/{found.id}")
        yield b'%s{"fullUrl":%s,"resource":%s}' % (before, url, found.json)
        before = b",\n"
    yield b"\n]}\n"


def _head(connection: Connection, study: str) -> dict[str, Any]:
    """Return the Bundle without its entries; it has no time, so that a second export is the same."""
    head: dict[str, Any] = {
        "resourceType": "Bundle",
        "id": str(uuid5(NAMESPACE_URL, f"{systems.STUDY}/{study}")),
    }
    if _has_synthetic(connection, study):
        head["meta"] = {"security": [SECURITY], "tag": [TAG]}
    return head | {"identifier": {"system": systems.STUDY, "value": study}, "type": "collection"}


def _has_synthetic(connection: Connection, study: str) -> bool:
    """Tell whether any row of the study says that it is synthetic."""
    return any(
        connection.scalar(
            select(table.c.id).where(of_study(table, study), table.c.security == SYNTHETIC).limit(1)
        )
        is not None
        for table in published_tables()
    )
