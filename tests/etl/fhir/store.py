"""A small synthetic store, by hand: every published table, every column filled in at least one row."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Engine, create_engine, insert

from allpool.models import published_tables
from allpool.models.base import Base

Row = dict[str, Any]
LOINC, UCUM_ONE = "http://loinc.org", "1"
LINEAGE: Row = {
    "version": 2,
    "content_hash": "0" * 64,
    "security": "HTEST",
    "study": "900",
    "centre": "brno",
    "feed": "f",
    "run": 3,
    "source_file": "0123456789abcdef",
    "source_row": 7,
    "rule": "fedcba9876543210",
}


def uid(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, name))


def day(stem: str, year: int, month: int = 1, of_month: int = 1, precision: str = "day") -> Row:
    return {f"{stem}_date": date(year, month, of_month), f"{stem}_precision": precision}


def moment(stem: str, year: int, month: int, of_month: int, time: str) -> Row:
    return {**day(stem, year, month, of_month, "second"), f"{stem}_time": time}


def after(stem: str, days: float, anchor: str = "study-entry") -> Row:
    return {f"{stem}_offset_days": days, f"{stem}_anchor": anchor}


def coded(stem: str, code: str, delivered: str | None = None, system: str | None = None) -> Row:
    row: Row = {stem: code}
    if delivered:
        row[f"{stem}_delivered"] = delivered
    return row | ({f"{stem}_system": system} if system else {})


def amount(
    stem: str, value: float, unit: str, delivered: str, delivered_unit: str, sign: str | None = None
) -> Row:
    return {
        stem: value,
        f"{stem}_unit": unit,
        f"{stem}_delivered": delivered,
        f"{stem}_delivered_unit": delivered_unit,
        f"{stem}_comparator": sign,
    }


P, Q, S, SITE, V, C = (
    uid(name) for name in ("patient", "patient 2", "study", "centre", "specimen", "consent")
)
LOCAL = "https://allpool.example/fhir/CodeSystem/local"

ROWS: dict[str, list[Row]] = {
    "organization": [
        {
            "id": SITE,
            "identifier": "brno",
            "active": True,
            "type": "prov",
            "name": "Synthetic centre",
            "address_country": "CZ",
        },
    ],
    "research_study": [
        {
            "id": S,
            "identifier": "900",
            "registry_identifier": "NCT00000000",
            "title": "Synthetic study",
            "status": "completed",
            "phase": "phase-2",
            **coded("design", "single-arm"),
            **day("period_start", 2015, precision="year"),
            **day("period_end", 2019, 6, precision="month"),
            **day("data_cutoff", 2020, 1, 31),
            "eligibility": "Adults",
            "protocol_version": "2.1",
            "ae_ascertainment": True,
            "ae_ascertainment_window": "to day 28",
        },
        {
            "id": uid("study by offsets"),
            "identifier": "901",
            "status": "completed",
            **after("period_start", 0.0),
            **after("period_end", 10.0),
        },
    ],
    "research_study_site": [
        {"id": uid("site"), "research_study_id": S, "organization_id": SITE, "source_row": 99},
        {"id": uid("site 2"), "research_study_id": S, "organization_id": SITE},
    ],
    "patient": [
        {
            "id": P,
            "identifier": "a" * 64,
            "linkage_token": "b" * 64,
            "gender": "female",
            "gender_delivered": "žena",
            **day("birth", 1970, precision="year"),
            "deceased_boolean": True,
            **moment("deceased", 2019, 3, 31, "07:30:00+02:00"),
            "managing_organization_id": SITE,
        },
        {"id": Q, "identifier": "c" * 64, "gender": "unknown", "deceased_boolean": False},
        {"id": uid("patient 3"), "identifier": "d" * 64, **after("deceased", 410.5)},
    ],
    "consent": [
        {
            "id": C,
            "status": "active",
            "scope": "research",
            "category": "research",
            "policy_rule": "cric",
            **coded("consented", "research-use"),
            "patient_id": P,
            **day("date_time", 2015, 2, 3),
        },
        {
            "id": uid("consent 2"),
            "status": "active",
            "scope": "research",
            "category": "research",
            "policy_rule": "cric",
            "patient_id": Q,
            **after("date_time", -1.0),
        },
    ],
    "research_subject": [
        {
            "id": uid("subject"),
            "identifier": "a" * 64,
            "status": "on-study",
            **day("period_start", 2015, 2, 3),
            **day("period_end", 2019, 3, 31),
            "study_reference_id": S,
            "individual_id": P,
            "consent_id": C,
            "assigned_arm": "A",
            "actual_arm": "B",
            "evaluable_response": True,
            "evaluable_reason": "2 courses",
            "withdrawal_reason": "none",
            **coded("cohort_at_enrolment", "relapsed", "1. relaps"),
        },
        {
            "id": uid("subject 2"),
            "identifier": "c" * 64,
            "status": "on-study",
            **after("period_start", 0.0),
            **after("period_end", 33.25),
            "study_reference_id": S,
            "individual_id": Q,
        },
    ],
    "condition": [
        {
            "id": uid("condition"),
            "data_element": "diagnosis",
            **coded("code", "b_all", "B-ALL", LOCAL),
            "morphology": "9811/3",
            "icd10": "C91.0",
            "who_version": "2016",
            "clinical_status": "active",
            "verification_status": "confirmed",
            **coded("body_site", "bone_marrow", "kostní dřeň", LOCAL),
            **coded("severity", "grade-2", "2", LOCAL),
            "subject_id": P,
            **day("onset", 2014, 11, precision="month"),
        },
        {
            "id": uid("condition 2"),
            "data_element": "diagnosis",
            "icd10": "C91.0",
            "verification_status": "confirmed",
            "subject_id": Q,
            **after("onset", -30.0),
        },
    ],
    "specimen": [
        {
            "id": V,
            "data_element": "bm_specimen",
            **coded("type", "bone_marrow", "KD", LOCAL),
            "subject_id": P,
            **moment("collected", 2015, 2, 20, "09:05:00+01:00"),
        },
        {
            "id": uid("specimen 2"),
            "data_element": "blood_specimen",
            "subject_id": Q,
            **after("collected", 21.0),
        },
    ],
    "observation": [
        {
            "id": uid("mrd"),
            "status": "final",
            "data_element": "mrd_value",
            **coded("code", "99999-9", None, LOINC),
            "category": "laboratory",
            "subject_id": P,
            **day("effective", 2015, 2, 20),
            **coded("timepoint", "week-11", "11. týden"),
            "course_number": 1,
            "specimen_id": V,
            **coded("method", "mfc", "FACS", LOCAL),
            "performer": "Central laboratory",
            **coded("body_site", "bone_marrow", "KD", LOCAL),
            **amount("value_quantity", 1e-5, UCUM_ONE, "<0,001", "%", "<"),
            **coded("interpretation", "undetectable", "neg.", LOCAL),
        },
        {
            "id": uid("concept"),
            "status": "final",
            "data_element": "response_as_reported",
            "subject_id": P,
            **coded("value_concept", "cr", "CR", LOCAL),
            **after("effective", 28.0, "first-dose"),
        },
        {
            "id": uid("string"),
            "status": "final",
            "data_element": "karyotype",
            "subject_id": P,
            "value_string": "46,XX",
        },
        {
            "id": uid("boolean"),
            "status": "final",
            "data_element": "pregnant",
            "subject_id": P,
            "value_boolean": False,
        },
        {
            "id": uid("integer"),
            "status": "final",
            "data_element": "ecog",
            "subject_id": P,
            "value_integer": 0,
        },
        {
            "id": uid("date"),
            "status": "final",
            "data_element": "ct_date",
            "subject_id": P,
            **moment("value_date", 2015, 2, 21, "10:00:00Z"),
        },
        {
            "id": uid("absent"),
            "status": "final",
            "data_element": "mrd_value",
            "subject_id": Q,
            "data_absent_reason": "not-performed",
            "data_absent_reason_delivered": "未做",
            **after("effective", 77.0, "first-dose"),
        },
        {
            "id": uid("both"),
            "status": "final",
            "data_element": "mrd_value",
            "subject_id": Q,
            "data_absent_reason": "unknown",
            "data_absent_reason_delivered": "UNK",
            "value_quantity_delivered": "n. e.",
        },
    ],
    "observation_component": [
        {
            "id": uid("lod"),
            "observation_id": uid("mrd"),
            "data_element": "mrd_lod",
            **coded("code", "99998-1", None, LOINC),
            **amount("value_quantity", 1e-4, UCUM_ONE, "0,01", "%", "<="),
        },
        {
            "id": uid("c concept"),
            "observation_id": uid("mrd"),
            "data_element": "mrd_target",
            "run": 4,
            **coded("value_concept", "yes", "ano", LOCAL),
        },
        {
            "id": uid("c string"),
            "observation_id": uid("mrd"),
            "data_element": "mrd_note",
            "value_string": "x",
        },
        {
            "id": uid("c boolean"),
            "observation_id": uid("mrd"),
            "data_element": "mrd_ok",
            "value_boolean": True,
        },
        {
            "id": uid("c integer"),
            "observation_id": uid("mrd"),
            "data_element": "mrd_cells",
            "value_integer": 500000,
        },
    ],
    "medication_administration": [
        {
            "id": uid("course"),
            "status": "completed",
            "data_element": "drug_blinatumomab",
            **coded("medication", "L01FX07", "Blincyto", "http://www.whocc.no/atc"),
            "subject_id": P,
            **day("effective_start", 2015, 2, 4),
            **day("effective_end", 2015, 3, 4),
            "course_number": 1,
            **coded("setting", "inpatient", "lůžko"),
            **coded("status_reason", "toxicity", "tox"),
            **amount("dose_rate", 28.0, "ug/d", "28", "mcg/den", "<="),
            **amount("dose_rate_bsa", 15.0, "ug/(m2.d)", "15", "mcg/m2/den", ">"),
            **amount("dose_reduction", 50.0, "%", "50", "%", "<"),
            "planned_days": 28,
            "delivered_days": 27,
            **coded("tki_concomitant", "dasatinib", "Sprycel"),
            **day("interruption_start", 2015, 2, 10),
            **moment("interruption_end", 2015, 2, 11, "08:00:00+01:00"),
            **coded("interruption_reason", "crs", "CRS"),
        },
        {
            "id": uid("course 2"),
            "status": "completed",
            "data_element": "drug_blinatumomab",
            "subject_id": Q,
            **after("effective_start", 2.0),
            **after("effective_end", 30.0),
            **after("interruption_start", 5.0),
            **after("interruption_end", 6.0),
        },
        {
            "id": uid("course 3"),
            "status": "completed",
            "data_element": "drug_imatinib",
            "subject_id": Q,
            **amount("dose_rate_bsa", 5.0, "ug/(m2.d)", "5", "mcg/m2/d"),
        },
    ],
    "procedure": [
        {
            "id": uid("hsct"),
            "status": "completed",
            "data_element": "hsct_date",
            **coded("code", "hsct", "SCT", LOCAL),
            "subject_id": P,
            **day("performed", 2015, 7, 1),
            **coded("transplant_type", "allogeneic", "allo"),
            **coded("remission_status", "cr1", "CR1"),
            **coded("reason", "mrd", "MRD+"),
            "prior": False,
        },
        {
            "id": uid("hsct 2"),
            "status": "completed",
            "data_element": "hsct_date",
            "subject_id": Q,
            **after("performed", 90.0),
        },
    ],
    "adverse_event": [
        {
            "id": uid("event"),
            "actuality": "actual",
            "data_element": "ae_term",
            **coded("term", "crs", "CRS"),
            "meddra": "10052015",
            "subject_id": P,
            **day("date", 2015, 2, 10),
            **day("end", 2015, 2, 12),
            "grade": 3,
            **coded("grade_system", "ctcae-4", "CTCAE 4.03"),
            "course_number": 1,
            **coded("relatedness", "related", "ano"),
            **coded("outcome", "resolved", "uzdraven"),
            **coded("seriousness", "Serious", "SAE"),
        },
        {
            "id": uid("event 2"),
            "actuality": "actual",
            "data_element": "ae_term",
            **coded("term", "neurotoxicity"),
            "subject_id": Q,
            **after("date", 4.0, "first-dose"),
            **after("end", 8.0, "first-dose"),
        },
    ],
}


def small_store(engine: Engine | None = None) -> Engine:
    """Return a store that holds `ROWS`: in memory, or the empty one given."""
    engine = engine or create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        for table in published_tables():
            for row in ROWS[table.name]:
                study = {"study": "901"} if row.get("identifier") == "901" else {}
                connection.execute(insert(table), {**LINEAGE, **study, **row})
    return engine
