"""Proportions against R's binom.test, prop.test, fisher.test and prop.trend.test, number by number."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from allpool.analysis.proportions import binomial, chi_square, fisher, proportion, trend

from .conftest import Grid

WITHIN = 1e-11


def test_proportions(grid: Callable[[str], Grid]) -> None:
    oracle = grid("proportions")
    for i, row in enumerate(oracle.data["intervals"]):
        _interval(oracle, f"intervals/{i}", row)
    for i, row in enumerate(oracle.data["fisher2x2"]):
        oracle.is_input(f"fisher2x2/{i}/a_c_b_d_columnwise/*")
        table = np.array(row["a_c_b_d_columnwise"]).reshape(2, 2).T
        oracle.same(f"fisher2x2/{i}/p_two", fisher(table), within=WITHIN)
    oracle.is_input("fisher_2x4/columnwise/*")
    table = np.array(oracle.data["fisher_2x4"]["columnwise"]).reshape(4, 2).T
    oracle.same("fisher_2x4/p", fisher(table), within=WITHIN)
    oracle.same("fisher_2x4/trend_p", trend(table[0], table.sum(axis=0), [1, 2, 3, 4]), within=WITHIN)
    pearson = chi_square(table)
    oracle.same("fisher_2x4/chisq", pearson.chi2, within=WITHIN)
    oracle.same("fisher_2x4/chisq_p", pearson.p, within=WITHIN)
    one_sided = "fisher() is promised two-sided; odds ratios are not promised by the API"
    oracle.is_complete(
        {
            "fisher2x2/*/p_less": one_sided,
            "fisher2x2/*/p_greater": one_sided,
            "fisher2x2/*/midp": one_sided,
            "fisher2x2/*/or_cmle": one_sided,
            "fisher2x2/*/lo": one_sided,
            "fisher2x2/*/hi": one_sided,
        }
    )


def _interval(oracle: Grid, path: str, row: dict[str, float]) -> None:
    x, n, level = row["x"], row["n"], row["level"]
    oracle.is_input(f"{path}/x", f"{path}/n", f"{path}/level")
    for method, name in (("clopper-pearson", "cp"), ("wilson", "wilson"), ("wilson-cc", "wilson_cc")):
        found = proportion(x, n, method=method, level=level)
        oracle.same(f"{path}/p", found.estimate, within=WITHIN)
        oracle.same(f"{path}/{name}_lo", found.lower, within=WITHIN)
        oracle.same(f"{path}/{name}_hi", found.upper, within=WITHIN)
    oracle.same(f"{path}/binom_p_vs_half", binomial(x, n, 0.5), within=WITHIN)
    oracle.same(f"{path}/binom_p_vs_020", binomial(x, n, 0.2), within=WITHIN)
    # a one-sided limit of coverage 1 - a is that of the two-sided interval of coverage 1 - 2 a
    oracle.same(f"{path}/one_sided_lower_cp", proportion(x, n, level=2 * level - 1).lower, within=WITHIN)
