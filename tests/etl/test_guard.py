"""The guard: columns and cells that are direct identifiers are refused, never told, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from allpool.etl.check.precheck import Precheck, precheck
from allpool.etl.guard import REMEDY, RULE
from allpool.mappings.identifiers.check_digits import is_chinese_resident_id, is_czech_birth_number
from allpool.mappings.identifiers.suspicion import identifying, suspicion
from tests.etl.personal_numbers import birth_number, resident_id

ROWS = 12
SURNAMES = ("Novák", "Dvořáková", "Horák", "Veselá", "Kučera", "Němcová")
FAMILIES = ("王", "李", "张", "刘", "陈", "杨", "赵", "黄")

COLUMNS = {
    # name of the column -> kind of identifier, and a cell for each row
    "Patient name": ("name", [f"{name}, Anna" for name in SURNAMES * 2]),
    "Surname": ("name", list(SURNAMES * 2)),
    "姓名": ("name", [f"{FAMILIES[row % 8]}小{'明红'[row % 2]}" for row in range(ROWS)]),
    "Příjmení": ("name", list(SURNAMES * 2)),
    "JménoPacienta": ("name", list(SURNAMES * 2)),
    "Nachname": ("name", list(SURNAMES * 2)),
    "National ID": ("national_id", [f"AB{100000 + row}" for row in range(ROWS)]),
    "身份证号": ("national_id", [resident_id(row) for row in range(ROWS)]),
    "Rodné číslo": ("national_id", [birth_number(row) for row in range(ROWS)]),
    "RČ": ("national_id", [birth_number(row, slash=False) for row in range(ROWS)]),
    "Versichertennummer": ("national_id", [f"A{123456780 + row}" for row in range(ROWS)]),
    "phone": ("phone", [f"(405) 321-{1000 + row}" for row in range(ROWS)]),
    "联系电话": ("phone", [f"1391234{5000 + row}" for row in range(ROWS)]),
    "telefon": ("phone", [f"+420 601 123 {100 + row}" for row in range(ROWS)]),
    "Handynummer": ("phone", [f"0171 23456{10 + row}" for row in range(ROWS)]),
    "E-mail": ("email", [f"p{row}@example.org" for row in range(ROWS)]),
    "家庭住址": ("address", [f"北京市东城区和平路{row + 1}号" for row in range(ROWS)]),
    "Bydliště": ("address", [f"Dlouhá {row + 1}, 602 00 Brno" for row in range(ROWS)]),
    "Anschrift": ("address", [f"Hauptstraße {row + 1}" for row in range(ROWS)]),
    "Home address": ("address", [f"{row + 10} Main Street" for row in range(ROWS)]),
    "病案号": ("medical_record_number", [f"Z{100200 + row}" for row in range(ROWS)]),
    "MRN": ("medical_record_number", [f"{700200 + row}" for row in range(ROWS)]),
    "číslo chorobopisu": ("medical_record_number", [f"{2020 + row}/4711" for row in range(ROWS)]),
    "Fallnummer": ("medical_record_number", [f"F{70020 + row}" for row in range(ROWS)]),
}


def check(
    folder: Path, columns: dict[str, list[str]], *, ignore: str = "", arm: str | None = None
) -> Precheck:
    """Check a delivery of one file whose column `arm` is read as the patient's arm."""
    frame = pl.DataFrame({"id": [f"{row:04d}" for row in range(ROWS)], "sex": ["M", "F"] * 6, **columns})
    delivery = folder / "delivery"
    delivery.mkdir(exist_ok=True)
    frame.write_csv(delivery / "patients.csv")
    read = f', {{record: subject, arm: {{column: "{arm}"}}}}' if arm else ""
    (folder / "m.yaml").write_text(
        'mapping: m\nversion: "1"\nsources:\n  patients:\n    file: patients.csv\n    read: {format: csv}\n'
        '    patient: {column: id, pattern: "[0-9]{4}"}\n'
        f"    records: [{{record: patient, sex: {{column: sex}}}}{read}]\n"
        f"    ignore: [{ignore}]\n",
        encoding="utf-8",
    )
    return precheck([delivery], folder / "m.yaml")


@pytest.mark.parametrize("name", COLUMNS)
def test_column_of_identifiers_is_refused_unless_the_mapping_drops_it(tmp_path: Path, name: str):
    kind, cells = COLUMNS[name]
    found = check(tmp_path, {name: cells}, arm=name)
    refused = [item for item in found.findings if item["rule"] == RULE]
    assert [(item["column"], item["row"]) for item in refused] == [(name, row + 2) for row in range(ROWS)]
    assert all(f"({kind.replace('_', ' ')}: " in item["expected"] for item in refused)
    assert all(item["expected"].endswith(REMEDY) for item in refused)
    told = str(found.findings) + str(found.found.to_dicts())
    assert not [cell for cell in cells if cell in told]
    assert found.accounts["patients.csv"].balanced
    assert found.accounts["patients.csv"].quarantined == ROWS

    dropped = check(tmp_path, {name: cells}, ignore=f'"{name}"')
    assert not dropped.findings
    assert dropped.accounts["patients.csv"].ignored == ROWS


@pytest.mark.parametrize("name", COLUMNS)
def test_column_that_the_mapping_does_not_know_is_told_without_its_values(tmp_path: Path, name: str):
    cells = COLUMNS[name][1]
    found = check(tmp_path, {name: cells})
    assert {item["rule"] for item in found.findings} == {"unmapped_column"}
    assert not [cell for cell in cells if cell in str(found.found.to_dicts())]


def test_a_file_that_lost_its_header_is_refused_without_the_values_of_its_first_row(tmp_path: Path):
    check(tmp_path, {})
    file = tmp_path / "delivery" / "patients.csv"
    file.write_text("0001,M,at home\n0002,F,on the ward\n", encoding="utf-8")
    found = precheck([file.parent], tmp_path / "m.yaml")
    assert [(item["rule"], item["column"]) for item in found.findings] == [("no_header", None)]
    assert "at home" not in str(found.findings)
    assert "none of the 3 columns" in found.findings[0]["expected"]


@pytest.mark.parametrize("name", ["身份证号", "Rodné číslo", "病案号"])
def test_identifier_as_patient_key_is_pseudonymised_and_better_not_sent(tmp_path: Path, name: str):
    kind, cells = COLUMNS[name]
    delivery = tmp_path / "delivery"
    delivery.mkdir()
    pl.DataFrame({name: cells, "sex": ["M", "F"] * 6}).write_csv(delivery / "patients.csv")
    (tmp_path / "m.yaml").write_text(
        'mapping: m\nversion: "1"\nsources:\n  patients:\n    file: patients.csv\n    read: {format: csv}\n'
        f'    patient: {{column: "{name}", pattern: ".+"}}\n'
        "    records: [{record: patient, sex: {column: sex}}]\n",
        encoding="utf-8",
    )
    found = precheck([delivery], tmp_path / "m.yaml")
    assert found.accounts["patients.csv"].loaded == 2 * ROWS
    # a medical record number is what hospitals know patients by; a national number is more than is needed
    assert len(found.keys) == (kind == "national_id")
    assert not [cell for cell in cells if cell in str(found.found.to_dicts()) + str(found.keys)]


def test_single_cells_are_refused_where_the_column_is_another_thing(tmp_path: Path):
    cells = ["Arm A"] * (ROWS - 3) + [
        f"Arm B, call {COLUMNS['telefon'][1][0]}",
        birth_number(3),
        "p@example.org",
    ]
    found = check(tmp_path, {"arm": cells}, arm="arm")
    refused = [(item["row"], item["column"]) for item in found.findings if item["rule"] == RULE]
    assert refused == [(ROWS - 1, "arm"), (ROWS, "arm"), (ROWS + 1, "arm")]
    assert not [cell for cell in cells[-3:] if cell in str(found.found.to_dicts())]
    assert found.accounts["patients.csv"].loaded == 3 * ROWS - 3


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("sex", ["M", "F"] * 6),
        ("drug name", ["Blinatumomab", "Imatinib", "Dasatinib"] * 4),
        ("study name", ["Blina-CELL Registry"] * ROWS),
        ("name of investigator's site", ["Brno", "Praha"] * 6),
        ("first name recorded", ["yes", "no"] * 6),
        ("姓名", ["已脱敏"] * ROWS),
        ("cell phone consent", ["yes", "no"] * 6),
        ("cell count", [str(1_300_000_000 + 7 * row) for row in range(ROWS)]),
        ("CD34+ cells", [str(13_000_000_000 + 700_000 * row) for row in range(ROWS)]),
        ("mobile device", ["none", "wheelchair"] * 6),
        ("address of relapse", ["bone marrow", "CNS"] * 6),
        ("diagnosis date", [f"202{row % 10}-01-{row + 10}" for row in range(ROWS)]),
        ("datum", [f"{row + 1}. 1. 2023" for row in range(ROWS)]),
        ("specimen id", [f"S{row:05d}" for row in range(ROWS)]),
        ("leukocyty", [f"{row},{row}" for row in range(ROWS)]),
        ("karyotype", ["46,XY,t(9;22)(q34;q11.2)[20]", "46,XX[20]"] * 6),
        ("诊断", ["急性淋巴细胞白血病", "高危", "复发", "难治"] * 3),
        ("疗效", ["完全缓解", "部分缓解", "未缓解"] * 4),
        ("随访医院", ["北京大学人民医院", "苏州大学附属第一医院"] * 6),
        ("RC", ["1", "2"] * 6),
        ("MRN", ["1E-5", "5e-04", "negativní", "2,5E-3"] * 3),  # minimální reziduální nemoc
        ("MRN den 29", [f"{10000 + row}" for row in range(ROWS)]),
        ("TEL-AML1", ["negative", "positive"] * 6),
        ("record", [str(row) for row in range(ROWS)]),
        ("ten digits", [str(1_000_000_007 + 1_234_567 * row) for row in range(ROWS)]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_columns_pass(name: str, cells: list[str]):
    texts = pl.Series("text", cells).value_counts(name="cells")
    assert suspicion(name, texts) is None
    assert not identifying(texts["text"]).any()


@pytest.mark.parametrize(
    "text",
    [
        "110101198001010015",
        "11010119800101001x",
        "110101198013010011",
        "750132/1234",
        "7513011234",
        "123456/789",
    ],
)
def test_personal_numbers_with_a_wrong_check_digit_or_date_are_none(text: str):
    assert not is_chinese_resident_id(text)
    assert not is_czech_birth_number(text)


def test_personal_numbers_by_their_check_digit():
    assert is_chinese_resident_id("11010519491231002X")  # the example of GB 11643-1999, annex A
    assert not is_chinese_resident_id("110105194912310021")
    assert is_czech_birth_number("780123/3540")  # 7801233540 = 11 x 709203049
    assert is_czech_birth_number("7801233540")
    assert not is_czech_birth_number("780123/3541")
    assert is_czech_birth_number("530101/123")  # nine digits, born until 1953, have no check digit
    assert not is_czech_birth_number("540101/123")
    assert all(is_chinese_resident_id(resident_id(row)) for row in range(50))
    assert all(is_czech_birth_number(birth_number(row)) for row in range(50))
