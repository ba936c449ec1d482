"""Suspected overlap: patients of different studies or centres who may be one person."""

from __future__ import annotations

from itertools import combinations

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
    pairs: dict[tuple[str, str], tuple[dict[str, object], dict[str, object], str]] = {}
    known = adsl[adsl["sex"].notna() & adsl["trtsdt"].notna() & adsl["age"].notna()]
    for _, alike in known.groupby(["sex", "trtsdt"], sort=True):
        for first, second in _apart(alike):
            if _same_person(first, second):
                pairs[_key(first, second)] = (first, second, "sex, age, first dose, disease status")
    if TOKEN in adsl.columns:
        for _, alike in adsl[adsl[TOKEN].notna()].groupby(TOKEN, sort=True):
            for first, second in _apart(alike):
                pairs[_key(first, second)] = (first, second, "pseudonymous token")
    rows = [
        (
            *(first[name] for name in ("usubjid", "studyid", "siteid")),
            *(second[name] for name in ("usubjid", "studyid", "siteid")),
            why,
        )
        for _, (first, second, why) in sorted(pairs.items(), key=lambda item: item[0])
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


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


def _apart(alike: pd.DataFrame) -> list[tuple[dict[str, object], dict[str, object]]]:
    """Return the pairs of rows of different studies or centres, in the order of usubjid."""
    rows = [
        {str(name): value for name, value in row.items()}
        for row in alike.sort_values("usubjid").to_dict("records")
    ]
    return [
        (first, second)
        for first, second in combinations(rows, 2)
        if (first["studyid"], first["siteid"]) != (second["studyid"], second["siteid"])
    ]


def _same_person(first: dict[str, object], second: dict[str, object]) -> bool:
    if abs(float(str(first["age"])) - float(str(second["age"]))) > SAME_AGE:
        return False
    statuses = {row["disease_status"] for row in (first, second) if not _unknown(row["disease_status"])}
    return len(statuses) < 2


def _unknown(value: object) -> bool:
    return value is None or value == "unknown" or value != value


def _key(first: dict[str, object], second: dict[str, object]) -> tuple[str, str]:
    return str(first["usubjid"]), str(second["usubjid"])
