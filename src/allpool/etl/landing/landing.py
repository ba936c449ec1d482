"""The FHIR files of a feed landed: each once, with one row per resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson
import polars as pl

from allpool.errors import ConfigError, SourceError
from allpool.etl import guard
from allpool.etl.landing.deidentify import Deidentifier
from allpool.etl.landing.file import GONE_SCHEMA, Landed, LandedFile, Leaves, land_file, told
from allpool.etl.landing.pseudonyms import Pseudonyms
from allpool.etl.readers.fhir.entries import LINES, fhir_entries
from allpool.etl.readers.files import Reading, list_files, opened
from allpool.etl.readers.source import FileFacts, ReadLimits, SourceFailure
from allpool.etl.transform.identity import uuid_of
from allpool.etl.transform.source import Scene
from allpool.mappings.identifiers.suspicion import identifying
from allpool.mappings.plan import CompiledMapping, LandingPlan
from allpool.mappings.schema import Scope
from allpool.models import LANDED

SCHEMA: Final = {
    name: pl.Int64 if name == "source_row" else pl.String
    for name in LANDED.columns.keys()  # noqa: SIM118  # of a collection of columns
    if name not in ("version", "run")
}


@dataclass(frozen=True)
class Landing:
    """All FHIR files of a feed."""

    files: Sequence[LandedFile] = ()
    failures: Sequence[tuple[str, SourceFailure]] = ()
    """Name of the source, and what could not be read of it."""
    rows: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SCHEMA))
    """Rows of the table of landed resources, by id."""

    def file(self, path: str) -> LandedFile | None:
        """Return a file by its path within the feed's folder."""
        return next((file for file in self.files if file.facts.path == path), None)


def land(folder: Path, mapping: CompiledMapping, scene: Scene) -> Landing:
    """Return every resource of the FHIR files that `mapping` names in `folder`, less direct identifiers.

    A resource that several places send alike is one row. Several with one id that differ land where
    meta.versionId, or the base of their addresses, tells them apart; else none does, and each waits
    (`resource_conflict`). A file that cannot be read is a failure. Raises ConfigError where neither the feed
    nor the mapping says the centre.
    """
    if not mapping.landings:
        return Landing()
    centre, study = _constant(mapping.centre, scene.centre), _constant(mapping.study, scene.study)
    if centre is None:
        raise ConfigError(
            f"feed {scene.feed} sends FHIR, whose pseudonyms are a centre's own; give the feed its centre"
        )
    named, failures = _named(folder, mapping.landings)
    pseudonyms = Pseudonyms(scene.key, centre)
    first = Deidentifier(pseudonyms)
    read = [_land(folder, path, plans, first, scene.feed) for path, plans in named.items()]
    hidden = _hidden(first)
    if hidden:  # which texts name a person is known only once all persons are
        second = Deidentifier(pseudonyms, hidden=hidden)
        read = [_land(folder, path, plans, second, scene.feed) for path, plans in named.items()]
    files = [file for file in read if isinstance(file, LandedFile)]
    _identify(files, scene.feed)
    return Landing(
        [file.settled() for file in files],
        [*failures, *(file for file in read if not isinstance(file, LandedFile))],
        _rows(files, scene, study=study, centre=centre),
    )


def _constant(scope: Scope | None, given: str | None) -> str | None:
    return given if scope is None else scope.constant


def _named(
    folder: Path, plans: Sequence[LandingPlan]
) -> tuple[dict[Path, list[LandingPlan]], list[tuple[str, SourceFailure]]]:
    """Return the files with the plans that name them, and the plans that find none.

    Of a source that maps its resources, its reader tells that.
    """
    named: dict[Path, list[LandingPlan]] = {}
    failures: list[tuple[str, SourceFailure]] = []
    for plan in plans:
        paths = _matching(folder, plan.file)
        if isinstance(paths, SourceError):
            if plan.resource is None and (plan.required or paths.rule != "missing_file"):
                failures.append((plan.source, _failure(paths, plan.file)))
            continue
        for path in paths:
            named.setdefault(path, []).append(plan)
    return named, failures


def _matching(folder: Path, pattern: str) -> Sequence[Path] | SourceError:
    try:
        paths = list_files(folder, pattern)
    except SourceError as error:
        return error
    message = "no file matches; check file in the mapping, and that the delivery came"
    return paths or SourceError(message, rule="missing_file")


def _land(
    folder: Path, path: Path, plans: Sequence[LandingPlan], deidentifier: Deidentifier, feed: str
) -> LandedFile | tuple[str, SourceFailure]:
    relative = path.relative_to(folder).as_posix()
    if identifying(pl.Series([relative])).any():
        return plans[0].source, _failure(SourceError(guard.IN_NAME, rule=guard.RULE), plans[0].file)
    mapped = {plan.resource for plan in plans if plan.resource is not None}
    leaves = Leaves(mapped)
    try:
        with opened(path, file_bytes=ReadLimits().file_bytes) as file:
            reading = Reading(file)
            read = next((plan.read for plan in plans if plan.read.check == "structure"), plans[0].read)
            found = fhir_entries(reading, read, lines=reading.is_called(*LINES))
            landed = land_file(found, deidentifier, leaves, path=relative)
            digest = reading.finish()
    except SourceError as error:
        return plans[0].source, _failure(error, relative)
    facts = FileFacts(path=relative, sheet=None, sha256=digest, encoding="utf-8", bytes=reading.size)
    named = f"{feed}|landed|{relative}|{digest}"
    return LandedFile(
        id=sha256(named.encode()).hexdigest()[:16],
        plan=plans[0],
        facts=facts,
        resources=landed,
        problems=told(leaves.problems),
        gone=pl.DataFrame(leaves.gone, schema=dict(GONE_SCHEMA), orient="row"),
        read=leaves.read,
        faulty=leaves.faulty,
        ignored=leaves.ignored,
    )


def _failure(error: SourceError, path: str) -> SourceFailure:
    row = error.place.row if error.place else None
    return SourceFailure(
        path=path, sheet=None, rule=error.rule, message=error.message, row=row, column=None, facts=None
    )


def _hidden(deidentifier: Deidentifier) -> frozenset[str]:
    """Return the texts, among those that stay, in which a person stands."""
    texts = pl.Series(sorted(deidentifier.texts), dtype=pl.String)
    names = deidentifier.names
    # an id may be somebody's code by chance; a name of two words is not
    told_names = names.within(deidentifier.texts) | names.within(deidentifier.codes, ids=False)
    return told_names.union(texts.filter(identifying(texts)).to_list())


def _identify(files: Sequence[LandedFile], feed: str) -> None:
    """Give each resource its id in the table; of several with one key that differ, only if marks do, too."""
    said: dict[str, dict[str, set[tuple[str, str]]]] = {}
    for file in files:
        for item in file.resources:
            said.setdefault(item.key, {}).setdefault(item.said, set()).add(item.mark)
    for file in files:
        for item in file.resources:
            texts = said[item.key]
            marks = [mark for found in texts.values() for mark in found]
            if len(texts) == 1:
                item.id = uuid_of(LANDED.name, feed, item.key)
            elif ("", "") not in marks and len(set(marks)) == len(marks) == len(texts):
                item.id = uuid_of(LANDED.name, feed, item.key, *item.mark)


def _rows(
    files: Sequence[LandedFile], scene: Scene, *, study: str | None, centre: str | None
) -> pl.DataFrame:
    rows: dict[str, Mapping[str, Any]] = {}
    for file in files:
        ids = {item.row: item.id for item in file.resources}
        for item in file.resources:
            if item.id is None or item.id in rows:
                continue
            entries = _entries(item, ids)
            content = "\x1f".join((item.text, entries or "", scene.security or ""))
            rows[item.id] = {
                "id": item.id,
                "resource_type": item.type,
                "source_id": item.source_id,
                "patient": item.patient,
                "resource": item.text,
                "entries": entries,
                "content_hash": sha256(content.encode()).hexdigest()[:32],
                "security": scene.security,
                "study": study,
                "centre": centre,
                "feed": scene.feed,
                "source_file": file.id,
                "source_row": item.row,
                "rule": file.plan.rule,
            }
    return pl.DataFrame([rows[id_] for id_ in sorted(rows)], schema=SCHEMA)


def _entries(item: Landed, ids: Mapping[int, str | None]) -> str | None:
    """Return the ids of a Bundle's entries as JSON, null for one that did not land."""
    if item.entries is None:
        return None
    return orjson.dumps([ids.get(row) for row in range(1, item.entries + 1)]).decode()
