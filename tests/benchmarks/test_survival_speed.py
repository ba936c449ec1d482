"""The survival benchmark on a few subjects: both halves run and agree; the section goes to its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import survival_speed


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own for the generated columns."""
    monkeypatch.setattr(survival_speed, "BUILD", tmp_path / "survival")
    return tmp_path / "survival"


@pytest.mark.parametrize("task", list(survival_speed.TASKS))
def test_estimates_equal_rs(build: Path, task: str):
    against = survival_speed.TASKS[task].against[0] if survival_speed.has_r() else None
    survival_speed.generate(2000)
    row = survival_speed.pair(task, "days", against, subjects=2000, runs=1)
    assert row["seconds"] > 0
    assert (build / f"{task}-days-allpool.bin").stat().st_size > 0
    if against is None:
        pytest.skip("R with its package survival is not on this machine")
    assert row["difference"] < survival_speed.CLOSE


def test_difference_is_found_and_other_shapes_stop(build: Path):
    import numpy as np

    build.mkdir()
    np.array([1.0, 200.0]).tofile(build / "cox-days-allpool.bin")
    np.array([1.0, 202.0]).tofile(build / "cox-days-r.bin")
    assert survival_speed.difference("cox", "days", "cox") == pytest.approx(2 / 202)
    np.array([1.0]).tofile(build / "cox-days-r.bin")
    with pytest.raises(SystemExit, match="2 numbers"):
        survival_speed.difference("cox", "days", "cox")


def test_section_replaces_the_former_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    page = tmp_path / "benchmarks.md"
    page.write_text("# Measured\n\nfirst\n", encoding="utf-8")
    monkeypatch.setattr(survival_speed, "PAGE", page)
    row = {"task": "cox", "times": "days", "against": "cox", "seconds": 1.5, "mib": 100.0}
    row |= {"r_seconds": 3.0, "r_mib": 200.0, "ratio": 0.5, "difference": 1e-12}
    report = {"subjects": 1000, "runs": 3, "cores": 2, "date": "2026-01-01", "load": [0.1, 1.0]}
    report |= {"r_version": "3.5.3", "rows": [row], "left_out": {"a": "b"}}
    survival_speed.write_section(report)
    survival_speed.write_section(report | {"runs": 5})
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Measured\n\nfirst\n\n")
    assert text.count("## Survival on a million subjects") == 1
    assert "medians of 5 pairs" in " ".join(text.split())
    assert "| 1.500 | 3.00 | 0.5 | 2 | 1e-12 | 100 | 200 | met |" in text


@pytest.mark.parametrize(
    ("ratio", "difference", "said"),
    [(2.1, 1e-12, "not met"), (0.5, 1e-3, "differs from R"), (1.9, 1e-9, "met")],
)
def test_verdict_asks_for_time_and_equality(ratio: float, difference: float, said: str):
    row = {"task": "cox", "against": "cox", "ratio": ratio, "difference": difference}
    assert survival_speed.verdict(row) == said
