"""AMLSG and TARGET through the store: what was published is derived again, from relative days alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from allpool.analysis.store import Store
from allpool.analysis.survival import cox, kaplan_meier, logrank

pytestmark = pytest.mark.xdist_group("real")  # one worker: the night is run once

EXACT = {"rtol": 0, "atol": 1e-12}  # the bar for Kaplan-Meier
CLOSE = {"rtol": 1e-8, "atol": 1e-8}  # the bar for log-rank and Cox; R prints 15 digits
STUDIES = {"amlsg-hd98a": "AMLHD98A", "amlsg-hd98b": "AMLHD98B", "amlsg-0704": "AMLSG0704"}


@pytest.fixture(scope="module")
def survival(real_store: Store) -> pd.DataFrame:
    """Overall survival of the AMLSG patients with study, centre and covariates."""
    return real_store.sql(
        """
        select t.studyid, t.siteid, t.usubjid, t.aval as time, 1 - t.cnsr as event, p.gender as sex,
               a.value_quantity as age, w.value_quantity as wbc
        from adtte t
        join research_subject s on s.id = t.usubjid
        join patient p on p.id = s.individual_id
        left join observation a on a.subject_id = p.id and a.data_element = 'age_at_index'
        left join observation w on w.subject_id = p.id and w.data_element = 'wbc'
        where t.paramcd = 'os' and t.definition = 'study_entry' and t.studyid like 'amlsg%'
        order by t.usubjid
        """
    )


def test_every_cell_is_accounted_for(real_night: tuple[str, Any]) -> None:
    accounts = [account for feed in real_night[1].feeds for account in feed.accounts.values()]
    assert len(accounts) == 2
    for account in accounts:
        assert account.balanced
    assert {account.read for account in accounts} == {1540 * 106, 1978 * 55}


def test_patients_and_centres(real_store: Store) -> None:
    found = real_store.sql(
        "select feed, count(*) as patients, count(distinct centre) as centres from patient group by feed"
    ).set_index("feed")
    assert found.loc["amlsg", "patients"] == 1540
    assert found.loc["amlsg", "centres"] == 45
    assert found.loc["target", "patients"] == 1551


def test_no_calendar_date_is_made_up(real_store: Store) -> None:
    for table, column in (("patient", "deceased"), ("observation", "effective"), ("procedure", "performed")):
        found = real_store.sql(f"select count(*) as n from {table} where {column}_date is not null")
        assert found["n"].iloc[0] == 0
    anchors = real_store.sql(
        "select distinct feed, effective_anchor as anchor from observation where anchor is not null"
    )
    assert set(map(tuple, anchors.to_numpy())) == {("amlsg", "study-entry"), ("target", "diagnosis")}


def test_complete_remissions_by_study_and_centre(real_store: Store, amlsg_oracle: Any) -> None:
    found = real_store.sql(
        "select studyid, siteid, sum(avalc = 'Y') as x, count(*) as n from adrs "
        "where paramcd = 'cr' and definition = 'common' and studyid like 'amlsg%' group by studyid, siteid"
    )
    by_study = found.groupby("studyid")[["x", "n"]].sum()
    expected = {row["Study"]: (row["x"], row["n"]) for row in amlsg_oracle["cr"]["by_study"]}
    assert {STUDIES[study]: (row.x, row.n) for study, row in by_study.iterrows()} == expected
    by_centre = found.groupby("siteid")[["x", "n"]].sum()
    expected = {f"amlsg-{row['Center']}": (row["x"], row["n"]) for row in amlsg_oracle["cr"]["by_center"]}
    assert {centre: (row.x, row.n) for centre, row in by_centre.iterrows()} == expected


@pytest.mark.parametrize("interval", ["log-log", "plain", "log"])
@pytest.mark.parametrize("study", [None, *STUDIES])
def test_kaplan_meier(survival: pd.DataFrame, amlsg_oracle: Any, study: str | None, interval: Any) -> None:
    rows = survival if study is None else survival[survival["studyid"] == study]
    expected = amlsg_oracle["os_km"]["overall" if study is None else f"Study={STUDIES[study]}"]
    curve = kaplan_meier(rows["time"], rows["event"], ci=interval)
    assert (curve.n, curve.events) == (expected["n"], expected["events"])
    landmarks = pd.DataFrame(expected[interval]["landmarks"])
    found = curve.at(landmarks["time"])
    np.testing.assert_array_equal(found["at_risk"], landmarks["n.risk"])
    np.testing.assert_allclose(found["survival"], landmarks["surv"], **EXACT)
    np.testing.assert_allclose(found["standard_error"], landmarks["greenwood_se"], **EXACT)
    np.testing.assert_allclose(found["lower"], landmarks["lower"].astype(float), **EXACT)
    np.testing.assert_allclose(found["upper"], landmarks["upper"].astype(float), **EXACT)


def test_logrank_by_study(survival: pd.DataFrame, amlsg_oracle: Any) -> None:
    found = logrank(survival["time"], survival["event"], survival["studyid"].map(STUDIES))
    expected = amlsg_oracle["logrank"]["os_study"]
    np.testing.assert_allclose(found.chi2, expected["chisq"], **CLOSE)
    assert found.df == expected["df"]
    np.testing.assert_allclose(found.p, expected["p"], rtol=1e-8, atol=0)


@pytest.mark.parametrize(
    ("model", "strata"), [("os_strata_study", "studyid"), ("os_strata_center", "siteid")]
)
def test_stratified_cox(survival: pd.DataFrame, amlsg_oracle: Any, model: str, strata: str) -> None:
    rows = survival.dropna(subset=["age", "wbc"]).assign(
        AOD=lambda frame: frame["age"],
        gender=lambda frame: frame["sex"].map({"male": 1, "female": 2}),
        wbc=lambda frame: np.log10(frame["wbc"] + 0.1),
    )
    found = cox(rows, "time", "event", ["AOD", "gender", "wbc"], strata=strata)
    expected = amlsg_oracle["cox"][model]
    assert (found.n, found.events) == (expected["n"], expected["nevent"])
    for name, column in (("coef", "coefficient"), ("se", "standard_error")):
        np.testing.assert_allclose(found.table[column], list(expected[name].values()), **CLOSE)
    np.testing.assert_allclose(found.log_likelihood, expected["loglik"], rtol=1e-8)


def test_relapse_free_survival_counts_from_remission(real_store: Store, amlsg_oracle: Any) -> None:
    rows = real_store.sql(
        "select aval as time, 1 - cnsr as event from adtte where paramcd = 'rfs' and definition = 'common' "
        "and studyid like 'amlsg%' and cnsr is not null"
    )
    expected = amlsg_oracle["rfs_km"]["overall"]
    curve = kaplan_meier(rows["time"], rows["event"])
    assert (curve.n, curve.events) == (expected["n"], expected["events"])
    landmarks = pd.DataFrame(expected["log-log"]["landmarks"])
    np.testing.assert_allclose(curve.at(landmarks["time"])["survival"], landmarks["surv"], **EXACT)


def test_target_vital_status_without_days_waits(real_store: Store) -> None:
    waiting = real_store.sql(
        "select rule, \"column\", count(*) as n from quarantine where feed = 'target' group by 1, 2"
    )
    assert waiting.to_dict("records") == [
        {"rule": "required_missing", "column": "Overall Survival Days", "n": 6}
    ]


def test_target_minimal_residual_disease_keeps_its_sensitivity(real_store: Store) -> None:
    mrd = real_store.mrd()
    day_29 = mrd[(mrd["timepoint"] == "day_29") & (mrd["siteid"] == "target")]
    assert day_29["lod"].notna().sum() > 1000
    assert set(np.round(day_29["lod"].dropna(), 12)) >= {1e-4, 1e-5}  # 0.01 % and 0.001 %
