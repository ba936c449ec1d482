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

# published records that patient data cannot answer: rules, definitions, methods, narratives,
# plans, unprinted numbers
NOT_CHECKABLE: dict[str, tuple[str, ...]] = {
    "000": ("eligibility", "regimen_definition", "ind_phneg_treatment", "ind_phneg_inferior", "imm_cd8"),
    "001": (
        *(
            "eligibility",
            "def_refractory",
            "def_relapse",
            "def_cr",
            "dose_ge45",
            "dose_lt45",
            "assessment_timepoints",
        ),
        *("def_mrd", "def_mrd_response", "def_os", "def_rfs", "ae_grading", "stats", "subgroups_tested"),
        *("mrd_by_prior_hsct", "death_1", "death_2", "death_3", "death_4", "death_5", "death_6", "death_7"),
    ),
    "002": ("subsequent_therapy",),
    "003": ("eligibility", "dose_ven", "dose_blina", "mrd_assay", "immune_assay", "all_mrdneg_statement"),
    "004": (
        *("planned_n", "early_stop", "eligibility", "prephase", "dose_rule", "amendment", "backbone"),
        *("mrd_triggered_rule", "hsct_rule", "endpoint_primary", "h0_h1", "mrd_assay", "mrdneg_def"),
        *("cd19_loss", "ae_reporting_rule"),
    ),
}
CHECKS: dict[str, Callable[[Tables, Ledger], None]] = {
    "000": figures_000,
    "001": figures_001,
    "002": figures_002,
    "003": figures_003,
    "004": figures_004,
}


def figures(cohorts: Mapping[str, Tables]) -> list[dict[str, str]]:
    """One row per published record that patient data can answer: printed, generated, met, and why
    not where not."""
    rows: list[dict[str, str]] = []
    for study, check in CHECKS.items():
        ledger = Ledger(study)
        check(cohorts[study], ledger)
        rows += ledger.rows
    return rows
