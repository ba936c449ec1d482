"""Published FHIR files land: what is landed is what was delivered, less what is said to be taken out."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest

from allpool.etl.landing import Landing
from allpool.etl.transform.ledger import Verdict
from allpool.mappings.compile import load_mapping
from tests.etl.landing.delivered import balanced, delivered, difference, each, landed, leaves, parsed

PAGE = Path(__file__).resolve().parents[3] / "docs" / "fhir.md"


PATTERNS = {"bulk-10-patients": "**/*.ndjson", "hl7-validator-cases": "**/*", "subtly-invalid-cases": "**/*"}


@cache
def whole(folder: Path) -> Landing:
    """Land a folder as one feed; once for all tests, which only look."""
    with TemporaryDirectory() as place:
        return landed(folder, PATTERNS.get(folder.name, "**/*.json"), Path(place))


def assert_equal_but_for_identifiers(landing: Landing, folder: Path) -> int:
    """Compare every landed resource with its delivered text; return how many there were."""
    rows = {(row["source_file"], row["source_row"]): row["resource"] for row in landing.rows.to_dicts()}
    seen = 0
    for file in landing.files:
        said = left = 0
        for row, resource in delivered(folder / file.facts.path):
            text = rows.get((file.id, row))
            if text is None:
                continue
            kept = parsed(text)
            assert difference(resource, kept) is None, (file.facts.path, row, difference(resource, kept))
            said, left, seen = said + leaves(resource), left + leaves(kept), seen + 1
        if len(rows) == sum(len(item.resources) for item in landing.files):
            assert said - left == sum(file.ignored.values()), file.facts.path
    return seen


def names(folder: Path) -> set[str]:
    """Return the names, streets, numbers and ids of persons that a folder's files say."""
    found: set[str] = set()

    def collect(value: Any, member: str) -> None:
        if isinstance(value, dict):
            for name, item in value.items():
                collect(item, name)
        elif isinstance(value, list):
            for item in value:
                collect(item, member)
        elif member in ("family", "given", "line") and len(value) > 4:
            found.add(value)

    for path in folder.iterdir():
        if path.suffix in (".json", ".ndjson"):
            for _, resource in delivered(path):
                if resource.get("resourceType") in ("Patient", "Practitioner"):
                    collect(resource, "")
                    found |= {item["value"] for item in resource.get("identifier", []) if "value" in item}
    return found


@pytest.mark.parametrize(
    ("name", "resources"), [("bulk-10-patients", 7_160), ("synthea-mcode-breast", 1_555)]
)
def test_exports_land_whole(shared: Path, name: str, resources: int):
    folder = shared / "fhir" / name
    found = whole(folder)
    assert found.failures == []
    assert all(file.problems.is_empty() for file in found.files if file.facts.path != LOG)
    assert found.rows.height == resources
    assert balanced(found)
    assert assert_equal_but_for_identifiers(found, folder) == resources
    text = "\n".join(found.rows["resource"])
    leaked = {secret for secret in names(folder) if secret in text}
    assert not leaked


LOG = "log.ndjson"


def test_the_log_of_an_export_is_refused_line_by_line(shared: Path):
    file = whole(shared / "fhir" / "bulk-10-patients").file(LOG)
    assert file is not None
    assert file.problems.select("row", "rule").rows() == [(n, "not_fhir") for n in range(1, 5)]
    assert file.resources == []


def test_patients_of_an_export_are_known_throughout(shared: Path):
    rows = whole(shared / "fhir" / "bulk-10-patients").rows
    patients = set(rows.filter(pl.col("resource_type") == "Patient")["source_id"])
    assert len(patients) == 13
    for type_name in ("Condition", "Procedure"):
        about = rows.filter(pl.col("resource_type") == type_name)["patient"]
        assert about.null_count() == 0
        assert set(about) <= patients


def test_each_example_of_r4_lands_or_says_why_not(shared: Path):
    folder = shared / "fhir" / "hl7-r4-examples"
    files = sorted(path.name for path in folder.glob("*.json"))
    found = whole(folder)
    assert found.failures == []
    assert [file.facts.path for file in found.files] == files
    assert balanced(found)
    # one feed of them all: examples that HL7 publishes twice under one id, in different words, wait
    rules = Counter(rule for file in found.files for rule in file.problems["rule"])
    assert set(rules) == {"resource_conflict"}
    told = {(file.id, row) for file in found.files for row in file.problems["row"]}
    landing = set(found.rows.select("source_file", "source_row").rows())
    ids = set(found.rows["id"])
    for file in found.files:
        for item in file.resources:
            assert item.id in ids or (file.id, item.row) in told
            assert (item.id is None) == ((file.id, item.row) in told)
    assert len(landing) == found.rows.height > 1_700
    assert assert_equal_but_for_identifiers(found, folder) == found.rows.height


def test_each_example_of_r4_lands_whole_by_itself(shared: Path, tmp_path: Path):
    folder = shared / "fhir" / "hl7-r4-examples"
    files = 0
    for name, found in each(folder, "*.json", tmp_path):
        assert found.failures == [], name
        assert found.files[0].problems.is_empty(), name
        assert len(found.files[0].resources) == found.rows.height, name
        assert balanced(found), name
        files += 1
    assert files == 347


@pytest.mark.parametrize(
    ("name", "least"),
    [("hl7-validator-cases", 150), ("subtly-invalid-cases", 5), ("mcode-extraction-framework", 50)],
)
def test_invalid_files_do_not_crash_and_what_is_wrong_has_a_place(shared: Path, name: str, least: int):
    folder = shared / "fhir" / name
    found = whole(folder)
    assert balanced(found)
    assert found.rows.height >= least
    for file in found.files:
        verdicts = dict.fromkeys(found.rows["id"], Verdict.LOADED)
        waits = file.account(verdicts).quarantined
        assert bool(waits) == bool(file.problems.height), file.facts.path
        assert file.problems["row"].null_count() == 0
        assert file.problems["expected"].null_count() == 0
        assert file.problems["value"].null_count() == file.problems.height
    assert all(failure.rule and failure.message for _, failure in found.failures)
    paths = (path for path in folder.glob(PATTERNS.get(name, "**/*.json")) if path.is_file())
    listed = {file.facts.path for file in found.files} | {failure.path for _, failure in found.failures}
    assert listed == {path.relative_to(folder).as_posix() for path in paths}


@pytest.mark.parametrize("name", ["hl7-validator-cases", "subtly-invalid-cases"])
def test_each_invalid_file_is_taken_by_itself(shared: Path, tmp_path: Path, name: str):
    for path, found in each(shared / "fhir" / name, "*.json", tmp_path):
        assert balanced(found), path


def counted() -> list[tuple[str, int, int, int]]:
    """Return the rows of the page's table: folder, files, resources read, rows landed."""
    page = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^\| `([a-z0-9-]+)`[^|]*\| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|", page, re.MULTILINE)
    return [(name, *(int(number.replace(",", "")) for number in numbers)) for name, *numbers in found]


def test_the_page_counts_as_we_do(shared: Path):
    assert len(counted()) == 6
    for name, *numbers in counted():
        found = whole(shared / "fhir" / name)
        files = len(found.files) + len(found.failures)
        resources = sum(len(file.resources) for file in found.files)
        assert [files, resources, found.rows.height] == numbers, name


def test_the_mapping_on_the_page_is_valid(tmp_path: Path):
    (text,) = re.findall(r"```yaml\n(mapping: .*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "m.yaml"
    path.write_text(text, encoding="utf-8")
    mapping = load_mapping(path)
    assert [plan.resource for plan in mapping.landings] == ["Patient", "Observation", None]
