"""A night that raises what has changed in a feed, says so, and leaves its Data Docs in the run's folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from allpool.errors import ConfigError, ExitCode
from allpool.etl import operations
from allpool.models import QualityResult

CENTRE = "centre-a"
FEED = "000-centre-a"
QUALITY = '\n[quality]\nfile = "quality.yaml"\ndata_docs = true\n'


@pytest.fixture
def configured(consortium: Path) -> Path:
    """The example consortium with limits and Data Docs."""
    config = consortium / "allpool.toml"
    text = config.read_text(encoding="utf-8").replace("../../build/example", "out")
    config.write_text(text + QUALITY, encoding="utf-8")
    limits = "limits:\n  - {rules: completeness.ph_status, centres: centre-a, share: 0.9, reason: test}\n"
    (consortium / "quality.yaml").write_text(limits, encoding="utf-8")
    return config


def halve(folder: Path) -> None:
    """Leave half of the lines of every table that the centre sends."""
    for path in folder.glob("*.csv"):
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[: 1 + (len(lines) - 1) // 2]))


def test_a_centre_that_sends_half_is_raised_until_it_sends_all(
    night: Callable[..., Any], configured: Path, store_url: str
) -> None:
    data = configured.parent / "data" / "000" / "centre_a"
    before = {path: path.read_bytes() for path in data.glob("*.csv")}
    assert before
    engine, first = night(configured, store_url, centres=[CENTRE])
    engine.dispose()
    assert [line.rule for result in first.feeds for line in result.raised] == []
    halve(data)
    engine, second = night(configured, store_url, centres=[CENTRE])
    raised = {line.rule: line.why for result in second.feeds for line in result.raised}
    assert raised["delivery.patients"] == "trend"
    assert second.exit_code == ExitCode.NEEDS_A_PERSON
    with engine.connect() as connection:
        query = select(QualityResult.rule, QualityResult.run).where(QualityResult.raised == "trend")
        assert {"delivery.patients"} <= {rule for rule, run in connection.execute(query) if run == 2}
    engine.dispose()
    engine, again = night(configured, store_url, centres=[CENTRE])
    with engine.connect() as connection:
        overview = {row["feed"]: row["raised"] for row in operations.overview(connection)}
    engine.dispose()
    assert overview[FEED] == len(raised)
    assert {line.rule for result in again.feeds for line in result.raised} == set(raised), "nothing has come"

    docs = second.data_docs
    assert docs == configured.parent / "out" / "quality" / "2" / "index.html"
    assert (docs.parent / FEED / "patient.html").is_file()
    assert (docs.parent / FEED / "patient.suite.json").is_file()
    assert again.data_docs is None, "nothing was audited"


def test_a_limit_on_a_rule_that_does_not_exist_stops_the_night_before_it_begins(
    night: Callable[..., Any], configured: Path, tmp_path: Path
) -> None:
    text = "limits:\n  - {rules: completeness.nothing, share: 0.9, reason: test}\n"
    (configured.parent / "quality.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"quality\.yaml, line 2: no rule of the audit"):
        night(configured, f"sqlite:///{tmp_path / 'store.db'}", centres=[CENTRE])
