"""The spec tables hold: source rows in, harmonised rows out."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tests.etl.transform.spec_runner import (
    Case,
    accounts,
    cases,
    compiled,
    delivered,
    harmonised,
    ordered,
    rows_of,
    untold,
)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_case(case: Case, tmp_path: Path) -> None:
    content = case.content
    mapping = compiled(tmp_path, content["mapping"])
    delivery = delivered(tmp_path, mapping, content["files"])
    assert not delivery.failures
    result = harmonised(delivery, mapping)
    for table, wanted in content.get("rows", {}).items():
        rows = result.tables.get(table, pl.DataFrame())
        if "data_element" in rows.columns and (elements := {row.get("data_element") for row in wanted}) != {
            None
        }:
            rows = rows.filter(pl.col("data_element").is_in(list(elements)))
        assert rows_of(rows, wanted) == ordered(wanted), table
    for table in content.get("nothing_in", []):
        assert table not in result.tables
    wanted = content.get("quarantine", [])
    found = result.quarantine
    assert found.height == len(wanted), found.select("row", "column", "rule", "record").rows()
    assert untold(found, wanted) == []
    settled = accounts(result)
    assert all(account.balanced for account in settled)
    if "account" in content:
        names = content["account"]
        assert {name: str(sum(getattr(account, name) for account in settled)) for name in names} == names
