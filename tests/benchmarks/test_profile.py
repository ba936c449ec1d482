"""The benchmark of the profile on a few rows: its tasks run, its section goes to its place, its bars hold."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from benchmarks import profile


def test_tasks_run_on_what_is_generated(tmp_path: Path):
    path = tmp_path / "visits.csv"
    profile.generate(path, 3_000)
    assert pl.read_csv(path).height == 3_000
    assert pl.read_csv(profile.warm_file(path)).height == profile.WARM_ROWS
    for task in profile.TASKS:
        found = profile.run(task, path)
        assert all(found[name] > 0 for name in ("seconds", "processor", "mib"))


def report(ratio: float = 3.0, mib: float = 400.0) -> dict[str, object]:
    row = {"seconds": 1.0, "processor": 0.5, "mib": mib}
    return {
        "rows": 1000,
        "columns": 12,
        "texts": "700",
        "bytes": 120_000,
        "date": "2026-01-01",
        "runs": 3,
        "cores": 2,
        "load": [0.1, 1.0],
        "ratio": ratio,
        "tasks": dict.fromkeys(profile.TASKS, row),
    }


def test_section_replaces_the_former_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    page = tmp_path / "benchmarks.md"
    page.write_text("# Measured\n\nfirst\n", encoding="utf-8")
    monkeypatch.setattr(profile, "PAGE", page)
    profile.write_section(report())
    profile.write_section({**report(), "runs": 7})
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Measured\n\nfirst\n\n")
    assert text.count("## A profile of a million rows") == 1
    assert "medians of 7" in " ".join(text.split())
    assert "| profile | 1.00 | 0.50 | 1,000 | 400 |" in text
    assert "3.0 times the bare read; bar met" in text


@pytest.mark.parametrize(("ratio", "mib", "met"), [(5.0, 900, True), (5.1, 900, False), (2.0, 1024, False)])
def test_bars(ratio: float, mib: float, met: bool):
    assert profile.is_met(report(ratio, mib)) is met
