"""Stores built by hand for tests: patients as a data manager would jot them down.

A time is written `2022-03-05`, `2022-03` (to the month), `study-entry+300` (days after an anchor) or `?` (it
happened, nobody knows when).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date
from itertools import count
from typing import Any

from sqlalchemy import Engine, insert

from allpool.models import Base

SENT = ("patient", "response", "relapse", "transplant", "mrd", "anc", "platelets", "count_recovery_days")
"""Records that every study of a hand-built store has a mapping rule for, unless it says otherwise."""


class HandBuilt:
    """Rows for the resource tables, written in one go by `into`.

    `sent` are the records that each study's feed has a rule for: what is sent and not there did not happen.
    `columns` are those that the rule of a record fills, where that matters.
    """

    def __init__(
        self, *, sent: tuple[str, ...] = SENT, columns: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        self.sent = sent
        self.columns = columns or {}
        self.rows: list[tuple[str, dict[str, Any]]] = []
        self.numbers = count(1)
        self.counts: Counter[str] = Counter()

    def patient(
        self,
        key: str,
        *,
        study: str = "001",
        centre: str = "north",
        entry: str | None = None,
        first_dose: str | None = None,
        course_end: str | None = None,
        response: str | None = None,
        relapse: str | None = None,
        death: str | None = None,
        last_contact: str | None = None,
        status: str | None = None,
        synthetic: bool = True,
        **more: Any,
    ) -> str:
        """One patient with the usual events; `response` and `relapse` read `cr 2022-02-01; nr 2022-03-01`."""
        person = {"id": f"P-{key}", "identifier": key, "gender": more.pop("sex", None)}
        known = {} if death in (None, "?") else when("deceased", death)
        dead = True if death == "?" else None
        self._add("patient", study, centre, person | known | {"deceased_boolean": dead}, synthetic)
        subject = {
            "id": f"S-{key}",
            "identifier": key,
            "status": "on-study",
            "study_reference_id": study,
            "individual_id": f"P-{key}",
            **more,
            **when("period_start", entry),
        }
        self._add("research_subject", study, centre, subject, synthetic)
        if first_dose:
            self.dose(key, first_dose, end=course_end)
        for word in (response or "").split(";"):
            if word.strip():
                code, _, at = word.strip().partition(" ")
                self.observation(key, "response_as_reported", at, value_concept=code)
        for word in (relapse or "").split(";"):
            if word.strip():
                code, _, at = word.strip().partition(" ")
                self.observation(key, "relapse_type", at, value_concept=code)
        if last_contact:
            self.observation(key, "last_contact_date", last_contact)
        if status:
            self.observation(key, "disease_status_at_start", None, value_concept=status)
        return key

    def dose(self, key: str, start: str, *, end: str | None = None, course: int = 1) -> None:
        self._clinical(
            "medication_administration",
            key,
            {
                "status": "completed",
                "data_element": "drug_blinatumomab",
                "course_number": course,
                **when("effective_start", start),
                **when("effective_end", end),
            },
        )

    def observation(self, key: str, element: str, at: str | None, **values: Any) -> str:
        row = {"status": "final", "data_element": element, **when("effective", at or None), **values}
        return self._clinical("observation", key, row)

    def mrd(self, key: str, at: str | None = None, *, lod: float | None = 1e-4, **values: Any) -> None:
        lloq = values.pop("lloq", None)
        if (specimen := values.pop("specimen", None)) is not None:
            values["specimen_id"] = self._clinical("specimen", key, {"data_element": specimen})
        found = self.observation(key, "mrd_value", at, **values)
        for element, value in (("mrd_lod", lod), ("mrd_lloq", lloq)):
            if value is not None:
                row = {"observation_id": found, "data_element": element, "value_quantity": value}
                self._clinical("observation_component", key, row)

    def event(self, table: str, key: str, element: str, time: str, at: str, **values: Any) -> None:
        self._clinical(table, key, {"data_element": element, **when(time, at), **values})

    def quarantined(
        self, key: str, element: str | None, *, status: str = "open", record: str | None = None
    ) -> None:
        number = next(self.numbers)
        self.rows.append(
            (
                "quarantine",
                {
                    "id": f"Q{number}",
                    "feed": "f",
                    "centre": "north",
                    "study": "001",
                    "scope": "cell",
                    "rule": "unreadable date",
                    "severity": "quarantine",
                    "element": element,
                    "record": record,
                    "value": "a secret value",
                    "patient_id": f"P-{key}",
                    "status": status,
                    "first_run": 1,
                    "last_run": 1,
                },
            )
        )

    def into(self, engine: Engine) -> Engine:
        """Create the tables, write the rows."""
        Base.metadata.create_all(engine)
        with engine.begin() as connection:
            for table, row in (*self.rows, *self._feeds()):
                connection.execute(insert(Base.metadata.tables[table]).values(row))
        return engine

    def _feeds(self) -> list[tuple[str, dict[str, Any]]]:
        """One feed for each study, bringing all its centres, with a rule for each record that it sends."""
        found: list[tuple[str, dict[str, Any]]] = []
        for study in sorted({row["study"] for table, row in self.rows if table == "research_subject"}):
            feed = f"feed-{study}"
            found.append(("feed", {"id": feed, "study": study, "mapping": "m", "mode": "snapshot"}))
            for record in self.sent:
                rule = {"id": f"{feed}-{record}", "feed": feed, "source": "s", "record": record}
                filled = {name: ["a column"] for name in self.columns.get(record, ())}
                found.append(
                    ("mapping_rule", rule | {"table_name": "observation", "mapping": "m", "columns": filled})
                )
        return found

    def study(self, study: str, *, ae_ascertainment: bool | None = None) -> None:
        """The study itself: whether it actively collected adverse events."""
        own = {"id": f"ST-{study}", "identifier": study, "status": "completed"}
        self._add("research_study", study, "north", own | {"ae_ascertainment": ae_ascertainment}, True)

    def _clinical(self, table: str, key: str, row: dict[str, Any]) -> str:
        self.counts[key] += 1
        own = {"id": f"{table[:3]}-{key}-{self.counts[key]:03}"}
        if table != "observation_component":
            own["subject_id"] = f"P-{key}"
        study, centre, synthetic = self._home(key)
        self._add(table, study, centre, own | row, synthetic)
        return own["id"]

    def _home(self, key: str) -> tuple[str, str, bool]:
        row = next(row for table, row in self.rows if table == "patient" and row["id"] == f"P-{key}")
        return row["study"], row["centre"], row["security"] == "HTEST"

    def _add(self, table: str, study: str, centre: str, row: dict[str, Any], synthetic: bool) -> None:
        lineage = {
            "version": 1,
            "content_hash": "h",
            "security": "HTEST" if synthetic else None,
            "study": study,
            "centre": centre,
            "feed": "f",
            "run": 1,
        }
        self.rows.append((table, row | lineage))


def when(name: str, text: str | None) -> dict[str, Any]:
    """Return the columns of a partial date."""
    if text in (None, "", "?"):
        return {}
    assert text is not None
    if "+" in text:
        anchor, _, days = text.partition("+")
        return {f"{name}_offset_days": float(days), f"{name}_anchor": anchor}
    precision = {4: "year", 7: "month", 10: "day"}[len(text)]
    full = (text + "-01-01")[:10]
    return {f"{name}_date": date.fromisoformat(full), f"{name}_precision": precision}
