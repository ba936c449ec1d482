"""Each printed figure of the five studies beside its value in the generated cohort; becomes `figures.csv`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from examples.generate.figures_000 import figures_000
from examples.generate.figures_001 import figures_001
from examples.generate.figures_002 import figures_002
from examples.generate.figures_003 import figures_003
from examples.generate.figures_004 import figures_004
from examples.generate.ledger import COLUMNS, Ledger
from examples.generate.writing import Tables

__all__ = ["COLUMNS", "figures"]

CHECKS: dict[str, Callable[[Tables, Ledger], None]] = {
    "000": figures_000,
    "001": figures_001,
    "002": figures_002,
    "003": figures_003,
    "004": figures_004,
}


def figures(cohorts: Mapping[str, Tables]) -> list[dict[str, str]]:
    """One row per published record that patient data can answer: printed, generated, met, and why not where not."""
    rows: list[dict[str, str]] = []
    for study, check in CHECKS.items():
        ledger = Ledger(study)
        check(cohorts[study], ledger)
        rows += ledger.rows
    return rows
