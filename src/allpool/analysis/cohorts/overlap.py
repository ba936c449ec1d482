"""Suspected overlap: patients of different studies or centres who may be one person."""

from __future__ import annotations

import pandas as pd

COLUMNS = ["usubjid", "studyid", "siteid", "other_usubjid", "other_studyid", "other_siteid", "alike_in"]
TOKEN = "linkage_token"  # noqa: S105 - the name of a column
SAME_AGE = 1.0
"""Years: ages are in whole years, and a centre may round where another cuts off."""


def suspected(adsl: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs of subjects of different studies or centres who may be one person.

    Two subjects are suspected where they bear the same pseudonymous token (column `linkage_token`, if the
    store has it), or where sex and the day of the first dose are equal, ages are within a year, and disease
    status at the first dose is equal or unknown of one. What is unknown is no match. Two people can be alike
    in all of that; this is a reason to ask the centres, not a linkage.

    Returns
    -------
    DataFrame
        usubjid, studyid, siteid, other_usubjid, other_studyid, other_siteid, alike_in; a pair stands once.
    """
    known = adsl[adsl["sex"].notna() & adsl["trtsdt"].notna() & adsl["age"].notna()]
    pairs = _apart(known, ["sex", "trtsdt"])
    statuses = pairs[["disease_status", "other_disease_status"]].replace("unknown", None)
    alike = statuses.isna().any(axis=1) | (statuses.iloc[:, 0] == statuses.iloc[:, 1])
    near = (pairs["age"].astype(float) - pairs["other_age"].astype(float)).abs() <= SAME_AGE
    found = [pairs[near & alike].assign(alike_in="sex, age, first dose, disease status")]
    if TOKEN in adsl.columns:
        tokens = _apart(adsl[adsl[TOKEN].notna()], [TOKEN])
        found.insert(0, tokens.assign(alike_in="pseudonymous token"))
    both = pd.concat(found).drop_duplicates(["usubjid", "other_usubjid"])
    return both.sort_values(["usubjid", "other_usubjid"]).reset_index(drop=True)[COLUMNS]


def comparable(adsl: pd.DataFrame) -> pd.DataFrame:
    """Return studyid, subjects and compared: each study, its subjects, and who of them could be compared.

    Who lacks sex, age, the day of the first dose and a token cannot be found to be anybody else.
    """
    known = adsl["sex"].notna() & adsl["trtsdt"].notna() & adsl["age"].notna()
    if TOKEN in adsl.columns:
        known |= adsl[TOKEN].notna()
    counts = known.groupby(adsl["studyid"], sort=True).agg(["size", "sum"]).astype(int)
    return counts.set_axis(["subjects", "compared"], axis=1).reset_index()


def overlap_note(adsl: pd.DataFrame) -> str | None:
    """Return the warning to print beside a synthesis of these subjects; None where nothing is suspected."""
    found = suspected(adsl)
    if found.empty:
        return None
    both = zip(found["studyid"].astype(str), found["other_studyid"].astype(str), strict=True)
    where = "; ".join(sorted({" and ".join(sorted({first, other})) for first, other in both}))
    pairs = "1 pair" if len(found) == 1 else f"{len(found)} pairs"
    return (
        f"suspected overlap: {pairs} of patients (studies {where}) are alike in {found['alike_in'].iloc[0]} "
        "and may be counted twice; ask the centres, and see the synthesis without each of these studies"
    )


def _apart(subjects: pd.DataFrame, alike_in: list[str]) -> pd.DataFrame:
    """Return the pairs of rows alike in some columns, of different studies or centres; each pair once."""
    others = subjects.rename(columns={name: f"other_{name}" for name in subjects if name not in alike_in})
    pairs = subjects.merge(others, on=alike_in)
    once = pairs["usubjid"] < pairs["other_usubjid"]
    apart = (pairs["studyid"] != pairs["other_studyid"]) | (pairs["siteid"] != pairs["other_siteid"])
    return pairs[once & apart]
