"""The example consortium through the night: figures, accounts, a second night, another database, FHIR."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from allpool.etl.fhir.bundle import export_bundles
from allpool.models import published_tables
from allpool.models.engine import connect
from tests.fhir_checks import PACKAGE, bundle_problems, validator
from tests.nights.conftest import ExampleNight, run

pytestmark = pytest.mark.xdist_group("example")  # one worker: the night is run once

NOT_DELIVERED = ("consent",)  # no study of the example sends consents
DERIVED = (
    "adsl",
    "adrs",
    "adtte",
    "adae",
    "admrd",
    "analysis_result",
    "analysis_subject",
    "published_estimate",
)


@pytest.fixture(scope="module")
def folder(example_night: ExampleNight) -> Path:
    return example_night.folder


@pytest.fixture(scope="module")
def first(example_night: ExampleNight) -> tuple[str, Any, dict[str, str], dict[str, bytes]]:
    """The store after one night: its address, the report, a digest of each table, the bundles."""
    engine = connect(example_night.url, read_only=True)
    found = digests(engine), bundles(engine, example_night.folder / "fhir")
    engine.dispose()
    return example_night.url, example_night.report, *found


def digests(engine: Engine) -> dict[str, str]:
    """Return a digest of all rows of each table that holds content or results."""
    names = [str(table.name) for table in published_tables()] + list(DERIVED)
    found = {}
    with engine.connect() as connection:
        for name in names:
            rows = connection.execute(text(f'SELECT * FROM "{name}"')).mappings().all()
            lines = sorted(str(sorted((k, plain(v)) for k, v in row.items())) for row in rows)
            assert bool(lines) == (name not in NOT_DELIVERED), name
            found[name] = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return found


def plain(value: Any) -> Any:
    """Return a value as both databases say it."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float) and value == math.floor(value):
        return int(value)
    if isinstance(value, str) and value.startswith(('{"', "{}", "[")):
        value = json.loads(value)  # SQLite gives JSON as text; a UCUM annotation ({course}) is none
    return value if isinstance(value, int | float | dict | list | type(None)) else str(value)


def bundles(engine: Engine, out: Path) -> dict[str, bytes]:
    return {item.path.name: item.path.read_bytes() for item in export_bundles(engine, out)}


def result(url: str, *, plan: str, step: str, statistic: str, at: float | None = None) -> Any:
    """Return the one row of analysis_result that answers."""
    engine = connect(url, read_only=True)
    query = "SELECT * FROM analysis_result WHERE plan = :plan AND step = :step AND statistic = :statistic"
    with engine.connect() as connection:
        rows = (
            connection.execute(text(query), {"plan": plan, "step": step, "statistic": statistic})
            .mappings()
            .all()
        )
    rows = [row for row in rows if at is None or row["at"] == at]
    engine.dispose()
    assert len(rows) == 1, rows
    return rows[0]


def percent(row: Any) -> tuple[float, float, float]:
    return tuple(round(100 * row[name], 1) for name in ("value", "lower", "upper"))


def test_every_cell_of_every_file_is_accounted_for(first: Any) -> None:
    accounts = {name: a for feed in first[1].feeds for name, a in feed.accounts.items()}
    assert len(accounts) > 40
    for name, account in accounts.items():
        assert account.balanced, name
        assert account.read == account.rows * (account.read // account.rows), name
        assert account.quarantined == 0, name
    assert int(first[1].exit_code) == 0


def test_study_001_is_reproduced_from_its_chinese_file(first: Any) -> None:
    url = first[0]
    assert percent(result(url, plan="study_001", step="cr_overt", statistic="proportion")) == (
        80.0,
        51.9,
        95.7,
    )
    mrd = result(url, plan="study_001", step="mrd_response", statistic="proportion")
    assert (percent(mrd), mrd["n"]) == ((63.2, 38.4, 83.7), 19)
    survival = result(url, plan="study_001", step="os", statistic="survival", at=12)
    error = result(url, plan="study_001", step="os", statistic="standard_error", at=12)
    assert (round(100 * survival["value"], 1), round(100 * error["value"], 1)) == (64.2, 12.1)
    logrank = result(url, plan="study_001", step="os_by_mrd", statistic="logrank_p")
    assert round(logrank["value"], 3) == 0.023
    assert "responders from the first dose" in logrank["note"]  # the guard was overridden, and says so


def test_study_004_is_reproduced_from_its_czech_files(first: Any) -> None:
    url = first[0]
    for step, expected in (("efs", (75, 59, 91)), ("os", (86, 73, 99))):
        row = result(url, plan="study_004", step=step, statistic="survival", at=24)
        assert tuple(round(100 * row[name]) for name in ("value", "lower", "upper")) == expected
    published = result(url, plan="study_004", step="mrd_week11", statistic="proportion")
    common = result(url, plan="study_004", step="mrd_common", statistic="proportion")
    assert [(round(row["value"] * row["n"]), row["n"]) for row in (published, common)] == [(21, 25), (24, 25)]


def test_a_second_night_changes_nothing(folder: Path, first: Any) -> None:
    url, _, before, exported = first
    engine, report = run(folder / "allpool.toml", url, output=folder / "out")
    assert {feed.status for feed in report.feeds} == {"unchanged"}
    for feed in report.feeds:
        for account in feed.accounts.values():
            assert account.balanced
            assert account.loaded == 0
    assert digests(engine) == before
    assert bundles(engine, folder / "again") == exported
    engine.dispose()


def test_a_fresh_store_holds_the_same(folder: Path, first: Any, postgresql: Any) -> None:
    engine, report = run(folder / "allpool.toml", postgresql.fresh(), output=folder / "out-postgresql")
    assert int(report.exit_code) == 0
    found = digests(engine)
    assert {name for name in found if found[name] != first[2][name]} == set()
    assert bundles(engine, folder / "postgresql") == first[3]
    engine.dispose()


def test_every_study_is_valid_fhir(folder: Path, first: Any, shared: Path) -> None:
    check = validator(shared / PACKAGE)
    files = sorted((folder / "fhir").glob("*.json"))
    assert len(files) == 5
    for path in files:
        assert bundle_problems(path, check) == [], path.name


def test_synthetic_is_called_synthetic(folder: Path, first: Any) -> None:
    engine = connect(first[0], read_only=True)
    with engine.connect() as connection:
        for table in published_tables():
            marks = connection.execute(text(f'SELECT DISTINCT security FROM "{table.name}"')).scalars().all()
            assert set(marks) <= {"HTEST"}, table.name
    engine.dispose()
    page = (folder / "out" / "index.html").read_text(encoding="utf-8")
    assert "SYNTHETIC" in page.upper()
