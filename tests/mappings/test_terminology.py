"""Code tables: present wherever one is named, disjoint, equal to the public system where they claim one."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from allpool.errors import MappingError
from allpool.mappings.dictionary import load_dictionary
from allpool.mappings.pages import terminology_page
from allpool.mappings.records import load_records
from allpool.mappings.terminology import CodeTable, load_terminology, normal
from allpool.models import child_classes, resource_classes, systems

TERMINOLOGY = load_terminology()
TABLES = tuple(TERMINOLOGY.tables.values())
CORE = "hl7.fhir.r4.core-4.0.1-rebuilt.tgz"
IN_CORE = {
    "sex",
    "ae_outcome",
    "ae_seriousness",
    "data_absent_reason",
    "administration_status",
    "condition_clinical",
    "condition_verification",
    "observation_status",
    "subject_status",
}
LEFT_OUT = {
    "condition_verification": {
        "unconfirmed", "provisional", "differential", "refuted", "entered-in-error",
    },
    "observation_status": {"registered", "cancelled", "entered-in-error", "unknown"},
    "subject_status": {
        "candidate", "eligible", "ineligible", "not-registered", "pending-on-study", "potential-candidate",
        "screening", "withdrawn",
    },
}  # fmt: skip
"""Codes that say that there is no diagnosis, result or subject: such a row waits, it is no record."""


def name(table: CodeTable) -> str:
    return table.table


def test_every_table_that_a_record_field_or_a_model_names_exists() -> None:
    records = load_records(load_dictionary())
    named = {field.codes for record in records.values() for field in record.fields.values() if field.codes}
    local = systems.local_system("")
    for cls in (*resource_classes(), *child_classes()):
        for column in cls.__table__.columns:
            fhir = column.info.get("fhir")
            for value in fhir.beside.values() if fhir else ():
                if value.startswith(local) and value != systems.DICTIONARY:
                    named.add(value.removeprefix(local).replace("-", "_"))
    assert {"treatment_setting", "hsct_type", "ae_term", "consent", "stop_reason"} <= named
    assert named <= set(TERMINOLOGY.tables)


def test_relative_times_have_their_anchors() -> None:
    assert {"study-entry", "diagnosis", "first-dose", "cr"} <= set(TERMINOLOGY["time_anchor"].codes)


@pytest.mark.parametrize("table", TABLES, ids=name)
def test_a_table_finds_each_of_its_words_and_nothing_twice(table: CodeTable) -> None:
    words = table.lookup()
    for code, term in table.codes.items():
        assert words[normal(code)] == words[normal(term.display)] == code
        for text in (text for texts in term.synonyms.values() for text in texts):
            assert words[normal(text)] == code
    for text, code in table.fixes.items():
        assert words[normal(text)] == code
    assert not {normal(text) for text in table.ignored} & set(words)
    assert table.source
    assert all(term.display for term in table.codes.values())


OWN = [table for table in TABLES if table.system is None]
ENGLISH_ONLY = {"who_version", "race", "ethnicity", "eln_risk"}
"""Editions with a year, and tables that only one source delivers, in its own words."""


@pytest.mark.parametrize("table", [t for t in OWN if t.table not in ENGLISH_ONLY], ids=name)
def test_the_consortiums_own_tables_speak_more_than_english(table: CodeTable) -> None:
    spoken = {language for term in table.codes.values() for language in term.synonyms}
    assert {"en", "zh"} <= spoken


def core_codes(archive: tarfile.TarFile) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for member in archive:
        if Path(member.name).name.startswith("CodeSystem-"):
            file = archive.extractfile(member)
            assert file
            system = json.load(file)
            found[system["url"]] = set(concepts(system.get("concept", [])))
    return found


def concepts(level: list[dict[str, Any]]) -> Iterator[str]:
    for concept in level:
        yield concept["code"]
        yield from concepts(concept.get("concept", []))


def test_tables_of_public_systems_equal_the_r4_core_package(shared: Path) -> None:
    with tarfile.open(shared / "fhir" / CORE) as archive:
        public = core_codes(archive)
    checked = {table.table for table in TABLES if table.system in public}
    assert checked == IN_CORE
    for table in checked:
        codes, left_out = set(TERMINOLOGY[table].codes), LEFT_OUT.get(table, set())
        assert not codes & left_out, table
        assert codes | left_out == public[TERMINOLOGY[table].system or ""], table


def test_each_kind_of_sample_leads_to_its_element() -> None:
    elements = {
        code: [other.code for other in term.external if other.system == systems.DICTIONARY]
        for code, term in TERMINOLOGY["specimen"].codes.items()
    }
    assert elements == {
        "bone_marrow": ["bm_specimen"],
        "peripheral_blood": ["blood_specimen"],
        "csf": ["csf_specimen"],
    }
    assert all(element in load_dictionary() for found in elements.values() for element in found)


@pytest.mark.parametrize(
    ("table", "text", "code"),
    [
        ("sex", "男", "male"),
        ("sex", "Žena", "female"),
        ("yes_no", "ano", "true"),
        ("yes_no", "否", "false"),
        ("yes_no", "nein", "false"),
        ("response", "完全缓解", "cr"),
        ("response", "RD", "nr"),
        ("response", "ED", "early_death"),
        ("first_event", "Death without Remissio", "death_without_remission"),
        ("molecular_subtype", "None of above", "none_of_above"),
        ("molecular_subtype", "None of the above", "none_of_above"),
        ("lineage", "B-Precursor", "b_cell"),
        ("lineage", "B Cell ALL", "b_cell"),
        ("hsct_type", "FREMD", "allo_unrelated"),
        ("hsct_type", "TPL_(Spenderart_unbekannt)", "unknown"),
        ("hsct_remission_status", "Rez1", "relapse_1"),
        ("eln_risk", "Inter-2", "intermediate_2"),
        ("vital_status", "1:DECEASED", "dead"),
        ("mrd_category", "negativní", "undetectable"),
        ("mrd_category", "quantifiable >1e-4", "quantifiable"),
        ("mrd_method", "流式", "mfc"),
        ("karyotype_category", "Low hypodiploidy/near triploidy", "low_hypodiploid"),
        ("ae_term", "Hypophosphatemia", "hypophosphataemia"),
        ("timepoint", "week 11", "week_11"),
        ("timepoint", "第2疗程", "end_of_course_2"),
        ("cause_of_death", "infection after HSCT", "infection_after_hsct"),
    ],
)
def test_words_that_deliveries_use(table: str, text: str, code: str) -> None:
    assert TERMINOLOGY[table].lookup()[normal(text)] == code


def test_rubbish_is_named_and_not_a_word() -> None:
    assert "." in TERMINOLOGY["cns_status"].ignored
    assert normal(".") not in TERMINOLOGY["cns_status"].lookup()


def test_study_002_can_say_both_of_its_classifications() -> None:
    assert {"rr_overt", "cr_mrd_pos", "cr_mrd_neg", "chemo_delay", "untreated"} <= set(
        TERMINOLOGY["disease_status"].codes
    )


def test_a_word_for_two_codes_fails_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "sides.yaml").write_text(
        "table: sides\ntitle: Sides\nsource: test\ncodes:\n"
        "  left: {display: Left, synonyms: {en: [L]}}\n  right: {display: Right, synonyms: {en: [' l ']}}\n",
        encoding="utf-8",
    )
    with pytest.raises(MappingError, match=r"sides\.yaml.*stands for both left and right"):
        load_terminology(tmp_path)


def test_the_page_shows_every_table_and_code_and_breaks_no_row() -> None:
    page = terminology_page(TERMINOLOGY)
    for table in TABLES:
        assert f"\n## {table.table}\n" in page
        assert all(f"| `{code}` |" in page for code in table.codes)
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 5 for row in rows)
