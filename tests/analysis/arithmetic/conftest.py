"""Papers of a few records, written as a reader of a paper writes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from allpool.analysis.published.arithmetic.report import Report, check_papers

Paper = Callable[..., Report]


@pytest.fixture
def paper(tmp_path: Path) -> Paper:
    """Check a paper of `total` patients whose records are given, one YAML flow mapping per line."""

    def checked(*records: str, total: int = 100) -> Report:
        lines = [f"- {{{record}}}" for line in records for record in line.strip().splitlines()]
        text = f"document: made\nstudy: {{n_total: {total}}}\nrecords:\n" + "\n".join(lines) + "\n"
        file = tmp_path / "made.yaml"
        file.write_text(text, encoding="utf-8")
        return check_papers([file])

    return checked
