"""What the night would tell of a folder: the findings of the centre's own check, which judges as the night does."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from allpool.etl.check.precheck import precheck

from benchmarks.quality.copies import Cell, Feed
from benchmarks.quality.scoring import Finding

TODAY = date(2026, 11, 20)
"""Day of the run, so that the same seed gives the same figures."""


def told(folder: Path, feed: Feed) -> list[Finding]:
    """Return every finding on the files in `folder`, those that only warn included."""
    found = precheck([folder], feed.mapping, today=TODAY)
    return [
        Finding(
            Cell(item["file"] or "", item["sheet"], item["row"], item["column"]),
            item["rule"],
            item["severity"],
        )
        for item in (*found.findings, *found.doubts)
    ]
