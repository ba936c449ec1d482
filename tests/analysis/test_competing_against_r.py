"""Cumulative incidence, Gray's test and Fine-Gray's model against R, number by number.

Tolerances: 1e-12 for incidences, errors and limits (R's file has 15 digits; observed 1e-14); 1e-8 for tests
and models (observed 1e-12), whose search stops where crr stops.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from allpool.analysis.competing import FineGrayModel, GrayTest, cumulative_incidence, fine_gray, gray

from .conftest import Grid

EXACT = 1e-12
Grids = Callable[[str], Grid]


@pytest.fixture
def remissions(amlsg: pd.DataFrame) -> pd.DataFrame:
    """Time from complete remission; relapse 1, death in remission 2."""
    frame = amlsg[amlsg.CR_date.notna()].copy()
    frame["cause"] = np.where(frame.Recurrence_date.notna(), 1, np.where(frame.Status == 1, 2, 0))
    return frame


def parts(grid: Grid, *names: str) -> Grid:
    """Return the parts of a reference file that are about competing risks."""
    return Grid({name: grid.data[name] for name in names})


def compare_incidence(grid: Grid, path: str, frame: pd.DataFrame, *, time: str, cause: str, by: str) -> None:
    """Compare survfit's curves with both intervals, and cmprsk's with Aalen's variance."""
    root = grid.data[path]
    for name, entry in root["aalen_johansen"].items():
        subset = frame if name == "overall" else frame[frame[by].astype(str) == name.split("=", 1)[1]]
        for key, intervals in entry.items():
            for ci, rows in intervals.items():
                asked = [row["time"] for row in rows]
                found = cumulative_incidence(subset[time], subset[cause], ci=ci).at(asked)
                found = found[found.cause == int(key.removeprefix("cause"))].reset_index(drop=True)
                assert set(found.group) == {"all"}
                columns = {
                    "time": "time",
                    "cif": "incidence",
                    "se_infinitesimal_jackknife_or_greenwood": "standard_error",
                    "lower": "lower",
                    "upper": "upper",
                }
                for i in range(len(rows)):
                    for theirs, ours in columns.items():
                        place = f"{path}/aalen_johansen/{name}/{key}/{ci}/{i}/{theirs}"
                        grid.same(place, found.loc[i, ours], within=EXACT)
    whole = cumulative_incidence(frame[time], frame[cause], group=frame[by].astype(str), variance="aalen")
    for table, column, power in (("cmprsk_est", "incidence", 1), ("cmprsk_var", "standard_error", 2)):
        for i, row in enumerate(root[table]):
            group, number = row["curve"].rsplit(" ", 1)
            for asked_as in (key for key in row if key != "curve"):
                at = whole.at(float(asked_as))
                found = at[(at.group == group) & (at.cause == int(number))][column]
                assert len(found) == 1
                grid.same(f"{path}/{table}/{i}/{asked_as}", found.iloc[0] ** power, within=EXACT)


def compare_gray(grid: Grid, path: str, test: Callable[[int], GrayTest]) -> None:
    node: Any = grid.data
    for key in path.split("/"):
        node = node[key]
    for i, row in enumerate(node):
        found = test(int(row["cause"]))
        grid.same(f"{path}/{i}/stat", found.chi2)
        grid.same(f"{path}/{i}/pv", found.p)
        grid.same(f"{path}/{i}/df", found.df, within=0)
        assert found.p == pytest.approx(row["pv"], rel=1e-6)


def compare_fine_gray(grid: Grid, path: str, model: FineGrayModel) -> None:
    entry = grid.data["finegray"][path]
    assert entry["failcode"] == model.of
    grid.is_input(f"finegray/{path}/failcode")
    grid.same(f"finegray/{path}/n", model.n, within=0)
    grid.same(f"finegray/{path}/loglik", model.log_likelihood)
    grid.same(f"finegray/{path}/loglik_null", model.log_likelihood_null)
    table = model.table
    assert len(entry["coef"]) == len(table)
    for i, term in enumerate(entry["coef"]):
        grid.same(f"finegray/{path}/coef/{term}", table["coefficient"][i])
        grid.same(f"finegray/{path}/se/{term}", table["standard_error"][i])
        for theirs, ours in (("exp(coef)", "hazard_ratio"), ("2.5%", "lower"), ("97.5%", "upper")):
            grid.same(f"finegray/{path}/shr/{i}/{theirs}", table[ours][i])


def test_bmt(grid: Grids, bmt: pd.DataFrame) -> None:
    oracle = parts(grid("bmt"), "cuminc", "finegray")
    compare_incidence(oracle, "cuminc", bmt, time="t2", cause="cr", by="group")
    compare_gray(oracle, "cuminc/gray", lambda of: gray(bmt.t2, bmt.cr, bmt.group, of=of))
    compare_gray(
        oracle,
        "cuminc/gray_stratified_by_hospital",
        lambda of: gray(bmt.t2, bmt.cr, bmt.group, of=of, strata=bmt.hospital),
    )
    for of, name in ((1, "relapse"), (2, "trm")):
        compare_fine_gray(oracle, name, fine_gray(bmt, "t2", "cr", ["group", "z1", "z8"], of=of))
    oracle.is_complete({})


def test_amlsg(grid: Grids, remissions: pd.DataFrame) -> None:
    oracle = parts(grid("amlsg"), "cuminc_from_cr", "cuminc_gender_strata_study", "finegray")
    for path, by in (("cuminc_from_cr", "Study"), ("cuminc_gender_strata_study", "gender")):
        compare_incidence(oracle, path, remissions, time="rfs2", cause="cause", by=by)
        compare_gray(
            oracle,
            f"{path}/gray",
            lambda of, by=by: gray(remissions.rfs2, remissions.cause, remissions[by], of=of),
        )
    compare_gray(
        oracle,
        "cuminc_gender_strata_study/gray_stratified_by_Study",
        lambda of: gray(remissions.rfs2, remissions.cause, remissions.gender, of=of, strata=remissions.Study),
    )
    for of, name in ((1, "relapse"), (2, "nrm")):
        compare_fine_gray(oracle, name, fine_gray(remissions, "rfs2", "cause", ["AOD", "gender"], of=of))
    oracle.is_complete({})
