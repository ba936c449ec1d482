"""The consortium's own files: one YAML per study with its centres, into the tables like any feed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import polars as pl
from pydantic import Field

from allpool.etl.transform.identity import content_hash, uuid_of
from allpool.mappings.dictionary import Frozen
from allpool.mappings.positions import Document, read_yaml
from allpool.mappings.terminology import Terminology

FEED: Final = "consortium"
"""Name of the feed that studies and centres are published under."""


class Centre(Frozen):
    """A participating centre."""

    id: str
    name: str
    country: str | None = Field(default=None, pattern="^[A-Z]{2}$")
    """ISO 3166-1 alpha-2."""


class StudyFile(Frozen):
    """One study: what `ResearchStudy` says of it, and its centres. Dates may be years or months."""

    study: str
    title: str
    registry: str | None = None
    design: str
    status: str = "completed"
    period_start: str | None = None
    period_end: str | None = None
    data_cutoff: str | None = None
    eligibility: str | None = None
    protocol_version: str | None = None
    ae_ascertainment: bool | None = None
    """Whether adverse events were actively collected: none delivered is zero only where they were."""
    ae_ascertainment_window: str | None = None
    centres: tuple[Centre, ...]


def load_studies(folder: Path, terminology: Terminology) -> list[StudyFile]:
    """Return the studies of `folder`. Raises `MappingError` with file and line for anything wrong in them."""
    studies: list[StudyFile] = []
    for path in sorted(folder.glob("*.yaml")):
        document = read_yaml(path)
        study = document.parse(StudyFile)
        if study.design not in terminology["study_design"].codes:
            known = ", ".join(terminology["study_design"].codes)
            document.fail(f"'{study.design}' is not a study design; there are {known}", ("design",))
        for name in ("period_start", "period_end", "data_cutoff"):
            _check_date(document, name, getattr(study, name))
        studies.append(study)
    return studies


def _check_date(document: Document, name: str, text: str | None) -> None:
    try:
        if text is not None:
            _day(text)
    except ValueError:
        document.fail("a date is 2023, 2023-05 or 2023-05-17", (name,))


def studies_hash(folder: Path) -> str:
    """Return the hash of the study files."""
    digest = sha256()
    for path in sorted(folder.glob("*.yaml")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def study_tables(studies: Sequence[StudyFile], *, security: str | None) -> dict[str, pl.DataFrame]:
    """Return the rows of research_study, organization and research_study_site."""
    research, centres, sites = [], {}, []
    for study in studies:
        id_ = uuid_of("research_study", study.study)
        research.append(
            {
                "id": id_,
                "identifier": study.study,
                "registry_identifier": study.registry,
                "title": study.title,
                "status": study.status,
                "design": study.design,
                "eligibility": study.eligibility,
                "protocol_version": study.protocol_version,
                "ae_ascertainment": study.ae_ascertainment,
                "ae_ascertainment_window": study.ae_ascertainment_window,
                **_moment("period_start", study.period_start),
                **_moment("period_end", study.period_end),
                **_moment("data_cutoff", study.data_cutoff),
                "study": study.study,
            }
        )
        for centre in study.centres:
            organization = uuid_of("organization", centre.id)
            centres[centre.id] = {
                "id": organization,
                "identifier": centre.id,
                "active": True,
                "type": "prov",
                "name": centre.name,
                "address_country": centre.country,
                "centre": centre.id,
            }
            sites.append(
                {
                    "id": uuid_of("research_study_site", study.study, centre.id),
                    "research_study_id": id_,
                    "organization_id": organization,
                    "study": study.study,
                    "centre": centre.id,
                }
            )
    rows: dict[str, list[dict[str, Any]]] = {
        "research_study": research,
        "organization": [centres[name] for name in sorted(centres)],
        "research_study_site": sites,
    }
    return {table: _frame(table, found, security) for table, found in rows.items() if found}


def _moment(name: str, text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    day, precision = _day(text)
    return {f"{name}_date": day, f"{name}_precision": precision}


def _day(text: str) -> tuple[date, str]:
    parts = [int(part) for part in text.split("-")]
    precision = ("year", "month", "day")[len(parts) - 1]
    return date(*[*parts, 1, 1][:3]), precision


def _frame(table: str, rows: list[dict[str, Any]], security: str | None) -> pl.DataFrame:
    frame = pl.DataFrame(rows, infer_schema_length=None).with_columns(
        feed=pl.lit(FEED), security=pl.lit(security, dtype=pl.String)
    )
    return frame.with_columns(content_hash(table, frame).alias("content_hash")).sort("id")
