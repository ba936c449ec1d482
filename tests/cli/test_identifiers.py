"""A night on a delivery with direct identifiers: they wait without their values, and get nowhere."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tests.cli.conftest import Folder, Said
from tests.etl.personal_numbers import birth_number, resident_id

NAMES = ("Novákovič", "Dvořáčková", "Horáčkův", "Veselková")
ARM = "{record: subject, arm: {column: %s}}"


def deliver(folder: Folder) -> tuple[Path, dict[str, list[str]]]:
    """Add columns of identifiers to the patients of the sample; return the mapping and the columns."""
    path = folder.path / "data" / "centre-1" / "patients_synthetic.csv"
    patients = pl.read_csv(path, infer_schema=False)
    count = range(patients.height)
    columns = {
        "Jméno pacienta": [f"{NAMES[row % 4]}, Jarmila" for row in count],
        "身份证号": [resident_id(row) for row in count],
        "Rodné číslo": [birth_number(row) for row in count],
        "Telefonnummer": [f"+49 171 23456{10 + row}" for row in count],
        "Home address": [f"{row + 10} Elderberry Street" for row in count],
    }
    patients.with_columns(pl.Series(name, cells) for name, cells in columns.items()).write_csv(path)
    return folder.path / "mappings" / "centre_1.yaml", columns


def account_of(night: Said) -> dict[str, int]:
    """Return the account of the patients' cells."""
    feeds = {feed["feed"]: feed for feed in night.json["feeds"]}
    account: dict[str, int] = feeds["demo-centre-1"]["accounts"]["patients_synthetic.csv"]
    return account


def told(folder: Folder, values: set[str]) -> list[str]:
    """Return where a value stands: what was printed, and every file but the delivery itself."""
    found = ["printed" for said in folder.heard for value in values if value in said]
    for path in folder.path.rglob("*"):
        if path.is_file() and "data" not in path.relative_to(folder.path).parts[:1]:
            content = path.read_bytes()
            found += [path.name for value in values if value.encode() in content]
    return found


def test_identifiers_that_a_mapping_reads_wait_without_their_values(copied: Folder):
    mapping, columns = deliver(copied)
    text = mapping.read_text(encoding="utf-8")
    fields = "".join(
        f"      - {{record: subject, {field}: {{column: {name}}}}}\n"
        for field, name in zip(("arm", "assigned_arm"), ("身份证号", "Jméno pacienta"), strict=True)
    )
    ignored = "".join(f"      {name}: direct identifier\n" for name in list(columns)[3:])
    text = text.replace("    ignore:\n", f"{fields}    ignore:\n{ignored}", 1)
    mapping.write_text(text, encoding="utf-8")
    values = {value for cells in columns.values() for value in cells} | set(NAMES)

    check = copied.says("check", "data/centre-1", "--mapping", mapping, "--report", "check.html", "--json")
    waiting = {(item["column"], item["rule"]) for item in check.json["findings"]}
    assert check.code == 1
    assert ("身份证号", "direct_identifier") in waiting
    assert ("Jméno pacienta", "direct_identifier") in waiting
    assert "`ignore`" in check.out
    assert "patient key" in check.out

    night = copied.says("nightly", "--json")
    account = account_of(night)
    assert night.code == 1
    assert account["quarantined"] == 3 * len(columns["身份证号"])  # one more column is not mapped at all
    rows = copied.says("quarantine", "show", "--json").json
    assert {(row["column"], row["rule"]) for row in rows} == {
        ("身份证号", "direct_identifier"),
        ("Jméno pacienta", "direct_identifier"),
        ("Rodné číslo", "unmapped_column"),
    }
    copied.says("quarantine", "export", "--centre", "centre-1", "--out", "waiting.csv")
    assert told(copied, values) == []


def test_a_mapping_that_drops_them_loads_all_else(copied: Folder):
    mapping, columns = deliver(copied)
    ignored = "".join(f"      {name}: direct identifier\n" for name in columns)
    text = mapping.read_text(encoding="utf-8").replace("    ignore:\n", f"    ignore:\n{ignored}", 1)
    mapping.write_text(text, encoding="utf-8")
    night = copied.says("nightly", "--json")
    assert night.code == 0
    account = account_of(night)
    assert account["quarantined"] == 0
    assert account["ignored"] >= sum(map(len, columns.values()))
    assert told(copied, {value for cells in columns.values() for value in cells}) == []


def test_a_national_number_as_patient_key_is_pseudonymised(copied: Folder):
    mapping, columns = deliver(copied)
    for path in (copied.path / "data" / "centre-1").glob("*.csv"):
        frame = pl.read_csv(path, infer_schema=False)
        numbers = {f"C1-{row + 1:03d}": number for row, number in enumerate(columns["Rodné číslo"])}
        kept = frame.drop(set(columns) & set(frame.columns))
        kept.with_columns(pl.col("patient_id").replace_strict(numbers)).write_csv(path)
    text = mapping.read_text(encoding="utf-8").replace("C1-[0-9]{3}", "[0-9]{6}/[0-9]{4}")
    mapping.write_text(text, encoding="utf-8")
    assert copied.says("nightly", "--json").code == 0
    assert len(copied.ids("select id from patient")) == len(columns["Rodné číslo"])
    warned = copied.ids("select message from quality_result where rule = 'identifying_patient_key'")
    assert len(warned) == 1
    assert "never stored" in warned[0]
    assert told(copied, set(columns["Rodné číslo"])) == []
