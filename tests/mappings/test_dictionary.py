"""The dictionary: complete, each lands somewhere, codes and units hold, headers mean one element."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from pathlib import Path

import pytest
from ucumvert import get_ucum_parser

from allpool.errors import MappingError
from allpool.mappings.dictionary import DataElement, load_dictionary
from allpool.mappings.pages import dictionary_page
from allpool.mappings.record_pages import records_page
from allpool.mappings.records import STRUCTURE, load_records, record_types
from allpool.mappings.terminology import load_terminology, normal
from allpool.models import systems

DICTIONARY = load_dictionary()
RECORDS = load_records(DICTIONARY)
TERMINOLOGY = load_terminology()
ELEMENTS = tuple(DICTIONARY)
STRUCTURE_WORDS = {"study", "centre", "patient", "lineage", "timepoint"}
ORGANISATIONAL = {"study", "subject"}
AMBIGUOUS: dict[tuple[str, str], set[str]] = {}
"""(language, header) that may mean several elements on purpose; empty, and better kept so."""
LOINC_EXAMPLES = {"6690-2": True, "718-7": True, "6690-3": False, "11150-0": True, "11150-1": False}


def ids(element: DataElement) -> str:
    return element.id


def test_every_element_of_the_founding_list_is_there_and_no_other_claims_to_be(shared: Path) -> None:
    with (shared / "seeds" / "data_elements.csv").open(encoding="utf-8", newline="") as file:
        listed = {row["element"] for row in csv.DictReader(file)}
    assert len(listed) == 164
    assert {element.id for element in ELEMENTS if element.seeds} == listed


def test_the_list_lacked_a_relapse_date_and_a_vital_status() -> None:
    assert (DICTIONARY["relapse_date"].record, DICTIONARY["relapse_date"].field) == ("relapse", "date")
    assert (DICTIONARY["vital_status"].record, DICTIONARY["vital_status"].codes) == (
        "vital_status",
        "vital_status",
    )
    assert not DICTIONARY["relapse_date"].seeds


@pytest.mark.parametrize("element", ELEMENTS, ids=ids)
def test_an_element_lands_in_a_field_that_leads_back_to_it(element: DataElement) -> None:
    if element.record == STRUCTURE:
        assert element.field in STRUCTURE_WORDS
        return
    home = RECORDS.get(element.record) or RECORDS[element.id]
    target = home.fields[element.field]
    # the field carries the element, or the record as a whole is of it (a drug's course, a sample's date)
    assert target.element == element.id or home.data_element == element.id


@pytest.mark.parametrize("element", ELEMENTS, ids=ids)
def test_a_coded_element_has_its_table_and_the_field_agrees(element: DataElement) -> None:
    assert (element.type == "code") == (element.codes is not None)
    if element.codes:
        assert element.codes in TERMINOLOGY
    if element.record != STRUCTURE:
        home = RECORDS.get(element.record) or RECORDS[element.id]
        assert home.fields[element.field].codes in (None, element.codes)


@pytest.mark.parametrize("element", ELEMENTS, ids=ids)
def test_the_canonical_unit_has_factor_one_and_all_units_are_ucum(element: DataElement) -> None:
    if element.unit is None:
        assert not element.units
        return
    assert element.type in ("decimal", "integer")
    assert element.units[element.unit] == 1
    parser = get_ucum_parser()
    for unit, factor in element.units.items():
        parser.parse(unit)
        assert factor > 0


@pytest.mark.parametrize("element", [e for e in ELEMENTS if e.type == "decimal"], ids=ids)
def test_a_decimal_has_a_unit_and_a_plausible_range_with_its_source(element: DataElement) -> None:
    assert element.unit
    assert element.range
    assert element.range.source


def test_factors_between_amount_and_mass_say_where_they_come_from() -> None:
    for element in ELEMENTS:
        if any("mol" in unit or "kat" in unit for unit in element.units):
            assert element.units_source, element.id


@pytest.mark.parametrize(
    ("element", "value", "unit", "canonical"),
    [
        ("lab_bilirubin", 17.1, "umol/L", 1.0),  # 17.1 umol/L is 1 mg/dL
        ("lab_phosphate", 1.0, "mmol/L", 3.097),
        ("haemoglobin", 14.0, "g/dL", 140.0),
        ("lab_fibrinogen", 2.5, "g/L", 250.0),
        ("lab_albumin", 40.0, "g/L", 4.0),
        ("lab_alt", 1.0, "ukat/L", 60.0),
        ("wbc", 5900.0, "/uL", 5.9),
        ("mrd_value", 0.01, "%", 1e-4),
        ("bm_blasts", 0.05, "1", 5.0),
        ("dose_rate", 1.166667, "ug/h", 28.0),
        ("age_at_index", 18.0, "mo", 1.5),
    ],
)
def test_conversions_known_from_the_laboratory(
    element: str, value: float, unit: str, canonical: float
) -> None:
    assert value * DICTIONARY[element].units[unit] == pytest.approx(canonical, rel=1e-3)


def check_digit_holds(code: str) -> bool:
    """Whether a LOINC code's last digit is right (mod 10, as the LOINC Users' Guide, appendix C.2)."""
    body, _, digit = code.partition("-")
    doubled = str(int(body[::-1][::2][::-1]) * 2)
    rest = body[::-1][1::2]
    total = sum(map(int, doubled)) + sum(map(int, rest))
    return (-total) % 10 == int(digit)


def test_the_check_digit_test_can_fail() -> None:
    assert {code: check_digit_holds(code) for code in LOINC_EXAMPLES} == LOINC_EXAMPLES


def test_loinc_codes_have_right_check_digits() -> None:
    codes = {c.code for element in ELEMENTS for c in element.code if c.system == systems.LOINC}
    assert len(codes) > 30
    for code in codes:
        assert re.fullmatch(r"\d{3,5}-\d", code)
        assert check_digit_holds(code), code


def test_every_code_names_a_known_system_and_an_honest_source() -> None:
    known = {
        systems.LOINC,
        systems.SNOMED,
        systems.ATC,
        systems.RXNORM,
        systems.HGNC,
    }
    for element in ELEMENTS:
        for code in element.code:
            assert code.system in known, element.id
            assert code.source
            if code.status == "verified":
                assert "recalled" not in code.source, element.id
                assert code.display


def test_doubtful_codes_of_the_founding_list_are_mended() -> None:
    assert [code.code for code in DICTIONARY["bcr_abl1_ratio"].code] == ["46434-7"]
    assert DICTIONARY["cause_of_death"].code[0].status == "verified"
    assert "C4870" not in [code.code for code in DICTIONARY["response_as_reported"].code]
    assert DICTIONARY["cart_date"].code == ()


def test_each_drug_has_an_atc_and_an_rxnorm_code() -> None:
    drugs = [element for element in ELEMENTS if element.id.startswith("drug_")]
    assert len(drugs) >= 16
    for drug in drugs:
        assert [code.system for code in drug.code] == [systems.ATC, systems.RXNORM]


@pytest.mark.parametrize("element", ELEMENTS, ids=ids)
def test_an_element_is_known_by_what_centres_write(element: DataElement) -> None:
    assert element.id in element.synonyms["en"]
    assert element.synonyms["zh"]
    assert element.synonyms["cs"]
    if element.domain not in ORGANISATIONAL:
        assert len(element.synonyms["en"]) >= 2


def test_a_header_leads_to_one_element_within_a_language() -> None:
    meaning: dict[tuple[str, str], set[str]] = defaultdict(set)
    for element in ELEMENTS:
        for language, texts in element.synonyms.items():
            for text in (*texts, element.title.get(language, element.id)):
                meaning[language, normal(text)].add(element.id)
    several = {header: found for header, found in meaning.items() if len(found) > 1}
    assert several == AMBIGUOUS


def test_headers_of_real_deliveries_are_known(shared: Path) -> None:
    known = {normal(text) for element in ELEMENTS for texts in element.synonyms.values() for text in texts}
    target = "Sex,WBC,CNS Status,BCR ABL1 Status,MRD Percentage Day 29,First Event,Karyotype,DNA Index"
    amlsg = "Center,TPL_type,Performance_ECOG,FLT3_ITD,C_Risk,M_Risk,HB,LDH,t_8_21,Recurrence_date,Date_LF"
    for name, headers in (("TARGET_ALL_phase2_1978.csv", target), ("AMLSG_1540.csv", amlsg)):
        with (shared / "real" / name).open(encoding="utf-8-sig") as file:
            present = next(csv.reader(file))
        for header in headers.split(","):
            assert header in present
            assert normal(header) in known, header


def test_an_element_that_stands_twice_fails_with_file_and_line(tmp_path: Path) -> None:
    entry = (
        "  - id: wbc\n    domain: x\n    title: {en: a, zh: b, cs: c}\n    definition: d\n    type: string\n"
        "    record: observation\n    fhir_path: Observation.valueString\n"
    )
    (tmp_path / "x.yaml").write_text("elements:\n" + entry + entry, encoding="utf-8")
    with pytest.raises(MappingError, match=r"x\.yaml.*9.*defined twice"):
        load_dictionary(tmp_path)


def test_the_page_shows_every_element_and_breaks_no_table_row() -> None:
    page = dictionary_page(DICTIONARY)
    for element in ELEMENTS:
        assert f"\n### {element.id}\n" in page
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert rows
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 3 for row in rows)


def test_the_page_of_records_shows_every_field_and_breaks_no_table_row() -> None:
    page = records_page(DICTIONARY)
    sections = {part.partition("\n")[0]: part for part in page.split("\n## ")[1:]}
    for name, kind in record_types().items():
        if name in ("study", "centre"):
            assert name not in sections
            continue
        for field in kind.fields:
            assert f"\n| `{field}` |" in sections[name], (name, field)
    families = {element.id for element in ELEMENTS if element.id in RECORDS and element.record in sections}
    assert all(f"(dictionary.md#{element})" in page for element in families)
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 5 for row in rows)
