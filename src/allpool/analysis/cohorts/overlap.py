"""Suspected overlap: patients of different studies or centres who may be one person."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import poisson

from allpool.errors import AnalysisError

COLUMNS = ["usubjid", "studyid", "siteid", "other_usubjid", "other_studyid", "other_siteid", "alike_in"]
TOKEN = "linkage_token"  # noqa: S105 - the name of a column
PAIR = ["usubjid", "other_usubjid"]
CANDIDATE = "candidate"
DECIDED = ("same", "different")
SAME_AGE = 1.0
"""Years: ages are in whole years, and a centre may round where another cuts off."""
WINDOW = 45.0
"""Days within which first doses are as likely on one day as on another."""
UNLIKELY = 0.01
"""With more alike pairs than chance makes in one of a hundred consortia, somebody is counted twice."""


def suspected(adsl: pd.DataFrame, links: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the pairs of subjects of different studies or centres who may be one person.

    Two subjects are suspected where they bear the same pseudonymous token (column `linkage_token`, if the
    store has it), or where sex and the day of the first dose are equal, ages are within a year, and disease
    status at the first dose is equal or unknown of one. What is unknown is no match. Two people can be alike
    in all of that; this is a reason to ask the centres, not a linkage. `links` are the pairs that the night
    has found (`patient_link`): those of whom a person has decided are suspected no more, those that an equal
    token makes candidates are.

    Returns
    -------
    DataFrame
        usubjid, studyid, siteid, other_usubjid, other_studyid, other_siteid, alike_in; a pair stands once.
    """
    pairs = _apart(_comparable(adsl), ["sex", "trtsdt"])
    statuses = pairs[["disease_status", "other_disease_status"]].replace("unknown", None)
    alike = statuses.isna().any(axis=1) | (statuses.iloc[:, 0] == statuses.iloc[:, 1])
    near = (pairs["age"].astype(float) - pairs["other_age"].astype(float)).abs() <= SAME_AGE
    found = [pairs[near & alike].assign(alike_in="sex, age, first dose, disease status")]
    if TOKEN in adsl.columns:
        tokens = _apart(adsl[adsl[TOKEN].notna()], [TOKEN])
        found.insert(0, tokens.assign(alike_in="pseudonymous token"))
    if links is not None:
        found.insert(0, linked(adsl, links[(links["method"] == "token") & (links["status"] == CANDIDATE)]))
    both = pd.concat(found).drop_duplicates(["usubjid", "other_usubjid"])
    if links is not None:
        decided = linked(adsl, links[links["status"].isin(DECIDED)])
        known = both.set_index(PAIR).index.isin(decided.set_index(PAIR).index)
        both = both[~known]
    return both.sort_values(["usubjid", "other_usubjid"]).reset_index(drop=True)[COLUMNS]


def linked(adsl: pd.DataFrame, links: pd.DataFrame) -> pd.DataFrame:
    """Return those of `links` of which both patients are in `adsl`, with the columns of `suspected`."""
    who = adsl.set_index("patient_id")[["usubjid", "studyid", "siteid"]] if len(links) else adsl.iloc[:0]
    rows = []
    for first, second in zip(links["first_patient"], links["second_patient"], strict=True):
        if first in who.index and second in who.index:
            one, other = sorted((tuple(who.loc[first]), tuple(who.loc[second])))
            rows.append((*one, *other, "pseudonymous token"))
    return pd.DataFrame(rows, columns=COLUMNS, dtype=object)


def comparable(adsl: pd.DataFrame) -> pd.DataFrame:
    """Return studyid, subjects and compared: each study, its subjects, and who of them could be compared.

    Who lacks sex, age, the day of the first dose and a token cannot be found to be anybody else.
    """
    known = adsl["sex"].notna() & adsl["trtsdt"].notna() & adsl["age"].notna()
    if TOKEN in adsl.columns:
        known |= adsl[TOKEN].notna()
    counts = known.groupby(adsl["studyid"], sort=True).agg(["size", "sum"]).astype(int)
    return counts.set_axis(["subjects", "compared"], axis=1).reset_index()


def expected_by_chance(adsl: pd.DataFrame) -> float:
    """Return how many pairs of different people chance alone makes alike (without tokens).

    The number of pairs of different studies or centres, times the shares of such pairs that agree in sex, age
    and disease status, and in the day of the first dose: the share within 45 days over the 91 days of that.
    """
    known = _comparable(adsl)
    n = len(known)
    groups = known.groupby(["studyid", "siteid"], dropna=False).size().to_numpy()
    pairs = (n**2 - float((groups**2).sum())) / 2
    if pairs == 0:
        return 0.0
    days = pd.to_datetime(known["trtsdt"]).to_numpy().astype("datetime64[D]").astype(np.int64)
    sexes = known["sex"].value_counts().to_numpy()
    status = known["disease_status"].replace("unknown", None)
    told = status.value_counts().to_numpy() / n
    untold = float(status.isna().mean())
    return float(
        pairs
        * ((sexes / n) ** 2).sum()
        * _near(known["age"].to_numpy(dtype=float), SAME_AGE)
        * (_near(days.astype(float), WINDOW) / (2 * WINDOW + 1))
        * ((told**2).sum() + 1 - (1 - untold) ** 2)
    )


def distinct_patients(
    adsl: pd.DataFrame, *, override: str | None = None, links: pd.DataFrame | None = None
) -> tuple[str, ...]:
    """Return what must be printed where these subjects stand in one estimate.

    Raises `AnalysisError` where a token says that two are one person, or where more pairs are alike than
    chance explains (a Poisson P below 0.01), unless `override` gives the reason to go on. Pairs of which a
    person has decided (`links`) are no reason to stop.
    """
    found = suspected(adsl, links)
    if found.empty:
        return ()
    told = found["alike_in"] == "pseudonymous token"
    expected = expected_by_chance(adsl)
    both = zip(found["studyid"].astype(str), found["other_studyid"].astype(str), strict=True)
    where = "; ".join(sorted({" and ".join(sorted({first, other})) for first, other in both}))
    pairs = "1 pair" if len(found) == 1 else f"{len(found)} pairs"
    note = (
        f"suspected overlap: {pairs} of patients (studies {where}) are alike in {found['alike_in'].iloc[0]}; "
        f"chance alone makes some {expected:.2g} so"
    )
    unlikely = float(poisson.sf(int((~told).sum()) - 1, expected)) < UNLIKELY if (~told).any() else False
    if not (told.any() or unlikely):
        return (note,)
    if override:
        return (f"{note}; counted as different people against this advice. The reason given: {override}",)
    raise AnalysisError(
        f"{note}. They may be counted twice: ask the centres and decide (`allpool overlap list`), leave one "
        "of the studies out with the reason (`excludes`), or give `override` with the reason to count them "
        "as different people"
    )


def _near(values: NDArray[np.float64], within: float) -> float:
    """Return the share of ordered pairs of different entries that lie within a distance of each other."""
    ordered = np.sort(values)
    if ordered.size < 2:
        return 0.0
    reach = np.searchsorted(ordered, ordered + within, side="right")
    back = np.searchsorted(ordered, ordered - within, side="left")
    return float((reach - back - 1).sum()) / (ordered.size * (ordered.size - 1))


def _comparable(adsl: pd.DataFrame) -> pd.DataFrame:
    return adsl[adsl["sex"].notna() & adsl["trtsdt"].notna() & adsl["age"].notna()]


def _apart(subjects: pd.DataFrame, alike_in: list[str]) -> pd.DataFrame:
    """Return the pairs of rows alike in some columns, of different studies or centres; each pair once."""
    others = subjects.rename(columns={name: f"other_{name}" for name in subjects if name not in alike_in})
    pairs = subjects.merge(others, on=alike_in)
    once = pairs["usubjid"] < pairs["other_usubjid"]
    apart = (pairs["studyid"] != pairs["other_studyid"]) | (pairs["siteid"] != pairs["other_siteid"])
    return pairs[once & apart]
