"""Files that others published, read as they came, against Python's own csv module."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from allpool.etl.readers import SourceTable, read_source
from allpool.mappings.read import DelimitedRead

REAL = {
    "AMLSG_1540.csv": 1540,
    "KMsurv_bmt.csv": 137,
    "TARGET_ALL_phase2_1978.csv": 1978,
    "casebase_bmtcrr.csv": 177,
    "mstate_ebmt3.csv": 2204,
    "survival_myeloid.csv": 646,
}


@pytest.mark.parametrize("name", sorted(REAL))
def test_published_patient_data(shared: Path, name: str) -> None:
    found = one(shared / "real", name)
    assert found.frame.height == REAL[name]
    assert found.problems.is_empty()
    agrees_with_csv(found, shared / "real" / name)


def test_redcap_exports(shared: Path) -> None:
    folder = shared / "sources" / "redcap-REDCapR"
    outcomes = list(read_source(folder, "**/data.csv", DelimitedRead(format="csv")))
    tables = [found for found in outcomes if isinstance(found, SourceTable)]
    assert len(tables) >= 20
    empty = [found for found in outcomes if not isinstance(found, SourceTable)]
    assert {(found.rule, found.facts and found.facts.bytes) for found in empty} == {("empty_file", 1)}
    for found in tables:
        assert found.problems["rule"].is_in(["header_only"]).all()
        agrees_with_csv(found, folder / found.facts.path)


def one(folder: Path, name: str) -> SourceTable:
    (found,) = read_source(folder, name, DelimitedRead(format="csv"))
    assert isinstance(found, SourceTable), found
    return found


def agrees_with_csv(found: SourceTable, path: Path) -> None:
    with path.open(encoding="utf-8-sig", newline=None) as file:
        header, *records = list(csv.reader(file))
    expected = [[cell.strip() or None for cell in record] for record in records]
    names = [name.strip() or f"column_{position}" for position, name in enumerate(header, start=1)]
    assert list(found.columns) == names
    assert [list(row) for row in found.frame.select(found.columns).rows()] == [
        row for row in expected if any(row)
    ]
