"""Duplicates: subjects of several studies who are one person, and who of them is counted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pandas as pd

from allpool.errors import DefinitionError
from allpool.mappings.dictionary import Frozen
from allpool.mappings.positions import read_yaml

Treatment = Literal["decided", "candidates", "none"]
"""Who counts as one person: as people have decided, all candidates too, or nobody."""
SAME: Final = {"decided": ("same",), "candidates": ("same", "candidate"), "none": ()}

LINKS: Final = ("first_patient", "second_patient", "method", "status")
"""Columns of the links between patients that analyses know."""
COLUMNS: Final = ("usubjid", "studyid", "kept", "kept_study")


class Criterion(Frozen):
    """One column by which it is decided who is kept; the smallest comes first."""

    column: str
    reason: str


class KeepFile(Frozen):
    """The rule, in the order in which it is asked."""

    version: str
    keep: tuple[Criterion, ...]


@cache
def load_keep() -> KeepFile:
    """Return the rule that says who of one person's subjects is counted."""
    path = Path(str(files("allpool.analysis.definitions").joinpath("duplicates.yaml")))
    return read_yaml(path, error=DefinitionError).parse(KeepFile, error=DefinitionError)


def duplicates(
    subjects: pd.DataFrame, links: pd.DataFrame, *, treatment: Treatment = "decided"
) -> pd.DataFrame:
    """Return who is not counted: usubjid, studyid, kept (who is counted in their place), kept_study.

    `subjects` are rows of adsl, `links` pairs of patients with their status. Sameness is passed on: where a
    and b, b and c are the same, so are a and c. Subjects of one study alone have no duplicates here.
    """
    chosen = links[links["status"].isin(SAME[treatment])]
    places = {patient: place for place, patient in enumerate(subjects["patient_id"])}
    pairs = [
        (places[first], places[second])
        for first, second in zip(chosen["first_patient"], chosen["second_patient"], strict=True)
        if first in places and second in places
    ]
    if not pairs or subjects["studyid"].nunique() < 2:
        return pd.DataFrame(columns=list(COLUMNS), dtype=object)
    order = [item.column for item in load_keep().keep]
    known = subjects.reset_index(drop=True).assign(person=_persons(pairs, len(subjects)))
    known["trtsdt"] = pd.to_datetime(known["trtsdt"])
    ordered = known.sort_values(order, na_position="last", kind="stable")
    kept = ordered.groupby("person", sort=False)[["usubjid", "studyid"]].transform("first")
    out = ordered.assign(kept=kept["usubjid"], kept_study=kept["studyid"])
    out = out[out["usubjid"] != out["kept"]]
    return out.sort_values("usubjid")[list(COLUMNS)].astype(object).reset_index(drop=True)


def _persons(pairs: Sequence[tuple[int, int]], n: int) -> np.ndarray:
    """Return a number per subject; subjects who are linked, directly or through others, bear one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first, second = np.array(pairs).T
    graph = coo_array((np.ones(len(pairs)), (first, second)), shape=(n, n))
    _, labels = connected_components(graph, directed=False)
    return np.asarray(labels)


def note(out: pd.DataFrame | None) -> str | None:
    """Return what must be printed where subjects were left out as duplicates."""
    if out is None or out.empty:
        return None
    who = "1 subject is" if len(out) == 1 else f"{len(out)} subjects are"
    pairs = sorted({tuple(sorted(pair)) for pair in zip(out["studyid"], out["kept_study"], strict=True)})
    where = "; ".join(" and ".join(dict.fromkeys(pair)) for pair in pairs)
    return f"{who} left out as the same person as another one who is counted (studies {where})"
