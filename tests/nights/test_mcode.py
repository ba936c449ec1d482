"""The mCODE extraction framework's templates: our bundles beside the ones that it expects."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pytest

from allpool.etl.check.precheck import precheck
from allpool.etl.fhir.bundle import export_bundles
from allpool.etl.fhir.validation import bundle_problems
from allpool.etl.readers import SourceTable, read_source
from allpool.mappings.read import DelimitedRead
from examples.mcode.comparison import Compared, Comparison, load_reasons, unused
from examples.mcode.deliveries import TEMPLATES, for_leukaemia, load_pairs, write_deliveries
from examples.mcode.elements import elements
from examples.mcode.outcome import MAPPING, STUDIES, accounts, compare, kept
from examples.mcode.page import page
from tests.nights.conftest import ROOT, run

pytestmark = pytest.mark.xdist_group("mcode")  # one worker: the night is run once


@dataclass(frozen=True)
class McodeNight:
    """The store and the bundles after a night on the framework's rows, and the comparison of each variant."""

    store: str
    bundles: Path
    comparisons: Sequence[Comparison]


@pytest.fixture(scope="module")
def framework(shared: Path) -> Path:
    folder = shared / "fhir" / "mcode-extraction-framework"
    if not folder.is_dir():
        pytest.skip("the mCODE extraction framework's files are not in ../shared/fhir")
    return folder


@pytest.fixture(scope="module")
def mcode(framework: Path, tmp_path_factory: pytest.TempPathFactory) -> McodeNight:
    folder = tmp_path_factory.mktemp("mcode")
    example = folder / "examples" / "mcode"  # its allpool.toml names ../../build/mcode
    shutil.copytree(ROOT / "examples" / "mcode", example, ignore=shutil.ignore_patterns("*.py*"))
    build = folder / "build" / "mcode"
    pairs = write_deliveries(build, framework)
    store = f"sqlite:///{build / 'allpool.db'}"
    engine, _ = run(example / "allpool.toml", store)
    export_bundles(engine, build / "fhir")
    engine.dispose()
    comparisons = compare(pairs, load_reasons(), store=store, bundles=build / "fhir")
    return McodeNight(store, build / "fhir", comparisons)


def test_every_element_is_equal_or_its_difference_has_a_reason_that_holds(mcode: McodeNight) -> None:
    for comparison in mcode.comparisons:  # a difference without a reason raises, and so does a false reason
        assert len(comparison.resources) == len(TEMPLATES)
        assert comparison.additions
    assert unused(mcode.comparisons) == []


def test_a_difference_without_a_reason_and_a_false_reason_are_found(
    mcode: McodeNight, framework: Path
) -> None:
    ours = kept("leukaemia", store=mcode.store, bundles=mcode.bundles)
    pairs = [
        pair for pair in for_leukaemia(load_pairs(framework)) if pair.template in ("patient", "condition")
    ]

    def compared(kind: str, member: str, value: str) -> Sequence[Compared]:
        changed = [
            {**found, member: value} if found["resourceType"] == kind else found for found in ours.resources
        ]
        return Comparison("leukaemia", pairs, replace(ours, resources=changed), load_reasons()).elements

    assert len(compared("Patient", "gender", "male")) == 25 + 17  # as it is
    with pytest.raises(ValueError, match=r"no reason why Patient.gender is not ours"):
        compared("Patient", "gender", "female")
    with pytest.raises(ValueError, match=r"ours does not say '2020-07-12' at Condition.onsetDateTime"):
        compared("Condition", "onsetDateTime", "2020-07-13")


def test_repetitions_are_told_by_what_they_carry_and_not_by_their_place() -> None:
    one = {"coding": [{"system": "http://a/x", "code": "1"}, {"system": "http://a/y", "code": "2"}]}
    other = {"coding": list(reversed(one["coding"]))}
    swapped = {"coding": [{"system": "http://a/x", "code": "2"}, {"system": "http://a/y", "code": "1"}]}
    first, second, third = (
        elements({"resourceType": "Condition", "id": name, "code": code, "subject": {"reference": subject}})
        for name, code, subject in (
            ("1", one, "Patient/a"),
            ("2", other, "Patient/b"),
            ("3", swapped, "Group/a"),
        )
    )
    assert first == second
    assert set(first - third) == {
        ("Condition.code.coding(x).code", "1"),
        ("Condition.code.coding(y).code", "2"),
        ("Condition.subject", "Patient"),
    }


def test_what_a_leukaemia_centre_sends_is_equal_where_it_matters(mcode: McodeNight) -> None:
    leukaemia = next(found for found in mcode.comparisons if found.variant == "leukaemia")
    equal = {(found.template, found.path) for found in leukaemia.elements if found.reason is None}
    assert equal >= {
        ("patient", "Patient.gender"),
        ("patient", "Patient.birthDate"),
        ("condition", "Condition.clinicalStatus.coding(condition-clinical).code"),
        ("condition", "Condition.verificationStatus.coding(condition-ver-status).code"),
        ("cancer-disease-status", "Observation.status"),
        ("cancer-disease-status", "Observation.code.coding(loinc.org).code"),
        ("cancer-disease-status", "Observation.effectiveDateTime"),
        ("observation", "Observation.code.coding(loinc.org).code"),
        ("observation", "Observation.category.coding(observation-category).code"),
        ("procedure", "Procedure.code.coding(sct).code"),
        ("procedure", "Procedure.performedDateTime"),
        ("cancer-related-medication-administration", "MedicationAdministration.effectivePeriod.end"),
        ("cancer-related-medication-administration", "MedicationAdministration.status"),
        ("adverse-event", "AdverseEvent.event.coding(MDR).code"),
        ("adverse-event", "AdverseEvent.date"),
        ("clinical-trial-information", "ResearchSubject.period.start"),
        ("clinical-trial-information", "ResearchSubject.status"),
    }
    kinds = {found.reason.kind for found in leukaemia.elements if found.reason is not None}
    assert not kinds & {"waits", "no record"}


def test_every_cell_is_accounted_for(mcode: McodeNight) -> None:
    found = accounts(mcode.store)
    assert set(found["feed"]) == set(STUDIES)
    parts = found[["loaded", "quarantined", "ignored", "empty"]].sum(axis="columns")
    pd.testing.assert_series_equal(found["read"], parts, check_names=False)


def test_the_bundles_are_well_formed(mcode: McodeNight) -> None:
    for study in STUDIES.values():
        assert bundle_problems(mcode.bundles / f"{study}.bundle.json") == []


def test_no_name_address_or_number_of_a_person_is_exported(mcode: McodeNight) -> None:
    for path in mcode.bundles.iterdir():
        text = path.read_text(encoding="utf-8")
        for said in ("Marshall", "Archy", "Adams", "Rochelle", "10801", "mrn-1", "subjectId", "Jimmy"):
            assert said not in text, said


def test_the_sample_data_load_as_far_as_they_are_of_leukaemia(mcode: McodeNight) -> None:
    sample = kept("sample", store=mcode.store, bundles=mcode.bundles)
    codes = [
        (found["resourceType"], coding["code"])
        for found in sample.resources
        for coding in found.get("code", found.get("event", {})).get("coding", ())[:1]
    ]
    assert codes.count(("Observation", "body_weight")) == 1
    assert codes.count(("Observation", "response_as_reported")) == 2
    assert sum(found["resourceType"] == "Patient" for found in sample.resources) == 3
    assert sum(found["resourceType"] == "AdverseEvent" for found in sample.resources) == 1
    assert not any(found["resourceType"] == "Condition" for found in sample.resources)  # solid tumours
    assert sample.quarantine["condition.csv", "code"] == "unknown_code"
    weight = next(found for found in sample.resources if "valueQuantity" in found)["valueQuantity"]
    assert weight["value"] == pytest.approx(185 * 0.45359237)
    absent = [found["dataAbsentReason"] for found in sample.resources if "dataAbsentReason" in found]
    assert "not-asked" in {reason["coding"][0]["code"] for reason in absent}


def test_every_column_of_the_templates_is_read_or_ignored_by_name(framework: Path, tmp_path: Path) -> None:
    for path in (framework / "docs").glob("*.csv"):
        shutil.copyfile(path, tmp_path / path.name)
    found = precheck([tmp_path], MAPPING)
    assert len(found.accounts) == len(TEMPLATES) + 1  # and the list of patients
    assert all(account.balanced for account in found.accounts.values())
    assert not {"unmapped_column", "missing_column", "missing_file"} & set(found.found["rule"])


@pytest.mark.parametrize(
    ("file", "rows", "blank"),
    [
        ("example-csv.csv", [2, 3, 4], 0),
        ("example-csv-bom.csv", [2, 3, 4], 0),
        ("example-csv-empty-line.csv", [2, 4], 0),
        ("example-csv-empty-values.csv", [2, 6], 3),  # blanks and tabs alone; a number alone is a row
    ],
)
def test_the_frameworks_odd_files_read_as_it_reads_them(
    framework: Path, file: str, rows: list[int], blank: int
) -> None:
    folder = framework / "test" / "modules" / "fixtures"
    (found,) = read_source(folder, file, DelimitedRead(format="csv"))
    assert isinstance(found, SourceTable)
    assert (found.frame["_row"].to_list(), found.blank_rows) == (rows, blank)
    (first,) = json.loads((folder / "csv-response.json").read_text(encoding="utf-8"))
    assert {name.lower(): text for name, text in found.frame.drop("_row").row(0, named=True).items()} == first


def test_a_drug_without_a_verified_code_is_known_by_its_name(framework: Path, tmp_path: Path) -> None:
    header = (framework / "docs" / "cancer-related-medication-administration.csv").read_text(encoding="utf-8")
    given = (
        "a,1,3041,http://www.nlm.nih.gov/research/umls/rxnorm,cytarabine,2020-01-01,2020-01-07,,,,,completed"
    )
    (tmp_path / "patient.csv").write_text("mrn,gender\na,female\n", encoding="utf-8")
    (tmp_path / "cancer-related-medication-administration.csv").write_text(
        f"{header.splitlines()[0]}\n{given}\n", encoding="utf-8"
    )
    found = precheck([tmp_path], MAPPING)
    assert [(kind.element, kind.records) for kind in found.kinds if kind.element] == [("drug_cytarabine", 1)]


def test_the_page_is_fresh(mcode: McodeNight) -> None:
    written = (ROOT / "docs" / "mcode.md").read_text(encoding="utf-8")
    assert written == page(mcode.comparisons, accounts(mcode.store)), "stale: run `make mcode`"
