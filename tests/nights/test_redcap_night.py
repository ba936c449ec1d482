"""A longitudinal REDCap project of two centres (synthetic), told in five ways: the same records arrive."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from allpool.models import Observation, Patient
from tests.etl.readers.redcap_server import API_NAMES, TOKEN, Project, served
from tests.nights.conftest import run

DICTIONARY = (
    "Variable / Field Name,Form Name,Section Header,Field Type,Field Label,"
    '"Choices, Calculations, OR Slider Labels",Field Note,Text Validation Type OR Show Slider Number\n'
    "record_id,base,,text,Study ID,,,\n"
    'sex,base,,radio,Sex,"1, Female | 2, Male",,\n'
    "dob,base,,text,Date of birth,,,date_dmy\n"
    'organs,base,,checkbox,Organs,"1, Spleen | 2, Testes | 9, None of these",,\n'
    "seen,visit,,text,Seen on,,,date_mdy\n"
    "wbc,visit,,text,White cells,,,number_1dp_comma_decimal\n"
    "taken,mrd,,text,Taken on,,,date_ymd\n"
    "value,mrd,,text,MRD,,,number\n"
    'assay,mrd,,dropdown,Assay,"1, Flow cytometry | 2, PCR",,\n'
)
OWN = ("record_id", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance")
FIELDS = (
    *("sex", "dob", "organs___1", "organs___2", "organs___9", "base_complete"),
    *("seen", "wbc", "visit_complete", "taken", "value", "assay", "mrd_complete"),
)
BASE, DAY = "baseline_arm_1", "day_29_arm_1"


def row(record: str, event: str, group: str, *, instance: int | None = None, **said: str) -> dict[str, str]:
    own = (record, event, "mrd" if instance else "", str(instance or ""))
    told = {**dict.fromkeys(FIELDS, ""), **said}
    return {**dict(zip(OWN, own, strict=True)), "redcap_data_access_group": group, **told}


def boxes(*ticked: str) -> dict[str, str]:
    return {f"organs___{code}": str(int(code in ticked)) for code in ("1", "2", "9")}


ROWS = [
    row("0001", BASE, "brno", sex="1", dob="1980-01-31", **boxes("1"), base_complete="2"),
    row("0001", BASE, "brno", instance=1, taken="2024-04-03", value="0.2", assay="1", mrd_complete="2"),
    row("0001", DAY, "brno", seen="2024-05-02", wbc="5,1", visit_complete="2"),
    row("0001", DAY, "brno", instance=1, taken="2024-05-02", value="0.0003", assay="2", mrd_complete="2"),
    row("0002", BASE, "praha", sex="2", dob="1975-06-05", **boxes(), base_complete="2"),
    row("0002", DAY, "praha", seen="2024-06-07", wbc="ND", visit_complete="2"),
    row("0003", BASE, "praha", sex="", dob="1968-11-30", **boxes("9"), base_complete="1"),
]
LABELS = {
    "sex": {"1": "Female", "2": "Male"},
    "assay": {"1": "Flow cytometry", "2": "PCR"},
    "redcap_event_name": {BASE: "Baseline", DAY: "Day 29"},
    "redcap_data_access_group": {"brno": "Brno", "praha": "Praha"},
    "redcap_repeat_instrument": {"mrd": "MRD"},
    "wbc": {"ND": "Not done"},
    **{f"organs___{code}": {"0": "Unchecked", "1": "Checked"} for code in "129"},
    **{f"{form}_complete": {"1": "Unverified", "2": "Complete"} for form in ("base", "visit", "mrd")},
}
MAPPING = """\
mapping: redcap
version: "1"
study: s1
centre:
  column: redcap_data_access_group
  codes: {{brno: c-brno, Brno: c-brno, praha: c-praha, Praha: c-praha}}
sources:
  base:
    {read}
    patient: {{column: record_id, pattern: "[0-9]{{4}}"}}
    records:
      - record: patient
        sex: {{column: sex, codes: {{"1": female, "2": male}}}}
        birth_date: {{column: dob, format: iso}}
      - record: splenomegaly
        value: {{column: organs___1, codes: {{"1": "true", "0": "false"}}}}
        timepoint: baseline
      - record: testicular_involvement
        value: {{column: organs___2, codes: {{"1": "true", "0": "false"}}}}
        timepoint: baseline
    ignore: {{"redcap_*": REDCap, "*_complete": REDCap, organs___9: none of these}}
  visit:
    {visit}
    patient: {{column: record_id, pattern: "[0-9]{{4}}"}}
    records:
      - record: wbc
        when: {{column: redcap_event_name, in: [day_29_arm_1, Day 29]}}
        value: {{column: wbc, unit: 10*9/L, missing: {{ND: not-performed, Not done: not-performed}}}}
        date: {{column: seen, format: iso}}
        timepoint: day_29
    ignore: {{"redcap_*": REDCap, visit_complete: REDCap}}
  mrd:
    {mrd}
    patient: {{column: record_id, pattern: "[0-9]{{4}}"}}
    records:
      - record: mrd
        date: {{column: taken, format: iso}}
        value: {{column: value, unit: "1"}}
        method: {{column: assay, codes: {{"1": mfc, "2": igtr_qpcr}}}}
        specimen: bone_marrow
    ignore: {{"redcap_*": REDCap, mrd_complete: REDCap}}
"""
FILE = (
    "file: {file}\n    read: {{format: redcap, dictionary: dictionary.csv, instrument: {instrument}{more}}}"
)
CODES = ", missing_codes: {ND: Not done}"
CONFIG = """
[consortium]
name = "A REDCap project (synthetic)"
synthetic = true
example = true
[store]
url = "sqlite:///store.db"
[[feeds]]
id = "one"
mapping = "one.yaml"
folder = "data"
"""
STUDY = """
study: s1
title: A study in REDCap (synthetic)
design: retrospective
centres: [{id: c-brno, name: Brno (synthetic)}, {id: c-praha, name: Praha (synthetic)}]
"""


def table(rows: list[dict[str, str]]) -> str:
    lines = io.StringIO()
    writer = csv.DictWriter(lines, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return lines.getvalue()


def labelled() -> list[dict[str, str]]:
    return [{name: LABELS.get(name, {}).get(value, value) for name, value in said.items()} for said in ROWS]


def values() -> list[dict[str, str]]:
    """Return one object per value, as REDCap's EAV has it: of a checkbox field the ticked codes."""
    told = []
    for said in ROWS:
        key = {"record": said["record_id"], **{name: said[name] for name in OWN[1:]}}
        for name, value in said.items():
            field, _, code = name.partition("___")
            if name not in OWN and value and not (code and value == "0"):
                told.append({**key, "field_name": field, "value": code or value})
    return told


@contextmanager
def api(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    metadata = [
        {API_NAMES[key]: value for key, value in field.items() if key in API_NAMES}
        for field in csv.DictReader(io.StringIO(DICTIONARY))
    ]
    monkeypatch.setenv("REDCAP_TOKEN", TOKEN)
    with served(Project(metadata, ROWS, info={"missing_data_codes": "ND, Not done"})) as url:
        yield {
            source: f'read: {{format: redcap, url: "{url}", token_env: REDCAP_TOKEN, instrument: {form}}}'
            for source, form in (("read", "base"), ("visit", "visit"), ("mrd", "mrd"))
        }
    from redcap import request

    request._session.close()


def exported(folder: Path, way: str) -> dict[str, str]:
    """Write the export and return what the mapping says of it under each source."""
    file, content, more = {
        "raw": ("data.csv", table(ROWS), ""),
        "label": ("data.csv", table(labelled()), ", export: label"),
        "json": ("data.json", json.dumps(ROWS), ""),
        "eav": ("data.json", json.dumps(values()), ""),
    }[way]
    (folder / "dictionary.csv").write_text(DICTIONARY, encoding="utf-8")
    (folder / file).write_text(content, encoding="utf-8")
    return {
        source: FILE.format(file=file, instrument=form, more=more + CODES)
        for source, form in (("read", "base"), ("visit", "visit"), ("mrd", "mrd"))
    }


def delivered(folder: Path, words: dict[str, str]) -> tuple[Any, list[Any], list[Any]]:
    """Run a night and return its feed's result, patients and observations."""
    for name, text in (
        ("allpool.toml", CONFIG),
        ("studies/s1.yaml", STUDY),
        ("mappings/one.yaml", MAPPING.format(**words)),
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    engine, report = run(folder / "allpool.toml", f"sqlite:///{folder / 'store.db'}")
    feed = next(feed for feed in report.feeds if feed.feed == "one")
    with engine.connect() as connection:
        patients = connection.execute(
            select(Patient.id, Patient.centre, Patient.gender, Patient.birth_date).order_by(Patient.id)
        ).all()
        observations = connection.execute(
            select(
                *(Observation.id, Observation.centre, Observation.data_element, Observation.effective_date),
                *(Observation.value_quantity, Observation.value_boolean, Observation.method),
                *(Observation.data_absent_reason, Observation.timepoint),
            ).order_by(Observation.id)
        ).all()
    engine.dispose()
    return feed, list(patients), list(observations)


def test_five_ways_of_one_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {}
    for way in ("raw", "label", "json", "eav", "api"):
        folder = tmp_path / way
        (folder / "data").mkdir(parents=True)
        files = nullcontext(exported(folder / "data", way)) if way != "api" else api(folder, monkeypatch)
        with files as words:
            found[way] = delivered(folder, words)
    feed, patients, observations = found["raw"]
    assert feed.waiting == 0
    assert sorted(row.centre for row in patients) == ["c-brno", "c-praha", "c-praha"]
    said = sorted(
        (row.data_element, row.value_boolean) for row in observations if row.value_boolean is not None
    )
    # 0001 ticked the spleen, 0003 "none of these"; of 0002 nobody knows, though the form is complete
    assert said == [
        ("splenomegaly", False),
        ("splenomegaly", True),
        ("testicular_involvement", False),
        ("testicular_involvement", False),
    ]
    counts = [row for row in observations if row.data_element == "wbc"]
    assert {(float(row.value_quantity or 0), row.data_absent_reason) for row in counts} == {
        (5.1, None),
        (0, "not-performed"),
    }
    assert sorted(row.method for row in observations if row.method) == ["igtr_qpcr", "mfc"]
    for way, (other, people, results) in found.items():
        assert (people, results) == (patients, observations), way
        assert other.waiting == 0, way
        assert len(other.accounts) == 3
        assert all(account.balanced for account in other.accounts.values()), way
    unanswered = {
        way: sum(
            count
            for account in feed.accounts.values()
            for reason, count in account.ignored_by.items()
            if "unanswered" in reason
        )
        for way, (feed, _, _) in found.items()
    }
    assert unanswered == {"raw": 3, "label": 3, "json": 3, "eav": 0, "api": 3}
